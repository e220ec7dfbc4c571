from __future__ import annotations

from datetime import datetime, time, timedelta
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from crm.forms.books import BookField
from crm.models import ApiKey, Partner, PartnerAccount
from crm.selectors.countries import COUNTRIES
from crm.services.schedules import local_zone

SCOPES = {
    "accounts:read": _("Read its accounts, with scores and recommendations"),
    "orders:read": _("Read the orders of its accounts"),
    "leads:write": _("Create leads"),
    "events:write": _("Report events"),
}


class PartnerForm(forms.ModelForm):  # type: ignore[type-arg] # the generic parameter is for type checkers only
    country = forms.ChoiceField(label=_("Country"), required=False)
    book = BookField(label=_("Book of its leads"))

    class Meta:
        model = Partner
        fields = ("name", "tier", "country", "email", "book", "is_active")
        help_texts = {"is_active": _("The keys of a partner that is not active open nothing.")}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        named = sorted((str(name), code) for code, name in COUNTRIES.items())
        choices = [("", "–"), *((code, name) for name, code in named)]
        if self.instance.country and self.instance.country not in COUNTRIES:
            choices.append((self.instance.country, self.instance.country))
        self.fields["country"].choices = choices  # type: ignore[attr-defined] # known by its name only

    def _save_m2m(self) -> None:
        raise NotImplementedError("crm.services.partners saves")


class LinkForm(forms.Form):
    account = forms.UUIDField(
        label=_("Account"), error_messages={"required": _("Choose an account from the list.")}
    )
    role = forms.ChoiceField(label=_("Role"), choices=PartnerAccount.Role.choices)
    since = forms.DateField(
        label=_("From"), required=False, widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")
    )
    until = forms.DateField(
        label=_("To and including"),
        required=False,
        widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
    )

    def clean(self) -> dict[str, Any]:
        entered = super().clean() or {}
        since, until = entered.get("since"), entered.get("until")
        if since and until and until < since:
            self.add_error("until", _("A link ends after it begins."))
        return entered

    def moments(self) -> dict[str, datetime | None]:
        """Return the days entered as moments: a business day begins at the organisation's midnight."""
        since, until = self.cleaned_data["since"], self.cleaned_data["until"]
        zone = local_zone()
        return {
            "since": since and datetime.combine(since, time(), zone),
            "until": until and datetime.combine(until + timedelta(days=1), time(), zone),
        }


class KeyForm(forms.Form):
    label = forms.CharField(
        label=_("Label"), max_length=100, help_text=_("What will use it, such as “web shop, test”.")
    )
    scopes = forms.MultipleChoiceField(
        label=_("What it may do"),
        choices=[(scope, SCOPES[scope]) for scope in ApiKey.SCOPES],
        widget=forms.CheckboxSelectMultiple,
        error_messages={"required": _("Choose at least one.")},
    )
