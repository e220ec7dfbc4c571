"""Forms about files on their way in. Storing and starting is the services' business."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django import forms
from django.core.files.uploadedfile import UploadedFile
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from crm.forms.books import ScoreKindsField
from crm.forms.currencies import CurrencyField
from crm.models import Book, Import
from crm.selectors.import_kinds import KINDS, Kind
from crm.selectors.import_mapping import offered_attributes
from crm.selectors.import_page_words import TYPES
from crm.selectors.organisation import get_organisation

NEW_BOOK = "new"
HISTORY_HELP = _(
    "Everything in the file was known when it happened. Models may then learn from it; "
    "without this, what comes in today counts as known from today."
)
OUTCOMES = {
    "default": _("Outcome: a bill was not paid"),
    "churn": _("Outcome: the customer left"),
    "purchase": _("Outcome: the customer bought"),
}
# As readers name them; what comes first in a file decides when nobody says.
ENCODINGS = (
    ("utf-8", _("Unicode (UTF-8)")),
    ("utf-8-sig", _("Unicode (UTF-8 with a mark)")),
    ("utf-16", _("Unicode (UTF-16)")),
    ("cp1252", _("Western (Windows-1252)")),
    ("latin-1", _("Western (ISO 8859-1)")),
    ("iso8859-15", _("Western (ISO 8859-15)")),
    ("gb18030", _("Chinese (GB 18030)")),
    ("big5", _("Chinese (Big5)")),
    ("shift_jis", _("Japanese (Shift JIS)")),
    ("euc_kr", _("Korean (EUC-KR)")),
    ("cp1250", _("Central European (Windows-1250)")),
    ("cp1251", _("Cyrillic (Windows-1251)")),
    ("cp1253", _("Greek (Windows-1253)")),
    ("cp1254", _("Turkish (Windows-1254)")),
    ("mac-roman", _("Western (Mac)")),
)
DELIMITERS = ((",", _("Comma ,")), (";", _("Semicolon ;")), ("\t", _("Tab")), ("|", _("Bar |")))
DECIMALS = (("", _("Not said")), (".", _("Point: 1,234.5")), (",", _("Comma: 1.234,5")))
DATE_ORDERS = (
    ("", _("Not said")),
    ("ymd", _("Year first: 2026-03-31")),
    ("dmy", _("Day first: 31/03/2026")),
    ("mdy", _("Month first: 03/31/2026")),
)


class UploadForm(forms.Form):
    """A file, what its rows are, and where they belong."""

    kind = forms.ChoiceField(label=_("What the rows are"))
    book = forms.ChoiceField(label=_("Book"))
    book_name = forms.CharField(label=_("Name of the new book"), max_length=100, required=False)
    book_code = forms.SlugField(
        label=_("Its code"), max_length=30, required=False, help_text=_("Small letters, for addresses.")
    )
    book_currency = CurrencyField(label=_("Its currency"), required=False)
    score_kinds = ScoreKindsField(label=_("What is scored in it"))
    source = forms.CharField(
        label=_("Source"), max_length=60, required=False,
        help_text=_(
            "The system whose numbers the file bears, such as erp. The same source finds its rows again."
        ),
    )  # fmt: skip
    is_history = forms.BooleanField(label=_("This is history"), required=False, help_text=HISTORY_HELP)
    file = forms.FileField(label=_("File"))

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        books = [(str(book.public_id), book.name) for book in Book.objects.order_by("is_demo", "name")]
        self.fields["kind"].choices = [(kind.code, kind.label) for kind in KINDS.values()]  # type: ignore[attr-defined] # known by its name only
        self.fields["book_currency"].initial = get_organisation().reporting_currency
        self.fields["book"].choices = [*books, (NEW_BOOK, _("A new book"))]  # type: ignore[attr-defined] # known by its name only

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        if cleaned.get("book") != NEW_BOOK:
            return cleaned
        for name in ("book_name", "book_code", "book_currency"):
            if not cleaned.get(name) and name not in self.errors:
                self.add_error(name, gettext("A new book needs this."))
        if Book.objects.filter(code=cleaned.get("book_code") or "").exists():
            self.add_error("book_code", gettext("There is a book with this code already."))
        return cleaned

    @property
    def chosen_book(self) -> Book | None:
        """Return the book that was chosen, or None when a new one is to be made."""
        chosen = self.cleaned_data["book"]
        return None if chosen == NEW_BOOK else Book.objects.get(public_id=chosen)

    @property
    def uploaded(self) -> UploadedFile[Any]:
        found: UploadedFile[Any] = self.cleaned_data["file"]
        return found


class ReadingForm(forms.Form):
    """How the file is to be read, when what was found out is wrong."""

    def __init__(self, data: Any = None, *, source_import: Import) -> None:
        reading = source_import.reading
        super().__init__(data, initial={**reading})
        self.source_import = source_import
        is_text = source_import.format in {"", Import.Format.CSV, Import.Format.NDJSON}
        if is_text:
            self._offer("encoding", _("Encoding"), ENCODINGS, reading)
        if is_text and source_import.format != Import.Format.NDJSON:
            self._offer("delimiter", _("Between columns"), DELIMITERS, reading)
        sheets = reading.get("sheets", [])
        if len(sheets) > 1:
            self._offer("sheet", _("Sheet"), [(name, name) for name in sheets], reading)

    def _offer(self, name: str, label: Any, choices: Any, reading: Mapping[str, Any]) -> None:
        offered = list(choices)
        found = reading.get(name)
        if found is None:
            offered.insert(0, ("", _("Found out")))
        elif found not in dict(offered):
            offered.insert(0, (found, found))
        self.fields[name] = forms.ChoiceField(label=label, choices=offered, required=found is not None)

    def options(self) -> dict[str, Any]:
        """Return what was chosen, with what is kept of how cells are written."""
        kept = {name: self.source_import.reading[name] for name in ("is_history",)
                if name in self.source_import.reading}  # fmt: skip
        return {**kept, **{name: value for name, value in self.cleaned_data.items() if value}}


class MappingForm(forms.Form):
    """Where each column goes, and how its cells are to be read."""

    decimal = forms.ChoiceField(label=_("Decimal mark"), choices=DECIMALS, required=False)
    date_order = forms.ChoiceField(label=_("Dates"), choices=DATE_ORDERS, required=False)
    is_history = forms.BooleanField(label=_("This is history"), required=False, help_text=HISTORY_HELP)

    def __init__(self, data: Any = None, *, source_import: Import) -> None:
        reading = source_import.reading
        initial = {name: reading.get(name) for name in ("decimal", "date_order", "is_history")}
        super().__init__(data, initial=initial)
        self.source_import, self.kind = source_import, KINDS[source_import.layout]
        self.offered = self._offered()
        for place, column in enumerate(source_import.columns):
            self.fields[f"to_{place}"] = forms.ChoiceField(
                label=column, required=False, choices=self._choices(column)
            )
            self.initial[f"to_{place}"] = self._initial(source_import.mapping.get(column))
        if self.kind.takes_outcome:
            self._ask_for_dates_of_outcomes()
        for name, field in self.fields.items():
            if not name.startswith("to_"):
                field.widget.attrs["form"] = "mapping"  # they stand beside the form

    def _offered(self) -> dict[str, dict[str, str]]:
        if not self.kind.takes_attributes:
            return {}
        return offered_attributes(self.source_import.columns, self.source_import.reading.get("types", {}), {})

    def _choices(self, column: str) -> list[tuple[Any, Any]]:
        fields = [(f"field:{field.name}", _name(self.kind, field.name)) for field in self.kind.fields]
        choices: list[tuple[Any, Any]] = [("", _("Leave out")), (gettext("Fields"), fields)]
        if attribute := self.offered.get(column):
            said = {"label": attribute["label"], "type": TYPES.get(attribute["type"], attribute["type"])}
            words = gettext("Attribute “%(label)s” (%(type)s)") % said
            choices.append((gettext("Custom attribute"), [("attribute", words)]))
        if self.kind.takes_outcome:
            outcomes = [(f"outcome:{code}", label) for code, label in OUTCOMES.items()]
            choices.append((gettext("Outcome"), outcomes))
        return choices

    def _ask_for_dates_of_outcomes(self) -> None:
        columns = [(str(place), name) for place, name in enumerate(self.source_import.columns)]
        self.fields["outcome_date"] = forms.ChoiceField(
            label=_("Date of the outcome"), required=False, choices=[("", "–"), *columns],
            help_text=_("The column with the day from which on the outcome was looked for."),
        )  # fmt: skip
        self.fields["outcome_days"] = forms.IntegerField(
            label=_("Days looked ahead"), required=False, min_value=1, max_value=3_650
        )
        targets = (target or {} for target in self.source_import.mapping.values())
        known: dict[str, Any] = next((one["outcome"] for one in targets if "outcome" in one), {})
        names = list(self.source_import.columns)
        date_column = known.get("date_column")
        self.initial["outcome_date"] = str(names.index(date_column)) if date_column in names else ""
        self.initial["outcome_days"] = known.get("horizon_days") or 30

    @staticmethod
    def _initial(target: Mapping[str, Any] | None) -> str:
        if not target:
            return ""
        if "field" in target:
            return f"field:{target['field']}"
        return "attribute" if "attribute" in target else f"outcome:{target['outcome']['kind']}"

    def mapping(self) -> dict[str, Any]:
        """Return the mapping as the services keep it."""
        return {
            column: self._target(column, self.cleaned_data.get(f"to_{place}", ""))
            for place, column in enumerate(self.source_import.columns)
        }

    def _target(self, column: str, chosen: str) -> dict[str, Any] | None:
        what, _colon, name = chosen.partition(":")
        if what == "field":
            return {"field": name}
        if what == "attribute":
            return {"attribute": self.offered[column]}
        if what == "outcome":
            place = self.cleaned_data.get("outcome_date") or ""
            date_column = self.source_import.columns[int(place)] if place else ""
            days = self.cleaned_data.get("outcome_days") or 30
            return {"outcome": {"kind": name, "date_column": date_column, "horizon_days": days}}
        return None

    def options(self) -> dict[str, Any]:
        said = {name: self.cleaned_data[name] or None for name in ("decimal", "date_order")}
        return {**said, "is_history": self.cleaned_data["is_history"]}


def _name(kind: Kind, name: str) -> str:
    field = kind.field(name)
    return gettext("%(field)s (needed)") % {"field": field.label} if field.required else str(field.label)
