"""What the API answers with. Accounts are only described here: `rows` builds them."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from crm.models import Account, Order, PartnerAccount, Recommendation, Score, Value

Plain = serializers.Serializer[Any]


class MoneyField(serializers.DecimalField):
    """An amount as a string: binary fractions are no money."""

    def __init__(self, **options: Any) -> None:
        super().__init__(max_digits=19, decimal_places=4, **options)


class ReasonSerializer(Plain):
    code = serializers.CharField()
    label = serializers.CharField(  # type: ignore[assignment] # DRF's fields have a `label` too
        help_text="What kind of thing moved the score, in the reader's language."
    )
    text = serializers.CharField(help_text="The reason as a sentence, in the reader's language.")
    points = serializers.FloatField(
        allow_null=True, help_text="What it adds to the log-odds of the score; signed."
    )


class ScoreSerializer(Plain):
    kind = serializers.ChoiceField(Score.Kind.choices)
    value = serializers.FloatField(min_value=0, max_value=1)
    horizon_days = serializers.IntegerField()
    as_of = serializers.DateTimeField()
    model_version = serializers.CharField()


class ExplainedScoreSerializer(ScoreSerializer):
    previous_value = serializers.FloatField(allow_null=True)
    weekly_values = serializers.ListField(child=serializers.FloatField(), help_text="Oldest first.")
    base_log_odds = serializers.FloatField(
        allow_null=True, help_text="Plus the points of all reasons: the log-odds of the score."
    )
    reasons = ReasonSerializer(many=True)


class ValueSerializer(Plain):
    kind = serializers.ChoiceField(Value.Kind.choices)
    amount = MoneyField()
    low = MoneyField(allow_null=True, help_text="Lower end of the 90 % interval.")
    high = MoneyField(allow_null=True)
    currency = serializers.CharField()
    horizon_days = serializers.IntegerField()
    as_of = serializers.DateTimeField()
    model_version = serializers.CharField()


class ProductSerializer(Plain):
    id = serializers.UUIDField(source="public_id")
    code = serializers.CharField()
    name = serializers.CharField()
    category = serializers.CharField()
    price = MoneyField(allow_null=True)
    currency = serializers.CharField()


class OfferReasonSerializer(Plain):
    code = serializers.CharField()
    text = serializers.CharField(help_text="In the reader's language.")


class RecommendationSerializer(Plain):
    rank = serializers.IntegerField(min_value=1)
    kind = serializers.ChoiceField(Recommendation.Kind.choices)
    product = ProductSerializer()
    score = serializers.FloatField()
    reason = OfferReasonSerializer()
    as_of = serializers.DateTimeField()
    model_version = serializers.CharField()


class AccountSerializer(Plain):
    """An account with its current scores and values."""

    id = serializers.UUIDField()
    name = serializers.CharField()
    kind = serializers.ChoiceField(Account.Kind.choices)
    stage = serializers.ChoiceField(Account.Stage.choices)
    book = serializers.CharField()
    industry = serializers.CharField()
    country = serializers.CharField(help_text="ISO 3166-1 alpha-2, or empty.")
    currency = serializers.CharField(help_text="ISO 4217.")
    website = serializers.CharField()
    customer_since = serializers.DateField(allow_null=True)
    roles = serializers.ListField(child=serializers.ChoiceField(PartnerAccount.Role.choices))
    scores = ScoreSerializer(many=True)
    values = ValueSerializer(many=True)
    created_at = serializers.DateTimeField()
    updated_at = serializers.DateTimeField()
    revision = serializers.IntegerField()


class AccountDetailSerializer(AccountSerializer):
    """An account with its scores explained, and with what to offer it."""

    scores = ExplainedScoreSerializer(many=True)
    recommendations = RecommendationSerializer(many=True)


class OrderSerializer(Plain):
    id = serializers.UUIDField(source="public_id")
    number = serializers.CharField()
    kind = serializers.ChoiceField(Order.Kind.choices)
    placed_at = serializers.DateTimeField()
    cancelled_at = serializers.DateTimeField(allow_null=True)
    amount = MoneyField(help_text="Negative for returns.")
    currency = serializers.CharField()


class OrderLineSerializer(Plain):
    product_code = serializers.CharField(source="product.code")
    product_name = serializers.CharField(source="product.name")
    quantity = serializers.DecimalField(max_digits=14, decimal_places=3)
    unit_price = MoneyField()
    amount = MoneyField()


class OrderDetailSerializer(OrderSerializer):
    account_id = serializers.UUIDField(source="account.public_id")
    lines = OrderLineSerializer(many=True)


class FieldErrorSerializer(Plain):
    pointer = serializers.CharField(help_text="JSON pointer (RFC 6901) into the body, or into the query.")
    code = serializers.CharField()
    detail = serializers.CharField()


class ProblemSerializer(Plain):
    """An error (RFC 9457)."""

    type = serializers.CharField()
    title = serializers.CharField()
    status = serializers.IntegerField()
    code = serializers.CharField()
    detail = serializers.CharField()
    errors = FieldErrorSerializer(many=True)  # type: ignore[assignment] # so have serializers `errors`
    request_id = serializers.CharField()
