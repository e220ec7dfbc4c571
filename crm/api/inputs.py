"""What the API is sent: checked here, stored by services."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from rest_framework import serializers

from crm.models import Account, Event
from crm.selectors.countries import COUNTRIES
from crm.selectors.currencies import CURRENCIES
from crm.services.events import NewEvent
from crm.services.leads import NewLead, Person

MAX_BATCH = 1_000
OLDEST_EVENT = datetime(2000, 1, 1, tzinfo=UTC)
CLOCKS_DIFFER_BY = timedelta(minutes=5)
A_WEEK = 7 * 86_400
COUNTRY = r"^[A-Z]{2}$"
CURRENCY = r"^[A-Z]{3}$"


class Input(serializers.Serializer[Any]):
    """Refuses fields that it doesn't know: a misspelt one must not be lost in silence."""

    def to_internal_value(self, data: Any) -> Any:
        unknown = set(data) - set(self.fields) if isinstance(data, dict) else set()
        if unknown:
            message = [_("There is no such field.")]
            errors = {str(name): message for name in sorted(unknown, key=str)}
            raise serializers.ValidationError(errors, "unknown_field")
        return super().to_internal_value(data)


class InstantField(serializers.DateTimeField):
    """A moment with its offset from UTC; without one it could be anywhere within a day."""

    default_error_messages = {"no_offset": gettext_lazy("Say the offset from UTC, such as Z or +08:00.")}

    def enforce_timezone(self, value: datetime) -> datetime:
        if timezone.is_naive(value):
            self.fail("no_offset")
        return value


class ContactInput(Input):
    name = serializers.CharField(max_length=200)
    job_title = serializers.CharField(max_length=120, required=False, allow_blank=True, default="")
    email = serializers.EmailField(max_length=254, required=False, allow_blank=True, default="")
    phone = serializers.CharField(max_length=40, required=False, allow_blank=True, default="")

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if not attrs["email"] and not attrs["phone"]:
            raise serializers.ValidationError(_("Give an e-mail address or a phone number."), "unreachable")
        return attrs


class LeadInput(Input):
    name = serializers.CharField(max_length=200)
    kind = serializers.ChoiceField(
        Account.Kind.choices, required=False, default=Account.Kind.ORGANISATION.value
    )
    industry = serializers.CharField(max_length=60, required=False, allow_blank=True, default="")
    country = serializers.RegexField(
        COUNTRY, required=False, allow_blank=True, default="", help_text="ISO 3166-1 alpha-2."
    )
    currency = serializers.RegexField(
        CURRENCY, required=False, allow_blank=True, default="", help_text="ISO 4217; by default the book's."
    )
    website = serializers.CharField(max_length=200, required=False, allow_blank=True, default="")
    tax_id = serializers.CharField(
        max_length=40, required=False, allow_blank=True, default="", help_text="Helps to notice who is known."
    )
    external_id = serializers.CharField(
        max_length=200, required=False, allow_blank=True, default="", help_text="Your own number of it."
    )
    note = serializers.CharField(max_length=5000, required=False, allow_blank=True, default="")
    contact = ContactInput()

    def validate_country(self, code: str) -> str:
        if code and code not in COUNTRIES:
            raise serializers.ValidationError(_("No country has this code."), "invalid")
        return code

    def validate_currency(self, code: str) -> str:
        if code and code not in CURRENCIES:
            raise serializers.ValidationError(_("No currency has this code."), "invalid")
        return code

    def lead(self) -> NewLead:
        said = dict(self.validated_data)
        return NewLead(**{**said, "contact": Person(**said["contact"])})


class EventInput(Input):
    kind = serializers.ChoiceField(Event.Kind.choices)
    at = InstantField()
    account_id = serializers.UUIDField(required=False, allow_null=True, default=None)
    visitor = serializers.CharField(
        max_length=64, required=False, allow_blank=True, default="", help_text="A pseudonym, no address."
    )
    product_code = serializers.CharField(max_length=40, required=False, allow_blank=True, default="")
    term = serializers.CharField(max_length=200, required=False, allow_blank=True, default="")
    source = serializers.CharField(  # type: ignore[assignment] # DRF's fields have a `source` too
        max_length=60, required=False, allow_blank=True, default=""
    )
    medium = serializers.CharField(max_length=60, required=False, allow_blank=True, default="")
    campaign_code = serializers.CharField(max_length=60, required=False, allow_blank=True, default="")
    page = serializers.CharField(
        max_length=200, required=False, allow_blank=True, default="", help_text="A path without its query."
    )
    duration_seconds = serializers.FloatField(
        min_value=0, max_value=A_WEEK, required=False, allow_null=True, default=None
    )
    key = serializers.CharField(
        max_length=64,
        required=False,
        allow_blank=True,
        default="",
        help_text="Your own id of the event; sent again, it is ignored.",
    )

    def validate_at(self, at: datetime) -> datetime:
        if at > timezone.now() + CLOCKS_DIFFER_BY:
            raise serializers.ValidationError(_("This lies in the future."), "in_the_future")
        if at < OLDEST_EVENT:
            raise serializers.ValidationError(_("This is too long ago."), "too_old")
        return at

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if attrs["account_id"] is None and not attrs["visitor"]:
            raise serializers.ValidationError(_("Give an account or a visitor."), "nobody")
        return attrs


class EventBatchInput(Input):
    events = EventInput(  # type: ignore[call-arg] # `many` makes a list of it, which has a length
        many=True, allow_empty=False, max_length=MAX_BATCH
    )

    def new_events(self) -> list[NewEvent]:
        return [NewEvent(**event) for event in self.validated_data["events"]]
