"""What every kind of rows says of itself in SQL, and the parts that many have in common.

A batch goes through one temporary table, `import_batch`: the file's rows with what they refer to,
with all that is wrong with each (`problems`), and with a verdict: create, update, skip or refuse.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from django.db.backends.utils import CursorWrapper
from psycopg.sql import SQL, Composable, Identifier, Literal

from crm.models import Book, Import
from crm.selectors.import_kinds import KINDS, Kind
from crm.services.money import rate_expression

Counts = dict[str, dict[str, int]]


@dataclass(frozen=True, slots=True)
class FileRun:
    """One file on its way into a book, and what its statements have to know."""

    source_import: Import
    book: Book
    reporting_currency: str
    zone: str
    columns: Mapping[str, str]  # field -> the file's column
    change_set_id: int = 0

    @property
    def kind(self) -> Kind:
        return KINDS[self.source_import.layout]

    @property
    def staged(self) -> str:
        return f"crm_staged_{self.source_import.pk}"

    @property
    def is_history(self) -> bool:
        return bool(self.source_import.reading.get("is_history"))

    def sql(self, text: str, **more: Composable) -> Composable:
        """Fill in what nearly every statement of an import needs to know."""
        return SQL(text).format(
            staged=Identifier(self.staged),
            book=Literal(self.book.pk),
            currency=Literal(self.book.currency),
            reporting=Literal(self.reporting_currency),
            source=Literal(self.source_import.source),
            import_id=Literal(self.source_import.pk),
            change_set=Literal(self.change_set_id),
            zone=Literal(self.zone),
            **more,
        )

    def known_at(self, happened: str) -> Composable:
        """Return when a fact was known: when it happened if this is history, else now."""
        return SQL(f"least({happened}, now())" if self.is_history else "now()")

    def rate(self, *, currency: str, at: str) -> Composable:
        """Return the SQL of the exchange rate at a moment, null where none is known."""
        day = self.sql(f"({at} AT TIME ZONE {{zone}})::date")
        return rate_expression(base=SQL(currency), quote=Literal(self.reporting_currency), day=day)


@dataclass(frozen=True, slots=True)
class Range:
    """Rows whose `at_row` lies above `after` and is at most `through`."""

    after: int
    through: int
    is_real: bool = False  # the check draws no ids


@dataclass(frozen=True, slots=True)
class Check:
    """What makes a row unacceptable. `condition` and `value` are SQL over found, kept, v and r."""

    code: str
    field: str
    condition: str
    value: str = ""  # of the cell to blame; the field's own when empty
    data: str = "NULL::jsonb"

    def sql(self, run: FileRun) -> Composable:
        column = run.columns.get(self.field, self.field)
        return run.sql(
            f"""CASE WHEN {self.condition} THEN jsonb_build_object('column', {{column}}::text,
                'value', ({self.value or f"found.{self.field}"})::text, 'code', {{code}}::text,
                'data', {self.data}) END""",
            column=Literal(column),
            code=Literal(self.code),
        )


def problems(run: FileRun, checks: Iterable[Check], *, known: str, likely: str = "") -> Composable:
    """Return the SQL of all that is wrong with a row, beside what is `known` to be.

    Most rows are fine, so the list is only made where `likely` or one of the conditions holds.
    """
    checks = list(checks)
    conditions = likely or " OR ".join([f"{known} IS NOT NULL", *(f"({one.condition})" for one in checks)])
    return run.sql(
        f"""CASE WHEN {conditions} THEN coalesce({known}, '[]')
            || to_jsonb(array_remove(ARRAY[{{each}}]::jsonb[], NULL)) ELSE '[]'::jsonb END""",
        each=SQL(", ").join([SQL("NULL"), *(check.sql(run) for check in checks)]),
    )


@dataclass(frozen=True, slots=True)
class KindSql:
    """How rows of one kind are judged and written.

    `key` is the SQL of what may stand in a file only once, over the file's own cells, and
    `at_row` that of the row with which a row is committed: rows with the same go together.
    `resolve` looks at the whole file, before any batch is judged.
    """

    code: str
    key: str
    judge: Callable[[CursorWrapper, FileRun, Range], None]
    write: Callable[[CursorWrapper, FileRun], Counts]
    at_row: str = "n"
    tables: tuple[str, ...] = ()  # whose statistics are stale after many rows; the first is the kind's own
    resolve: Callable[[CursorWrapper, FileRun], None] = lambda _cursor, _run: None
    updated: str = "SELECT row_id FROM import_batch WHERE verdict = 'update'"  # rows of its own table


@dataclass(frozen=True, slots=True)
class Link:
    """That rows are found again by what the source calls them."""

    kind: str
    field: str = "external_id"


@dataclass(frozen=True, slots=True)
class Target:
    """A table of which each row of the file is one row.

    `values` are its columns as SQL over `found` (the file's row with what `joins` found), `kept`
    (the row that stands, if any) and `r`. An empty cell leaves alone what stands.
    """

    table: str
    row_id: str  # SQL over s and the joins: the row that stands, or null
    values: Mapping[str, str]
    joins: str = ""
    found: Mapping[str, str] = field(default_factory=dict)  # name -> SQL over s and the joins
    always: Mapping[str, str] = field(default_factory=dict)  # set when created only, over b
    checks: tuple[Check, ...] = ()
    link: Link | None = None
    money: tuple[str, str] | None = None  # SQL of currency and moment over found: `r.rate`
    happened: str = ""  # of facts: the column that says when; known then if it is history
    updated: Mapping[str, str] = field(default_factory=dict)  # set along when anything differs
    is_record: bool = True
    blamed: str = ""  # the field that is told of a row whose key stands in the file already
    also_differs: str = ""  # SQL that begins with OR: what else makes it an update
    carried: tuple[str, ...] = ()  # columns of the file's row that are needed when it is written
    repeats_are_skipped: bool = False  # and not refused


ACCOUNT_JOIN = """
    LEFT JOIN crm_externalid AS account_link ON account_link.source = {source}
        AND account_link.kind = 'account' AND account_link.value = s.account
    LEFT JOIN crm_account AS account ON account.id = account_link.row_id
"""
ACCOUNT_FOUND = {
    "account_id": "account.id",
    "account_book": "account.book_id",
    "account_currency": "account.currency",
}
ACCOUNT_CHECKS = (
    Check("unknown_account", "account", "found.account IS NOT NULL AND found.account_id IS NULL"),
    Check("account_of_another_book", "account", "found.account_book <> {book}"),
)
PRODUCT_JOIN = """
    LEFT JOIN crm_product AS product ON product.book_id = {book} AND product.code = s.product
"""
PRODUCT_CHECK = Check("unknown_product", "product", "found.product IS NOT NULL AND found.product_id IS NULL")
CURRENCY = "coalesce(found.currency, found.account_currency, {currency})"
LARGEST = "1e15"


def money_checks(amount: str, *, field: str, currency: str, at: str) -> tuple[Check, ...]:
    """Return the checks of an amount that is to be put into the reporting currency."""
    return (
        Check(
            "missing_rate",
            "currency",
            f"r.rate IS NULL AND {at} IS NOT NULL",
            value=currency,
            data=f"jsonb_build_object('base', {currency}, 'quote', {{reporting}}::text,"
            f" 'on', ({at} AT TIME ZONE {{zone}})::date)",
        ),
        Check("too_large", field, f"greatest(abs({amount}), abs({amount} * r.rate)) >= {LARGEST}"),
    )
