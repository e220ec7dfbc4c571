"""Forms about the organisation, its exchange rates, and what a person prefers. Services save."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from django import forms
from django.core.files.uploadedfile import UploadedFile
from django.utils.functional import Promise
from django.utils.text import format_lazy
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from crm.forms.currencies import CurrencyField
from crm.models import Organisation
from crm.selectors.exchange_rates import RateProblem
from crm.selectors.organisation import list_time_zones
from crm.selectors.phrases import in_a_row
from crm.services.exchange_rates import NewRate, RatesRefusedError, parse_rate, read_rates

MOST_BYTES = 2 * 1024 * 1024
PROBLEMS_SHOWN = 20
REPLACE_HELP = _(
    "Amounts that are stored keep the rate they were converted at until their file is imported again."
)


class ZoneSelect(forms.Select):
    """Time zones have English names in every language, and say so."""

    def create_option(self, name: str, value: Any, *args: Any, **kwargs: Any) -> dict[str, Any]:
        option = super().create_option(name, value, *args, **kwargs)
        if value:
            option["attrs"]["lang"] = "en"
        return option


class OrganisationForm(forms.Form):
    """`stored` says what there is in the reporting currency: then it stands fixed."""

    name = forms.CharField(label=_("Name"), max_length=200, required=False)
    reporting_currency = CurrencyField(
        label=_("Reporting currency"),
        help_text=_("All sums, values and forecasts are in it. It can't be changed once amounts are stored."),
    )
    time_zone = forms.ChoiceField(
        label=_("Time zone"),
        widget=ZoneSelect,
        help_text=_("In which a business day begins, nightly work runs, and times in files are read."),
    )

    def __init__(
        self, data: Any = None, *, organisation: Organisation, stored: Sequence[str | Promise]
    ) -> None:
        shown = {name: getattr(organisation, name) for name in ("name", "reporting_currency", "time_zone")}
        super().__init__(data, initial=shown)
        self.organisation, self.stored = organisation, stored
        self.fields["time_zone"].choices = zone_choices(organisation.time_zone)  # type: ignore[attr-defined] # known by its name only
        if stored:
            currency = self.fields["reporting_currency"]
            currency.disabled = True
            currency.help_text = self.why_fixed()

    def why_fixed(self) -> str:
        stored = in_a_row([str(one) for one in self.stored])
        return gettext("It stands fixed, for these are stored in it: %(stored)s.") % {"stored": stored}

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        # Sent from a page that was opened before anything was stored.
        sent = self.data.get("reporting_currency", "").strip().upper()
        if self.stored and sent not in ("", self.organisation.reporting_currency):
            self.add_error("reporting_currency", self.why_fixed())
        return cleaned


class PreferencesForm(forms.Form):
    time_zone = forms.ChoiceField(
        label=_("Time zone"), required=False, widget=ZoneSelect,
        help_text=_("In which you read every date and time. Days in figures are the organisation's."),
    )  # fmt: skip

    def __init__(self, data: Any = None, *, chosen: str, organisation_zone: str) -> None:
        super().__init__(data, initial={"time_zone": chosen})
        default = format_lazy(_("The organisation's ({zone})"), zone=organisation_zone)
        self.fields["time_zone"].choices = [("", default), *zone_choices(chosen)]  # type: ignore[attr-defined] # known by its name only


class RateForm(forms.Form):
    currency = CurrencyField(label=_("Currency"))
    rate = forms.CharField(
        label=_("Rate"), max_length=30, widget=forms.TextInput(attrs={"inputmode": "decimal"})
    )
    valid_from = forms.DateField(
        label=_("From"), widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
        help_text=_("It holds from this day until the next one that is known."),
    )  # fmt: skip
    source = forms.CharField(label=_("Source"), max_length=200, required=False)
    replace = forms.BooleanField(
        label=_("Replace the rate of this day if there is one"), required=False, help_text=REPLACE_HELP
    )

    def clean_rate(self) -> Decimal:
        rate = parse_rate(self.cleaned_data["rate"])
        if rate is None:
            raise forms.ValidationError(_("Write a number above zero, like 0.8642."))
        return rate

    def rates(self) -> list[NewRate]:
        said = self.cleaned_data
        return [NewRate(said["currency"], said["valid_from"], said["rate"])]

    def refuse(self, problems: Sequence[RateProblem]) -> None:
        for problem in problems:
            self.add_error("valid_from" if problem.field == "day" else problem.field or None, problem.reason)


class RateUploadForm(forms.Form):
    """Lines of currency, day and rate, pasted or out of a file."""

    file = forms.FileField(label=_("CSV file"), required=False)
    lines = forms.CharField(
        label=_("or lines"), required=False,
        widget=forms.Textarea(
            attrs={"rows": 8, "spellcheck": "false", "placeholder": "EUR,2026-01-01,0.8642"}
        ),
    )  # fmt: skip
    source = forms.CharField(label=_("Source"), max_length=200, required=False)
    replace = forms.BooleanField(
        label=_("Replace rates of days that have one"), required=False, help_text=REPLACE_HELP
    )

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        file, lines = cleaned.get("file"), cleaned.get("lines", "")
        if bool(file) == bool(lines):
            self.add_error("lines", gettext("Choose a file or paste lines: one of the two."))
            return cleaned
        try:
            text = _text_of(file) if file else lines
            cleaned["rates"] = read_rates(text=text)
        except RatesRefusedError as error:
            self.refuse(error.problems)
        return cleaned

    def rates(self) -> list[NewRate]:
        found: list[NewRate] = self.cleaned_data["rates"]
        return found

    def refuse(self, problems: Sequence[RateProblem]) -> None:
        field = "file" if self.files.get("file") else "lines"
        for problem in problems[:PROBLEMS_SHOWN]:
            self.add_error(field, problem.words)
        more = len(problems) - PROBLEMS_SHOWN
        if more > 0:
            self.add_error(field, gettext("And %(n)s more.") % {"n": more})


def zone_choices(kept: str) -> list[tuple[str, str]]:
    """Return the zones to choose from; one that is chosen already is among them."""
    zones = list_time_zones()
    return [(name, name) for name in ((kept, *zones) if kept and kept not in zones else zones)]


def _text_of(file: UploadedFile[Any]) -> str:
    if (file.size or 0) > MOST_BYTES:
        raise forms.ValidationError({"file": _("The file is too big: at most 2 MB are taken.")})
    try:
        return str(file.read().decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        raise forms.ValidationError({"file": _("The file is not in Unicode (UTF-8).")}) from error
