"""The exchange rates that are known, which are missing, and the words for what is wrong with new ones."""

from __future__ import annotations

from dataclasses import dataclass

from django.utils.functional import Promise
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from crm.models import Book, ExchangeRate
from crm.selectors.keyset import Column, Order, Page, keyset_page
from crm.selectors.organisation import get_organisation

NEWEST = Order(
    "rates", (Column("base"), Column("quote"), Column("valid_from", descending=True), Column("id"))
)
FIELDS: dict[str, str | Promise] = {"currency": _("Currency"), "day": _("Day"), "rate": _("Rate")}
REASONS: dict[str, str | Promise] = {
    "another_rate": _(
        "Another rate is known from that day on, %(value)s. Tick “Replace” if this is the right one."
    ),
    "doubled": _("Line %(value)s has the same currency and day."),
    "not_a_day": _("“%(value)s” is no day. Write it like 2026-01-31."),
    "not_a_rate": _("“%(value)s” is no rate: a number above zero, like 0.8642."),
    "nothing": _("There are no rates in it."),
    "reporting_currency": _("%(value)s is the reporting currency itself, which needs no rate."),
    "too_many": _("At most %(value)s lines are taken at once."),
    "unknown_currency": _("“%(value)s” is no currency. Codes have three letters, like EUR."),
    "unreadable": _("The line can't be read as CSV."),
}


@dataclass(frozen=True, slots=True)
class RateProblem:
    """What is wrong with one line: a code, and the value to blame. Words are made when it is shown."""

    line: int
    field: str  # "" when it is the line as a whole
    code: str
    value: str = ""

    @property
    def reason(self) -> str:
        said = {"value": self.value[:100]}
        if self.code == "columns":
            return _columns(int(self.value)) % said
        return str(REASONS[self.code]) % said

    @property
    def words(self) -> str:
        """Return line, field and reason, for a text of many lines."""
        said = {"line": self.line, "field": str(FIELDS.get(self.field, "")), "reason": self.reason}
        if not self.field:
            return gettext("Line %(line)s: %(reason)s") % said
        return gettext("Line %(line)s, %(field)s: %(reason)s") % said


def _columns(number: int) -> str:
    return ngettext(
        "The line has %(value)s column. It should have three: currency, day and rate.",
        "The line has %(value)s columns. It should have three: currency, day and rate.",
        number,
    )


def list_rates(
    *, currency: str = "", after: str | None = None, before: str | None = None
) -> Page[ExchangeRate]:
    """Return the rates by currency, each one's newest first."""
    rates = ExchangeRate.objects.filter(base=currency) if currency else ExchangeRate.objects.all()
    return keyset_page(rates, order=NEWEST, after=after, before=before)


def list_rated_currencies() -> list[str]:
    return list(ExchangeRate.objects.order_by("base").values_list("base", flat=True).distinct())


def list_unrated_books() -> list[Book]:
    """Return the books whose amounts can't be converted, for their currency has no rate at all."""
    quote = get_organisation().reporting_currency
    rated = ExchangeRate.objects.filter(quote=quote).values("base")
    return list(Book.objects.exclude(currency=quote).exclude(currency__in=rated).order_by("name"))
