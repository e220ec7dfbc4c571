from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from crm.models.accounts import Account, OfAccountQuerySet
from crm.models.orders import Product
from crm.models.people import User
from crm.models.scores import Recommendation, Score
from crm.models.work import Task


class ScoreFeedback(models.Model):
    """What somebody made of a score: whether it was useful, or what they did upon it.

    The score stands here as it was shown, for the one of the account moves on.
    """

    class Answer(models.TextChoices):
        USEFUL = "useful", _("Useful")
        USELESS = "useless", _("Not useful")
        TASK = "task", _("Made a task")

    OPINIONS = (Answer.USEFUL, Answer.USELESS)

    account = models.ForeignKey(Account, models.CASCADE, related_name="+")
    user = models.ForeignKey(User, models.SET_NULL, null=True, related_name="+")
    kind = models.CharField(max_length=20, choices=Score.Kind.choices)
    value = models.FloatField()
    model_version = models.CharField(max_length=64)
    as_of = models.DateTimeField()
    answer = models.CharField(max_length=7, choices=Answer.choices)
    task = models.ForeignKey(Task, models.SET_NULL, null=True, related_name="+")
    at = models.DateTimeField(db_default=Now(), editable=False)

    objects = OfAccountQuerySet["ScoreFeedback"].as_manager()

    class Meta:
        verbose_name_plural = "score feedback"
        constraints = [
            models.UniqueConstraint(
                fields=["account", "user", "kind", "model_version", "as_of"],
                condition=models.Q(answer__in=["useful", "useless"]),
                name="one_opinion_of_a_score",
            ),
            models.CheckConstraint(
                condition=models.Q(answer__in=["useful", "useless", "task"]), name="feedback_answer_is_known"
            ),
            models.CheckConstraint(
                condition=models.Q(value__gte=0, value__lte=1), name="feedback_value_is_a_probability"
            ),
        ]
        indexes = [models.Index("model_version", "answer", name="feedback_by_model")]

    def __str__(self) -> str:
        return f"{self.answer}: {self.kind} of {self.account_id}"


class OfferAnswer(models.Model):
    """What came of a recommendation: it was offered, taken, or not wanted. The newest of a product counts.

    The recommendation stands here as it was, for the lists of the account move on.
    """

    class Answer(models.TextChoices):
        OFFERED = "offered", _("Offered")
        ACCEPTED = "accepted", _("Accepted")
        NOT_INTERESTED = "not_interested", _("Not interested")

    SETTLED = (Answer.ACCEPTED, Answer.NOT_INTERESTED)

    account = models.ForeignKey(Account, models.CASCADE, related_name="+")
    product = models.ForeignKey(Product, models.CASCADE, related_name="+")
    user = models.ForeignKey(User, models.SET_NULL, null=True, related_name="+")
    answer = models.CharField(max_length=14, choices=Answer.choices)
    kind = models.CharField(max_length=8, choices=Recommendation.Kind.choices)
    rank = models.PositiveSmallIntegerField()
    model_version = models.CharField(max_length=64)
    as_of = models.DateTimeField()
    at = models.DateTimeField(db_default=Now(), editable=False)

    objects = OfAccountQuerySet["OfferAnswer"].as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=models.Q(answer__in=["offered", "accepted", "not_interested"]),
                name="offer_answer_is_known",
            ),
        ]
        indexes = [
            models.Index("account", "product", models.F("at").desc(), name="answers_of_account"),
            models.Index("model_version", "answer", name="answers_by_model"),
        ]

    def __str__(self) -> str:
        return f"{self.answer}: {self.product_id} to {self.account_id}"
