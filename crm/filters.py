"""The account list's filters: one set for the page, the partner API, exports and audiences."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import django_filters
from django import forms
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _

from crm.models import Account, AttributeDefinition, Book, Partner, Team, User
from crm.models.access import VIEW_PARTNERS, can
from crm.selectors.account_criteria import SCORE_KINDS, VALUE_KINDS, matching
from crm.selectors.directory import AttributeName

STAFF_ONLY = ("owner", "team", "partner", "has_open_ticket")
ATTRIBUTE_TESTS = {"": "exact", "_min": "min", "_max": "max"}


class ShareField(forms.FloatField):
    """A probability: 0.4 or 40%."""

    default_error_messages = dict.fromkeys(
        ("min_value", "max_value"), _("Write a probability as 0.4 or with the sign of percent.")
    )

    def to_python(self, value: Any) -> float | None:  # type: ignore[override] # the stubs say int
        text = str(value or "").strip().replace("\u202f", "")
        if text.endswith(("%", "％")):
            percent = super().to_python(text[:-1].strip())
            return None if percent is None else percent / 100
        return super().to_python(text)


def share_text(share: float) -> str:
    """Return a probability as somebody would write it into its field."""
    return f"{share * 100:g}%"


class ShareFilter(django_filters.NumberFilter):
    field_class = ShareField


class OwnerField(forms.CharField):
    """Somebody's public id, `me`, or `none`."""

    def clean(self, value: Any) -> str:
        text: str = super().clean(value)
        if text in ("", "me", "none"):
            return text
        try:
            return str(forms.UUIDField().clean(text))
        except ValidationError as error:
            raise ValidationError(_("This person is not known.")) from error


class OwnerFilter(django_filters.CharFilter):
    field_class = OwnerField


class AccountFilter(django_filters.FilterSet):
    """Parses the query string; `account_criteria.matching` knows what it means in SQL."""

    base_filters: dict[str, django_filters.Filter]
    filters: dict[str, django_filters.Filter]

    q = django_filters.CharFilter(label=_("Name or reference"), max_length=100)
    book = django_filters.ModelChoiceFilter(
        label=_("Book"), queryset=Book.objects.order_by("pk"), to_field_name="code"
    )
    country = django_filters.CharFilter(label=_("Country"), max_length=2)
    stage = django_filters.ChoiceFilter(label=_("Stage"), choices=Account.Stage.choices)
    industry = django_filters.CharFilter(label=_("Industry"), max_length=60)
    owner = OwnerFilter(label=_("Owner"))
    team = django_filters.ModelChoiceFilter(
        label=_("Team"), queryset=Team.objects.order_by("name"), to_field_name="public_id"
    )
    churn_min = ShareFilter(label=_("Churn risk from"), min_value=0, max_value=1)
    churn_max = ShareFilter(label=_("Churn risk to"), min_value=0, max_value=1)
    purchase_min = ShareFilter(label=_("Purchase from"), min_value=0, max_value=1)
    purchase_max = ShareFilter(label=_("Purchase to"), min_value=0, max_value=1)
    payment_risk_min = ShareFilter(label=_("Payment risk from"), min_value=0, max_value=1)
    payment_risk_max = ShareFilter(label=_("Payment risk to"), min_value=0, max_value=1)
    value_min = django_filters.NumberFilter(label=_("Expected value from"))
    value_max = django_filters.NumberFilter(label=_("Expected value to"))
    expected_loss_min = django_filters.NumberFilter(label=_("Expected loss from"))
    expected_loss_max = django_filters.NumberFilter(label=_("Expected loss to"))
    has_open_ticket = django_filters.BooleanFilter(label=_("Has an open ticket"))
    partner = django_filters.ModelChoiceFilter(
        label=_("Partner"), queryset=Partner.objects.order_by("name"), to_field_name="public_id"
    )
    without = django_filters.ChoiceFilter(
        label=_("Without"), choices=[(name, name) for name in (*SCORE_KINDS, *VALUE_KINDS)]
    )

    class Meta:
        model = Account
        fields: list[str] = []

    def __init__(
        self,
        data: Mapping[str, Any] | None = None,
        *args: Any,
        definitions: Iterable[AttributeDefinition | AttributeName] | None = None,
        **kwargs: Any,
    ) -> None:
        # Only what was asked for: to copy and clean them all takes longer than the query itself.
        self.base_filters = {name: found for name, found in self.base_filters.items() if name in (data or ())}
        super().__init__(data, *args, **kwargs)
        principal = getattr(self.request, "user", None)
        for name in STAFF_ONLY:  # nobody outside learns who works on what
            if not isinstance(principal, User) or (name == "partner" and not can(principal, VIEW_PARTNERS)):
                self.filters.pop(name, None)
        self.definitions: dict[str, AttributeDefinition | AttributeName] = {
            d.key: d for d in definitions or ()
        }
        if definitions is None and any(name.startswith("attr_") for name in self.data or ()):
            self.definitions = {d.key: d for d in AttributeDefinition.objects.all()}
        for definition in self.definitions.values():
            self.filters |= attribute_filters(definition)
        # Fields that nobody fills in are not worth building twenty times a page.
        self.filters = {name: found for name, found in self.filters.items() if name in (self.data or ())}

    def filter_queryset(self, queryset: QuerySet[Account]) -> QuerySet[Account]:
        return matching(queryset, self.criteria())

    def criteria(self) -> dict[str, Any]:
        """Return what was asked for as plain JSON values; what can't be read is left out."""
        self.form.is_valid()
        cleaned = {name: value for name, value in self.form.cleaned_data.items() if value not in (None, "")}
        attributes: dict[str, dict[str, Any]] = {}
        for key in self.definitions:
            for suffix, test in ATTRIBUTE_TESTS.items():
                value = cleaned.pop(f"attr_{key}{suffix}", None)
                if value is not None:
                    attributes.setdefault(key, {})[test] = _plain(value)
        criteria = {name: _plain(value) for name, value in cleaned.items()}
        owner = criteria.pop("owner", None)
        return {**criteria, **self._owner(owner), **({"attributes": attributes} if attributes else {})}

    def _owner(self, owner: str | None) -> dict[str, Any]:
        if owner is None:
            return {}
        if owner == "none":
            return {"no_owner": True}
        if owner == "me":
            return {"owner": self.request.user.pk}
        found = User.objects.filter(public_id=owner).values_list("pk", flat=True).first()
        return {"owner": found or 0}


def attribute_filters(definition: AttributeDefinition | AttributeName) -> dict[str, django_filters.Filter]:
    """Return the filters of one custom attribute: exact, and from-to for numbers."""
    name, types = f"attr_{definition.key}", AttributeDefinition.Type
    if definition.type == types.NUMBER:
        return {
            f"{name}{suffix}": django_filters.NumberFilter(label=f"{definition.label} {test}")
            for suffix, test in (("", ""), ("_min", "≥"), ("_max", "≤"))
        }
    if definition.type == types.BOOLEAN:
        return {name: django_filters.BooleanFilter(label=definition.label)}
    if definition.type == types.CHOICE:
        choices = list(definition.choices.items())
        return {name: django_filters.ChoiceFilter(label=definition.label, choices=choices)}
    return {name: django_filters.CharFilter(label=definition.label, max_length=200)}


def _plain(value: Any) -> Any:
    """Return a form's value as JSON knows it: ids for rows, numbers for decimals."""
    if hasattr(value, "pk"):
        return value.pk
    if hasattr(value, "as_integer_ratio") and not isinstance(value, bool | int):
        number = float(value)
        return int(number) if number.is_integer() else number
    return value
