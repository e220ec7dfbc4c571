"""Every column that people's words or names can reach is either declared personal or known not to be."""

from django.apps import apps
from django.db import models

from config.logging import PERSONAL_KEYS
from crm.models.personal import PERSONAL_COLUMNS, personal_names

TEXTS = (models.CharField, models.TextField, models.EmailField, models.JSONField)
# Words of the product, of administrators or of machines; none is about a person.
IMPERSONAL = {
    "AdResult", "ApiKey", "AttributeDefinition", "Book", "Campaign", "Change", "ChangeSet", "DataFeed",
    "DataFeedFile", "DeletedKey", "Delivery", "DuplicatePair", "Enrolment", "Erasure", "Evaluation",
    "EventKey", "EventRetention", "ExchangeRate", "ExternalId", "FeedCursor", "IdempotencyKey", "Invoice",
    "Job", "LiftReport", "ModelVersion", "Notification", "Offered", "OfferAnswer", "Order", "OrderLine",
    "Organisation", "Outcome", "PartnerAccount", "Payment", "Prediction", "Product", "QualityCount",
    "QualityRule", "Recommendation", "Reliability", "RememberedMapping", "Response", "RuleCount", "Run",
    "SavedView", "Schedule", "Score", "ScoreFeedback", "SourceAlert", "SourceDay", "Subscription", "Team",
    "TrackedSite", "Value", "WorkerHeartbeat",
    "ModelCheck", "ModelPolicy", "ReasonTotals",
}  # fmt: skip


def own_models() -> list[type[models.Model]]:
    return [
        model
        for app in ("crm", "campaigns", "analytics")
        for model in apps.get_app_config(app).get_models()
        if not hasattr(model, "pgh_tracked_model")
    ]


def test_every_declared_column_exists():
    for label, columns in PERSONAL_COLUMNS.items():
        for column in columns:
            assert apps.get_model(label)._meta.get_field(column), f"{label}.{column}"


def test_every_model_with_words_is_declared_one_way_or_the_other():
    undecided = {
        model.__name__
        for model in own_models()
        if model._meta.label not in PERSONAL_COLUMNS
        and model.__name__ not in IMPERSONAL
        and any(isinstance(field, TEXTS) for field in model._meta.fields)
    }

    assert undecided == set()


def test_logs_mask_every_name_of_a_personal_column():
    assert personal_names() <= PERSONAL_KEYS
