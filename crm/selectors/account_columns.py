"""The columns an account list can show and export: their names, their order and what they hold."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Literal

from django.utils.functional import Promise
from django.utils.translation import gettext as _translate
from django.utils.translation import gettext_lazy as _

from crm.selectors.account_list import AccountRow
from crm.selectors.directory import AttributeName, BookName, Directory

Kind = Literal["text", "number", "share", "money", "date"]
ATTRIBUTE = "attr_"  # before the key of a custom attribute, as in filters


@dataclass(frozen=True, slots=True)
class ListColumn:
    key: str
    label: str | Promise
    kind: Kind
    read: Callable[[AccountRow, Directory], Any]
    sort: str = ""
    first: str = "-"  # the direction of the first click
    higher_is: Literal["bad", "good", ""] = ""


def _number(kind: str) -> Callable[[AccountRow, Directory], float | None]:
    return lambda row, _names: row.numbers.get(kind)


COLUMNS = {
    column.key: column
    for column in (
        ListColumn("book", _("Book"), "text", lambda row, names: names.books[row.book_id].name),
        ListColumn(
            "country", _("Country"), "text",
            lambda row, names: names.countries[row.country],
        ),
        ListColumn("industry", _("Industry"), "text", lambda row, _names: row.industry),
        ListColumn("owner", _("Owner"), "text", lambda row, names: names.owners.get(row.owner_id)),
        ListColumn("stage", _("Stage"), "text", lambda row, names: names.stages.get(row.stage)),
        ListColumn("churn", _("Churn risk"), "share", _number("churn"), "churn", higher_is="bad"),
        ListColumn("purchase", _("Purchase"), "share", _number("purchase"), "purchase", higher_is="good"),
        ListColumn(
            "payment_risk", _("Payment risk"), "share", _number("payment_risk"), "payment_risk",
            higher_is="bad",
        ),
        ListColumn("value", _("Expected value"), "money", _number("customer_value"), "value"),
        ListColumn(
            "expected_loss", _("Expected loss"), "money", _number("expected_loss"), "expected_loss"
        ),
        ListColumn("last_order", _("Last order"), "date", lambda row, _names: row.last_order_at),
        ListColumn(
            "customer_since", _("Customer since"), "date", lambda row, _n: row.customer_since,
            "customer_since",
        ),
        ListColumn("created", _("Created"), "date", lambda row, _n: row.created_at, "created"),
    )
}  # fmt: skip
ALWAYS = ("country", "owner")


def chosen_columns(wanted: Iterable[str], book: BookName | None, names: Directory) -> list[ListColumn]:
    """Return the columns asked for, or those that fit the book, in the list's own order."""
    every = every_column(names)
    keys = {key for key in wanted if key in every} or set(default_columns(book))
    return [column for key, column in every.items() if key in keys]


def every_column(names: Directory) -> dict[str, ListColumn]:
    """Return the list's own columns and one for each custom attribute, by key."""
    attributes = (_attribute_column(attribute) for attribute in names.attributes)
    return COLUMNS | {column.key: column for column in attributes}


def need_attributes(columns: Iterable[ListColumn]) -> bool:
    return any(column.key.startswith(ATTRIBUTE) for column in columns)


def _attribute_column(attribute: AttributeName) -> ListColumn:
    kind, read = ATTRIBUTE_KINDS.get(attribute.type, ("text", _text))

    def value_of(row: AccountRow, _names: Directory) -> Any:
        value = (row.attributes or {}).get(attribute.key)
        return None if value is None or value == "" else read(value, attribute)

    return ListColumn(f"{ATTRIBUTE}{attribute.key}", attribute.label, kind, value_of)


def _text(value: Any, _attribute: AttributeName) -> str:
    return str(value)


def _number_of(value: Any, _attribute: AttributeName) -> float | str:
    return value if isinstance(value, int | float) else str(value)


def _choice(value: Any, attribute: AttributeName) -> str:
    return str(attribute.choices.get(str(value), value))


def _yes_or_no(value: Any, _attribute: AttributeName) -> str:
    return _translate("Yes") if value else _translate("No")


def _day(value: Any, _attribute: AttributeName) -> date | None:
    try:
        return date.fromisoformat(str(value))
    except ValueError:
        return None


ATTRIBUTE_KINDS: dict[str, tuple[Kind, Callable[[Any, AttributeName], Any]]] = {
    "number": ("number", _number_of),
    "choice": ("text", _choice),
    "boolean": ("text", _yes_or_no),
    "date": ("date", _day),
}


def default_columns(book: BookName | None) -> Sequence[str]:
    kinds = list(book.score_kinds) if book else ["churn", "purchase", "payment_risk"]
    money = [name for name, kind in (("value", "churn"), ("expected_loss", "payment_risk")) if kind in kinds]
    order = ["last_order"] if "churn" in kinds else []
    return [*ALWAYS, *kinds, *money, *order, "stage"]
