"""What is extracted, and how each column is cast.

- An instant becomes `<name>_us`: microseconds since 1970 in UTC, as a 64-bit integer. Differences
  are plain subtraction in every engine, and no session's time zone can get between.
- Money becomes `<name>_units`: 1/10,000 of a unit of currency as a 64-bit integer, which is
  exactly what `numeric(19,4)` holds. Integer sums come out the same to the last bit in whatever
  order an engine adds them up; sums of doubles do not.
- A fact stands here in every version that was ever known. A version counts at the moment t when
  `known_from_us < t` and (`known_to_us` is null or `known_to_us >= t`).

Columns that hold the present state only, without a history, are not here: a feature that read
one could not be computed as of an earlier moment.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from psycopg import sql

# The largest sum that fits; no real amount is near, and a clamped one beats a failed refresh.
MONEY = "(least(greatest({}, -900000000000000), 900000000000000) * 10000)::int8"
TEXT_OF_VALUE = "(value #>> '{}')"
IS_MOMENT = (
    f"jsonb_typeof(value) = 'string' AND {TEXT_OF_VALUE} ~ '^[0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}}' "
    f"AND pg_input_is_valid({TEXT_OF_VALUE}, 'timestamptz')"
)
IS_NUMBER = f"jsonb_typeof(value) = 'number' AND pg_input_is_valid({TEXT_OF_VALUE}, 'float8')"


@dataclass(frozen=True)
class Table:
    """One table of the lake: columns as SQL expressions over `source`."""

    name: str
    source: str  # a table, or a query in brackets with an alias
    values: Mapping[str, str]
    instants: Mapping[str, str] = field(default_factory=dict)
    fact: str = ""  # the table whose past versions and deleted keys are kept, if this is one
    stored_in: str = ""  # the table whose files tell that it was emptied or restored
    by_change: bool = True  # otherwise small, and always read whole

    def select(self, *, past: bool = False) -> sql.Composed:
        """Return the query for the present rows, or for the old versions, with known_at/known_to."""
        expressions = sql.SQL(", ").join(
            sql.SQL("{} AS {}").format(sql.SQL(expression), sql.Identifier(name))
            for name, expression in self.columns(past=past).items()
        )
        source = f"{self.fact}_past" if past else self.source
        return sql.SQL("SELECT {} FROM {}").format(expressions, sql.SQL(source))

    def columns(self, *, past: bool = False) -> dict[str, str]:
        return {"id": "id", **self.values, **self.instants, **self._known(past=past)}

    def _known(self, *, past: bool) -> dict[str, str]:
        if not self.by_change:
            return {}
        ended = "known_to" if past else "NULL::timestamptz"
        return {"known_at_us": "known_at", "known_from_us": "known_at", "known_to_us": ended}


def _fact(name: str, *, values: Mapping[str, str], instants: Mapping[str, str]) -> Table:
    table = "crm_" + name.replace("_", "")
    return Table(name=name, source=table, values=values, instants=instants, fact=table, stored_in=table)


# An account is no more than its key here: everything else about it is its present state. The
# book of an account never changes. Accounts that were deleted stay, so that what is learnt from
# an earlier moment does not forget the customers that left; those that were merged away say into
# whom and when, for what the customer did since stands there.
ACCOUNT = """(
    SELECT id, book_id, NULL::bigint AS survivor_id, NULL::timestamptz AS merged_at,
           created_at AS known_at, changed_xid
    FROM crm_account
    UNION ALL
    SELECT DISTINCT ON (row_id) row_id, book_id, merged.survivor_id, merged.merged_at, NULL, changed_xid
    FROM crm_deletedkey AS gone
    LEFT JOIN (
        SELECT (change_set.data ->> 'account_id')::bigint AS account_id, survivor_id,
               change_set.made_at AS merged_at
        FROM crm_mergedaccount JOIN crm_changeset AS change_set ON change_set.id = change_set_id
    ) AS merged ON merged.account_id = gone.row_id
    WHERE table_name = 'crm_account' AND book_id IS NOT NULL
      AND NOT EXISTS (SELECT FROM crm_account WHERE id = gone.row_id)
    ORDER BY 1, 6 DESC
) AS account"""

TABLES = (
    Table(
        name="account",
        source=ACCOUNT,
        values={"book_id": "book_id", "survivor_id": "survivor_id"},
        instants={"merged_us": "merged_at"},
        stored_in="crm_account",
    ),
    _fact(
        "order",
        values={
            "book_id": "book_id",
            "account_id": "account_id",
            "kind": "kind::text",
            "amount_units": MONEY.format("amount_reporting"),
        },
        instants={"placed_us": "placed_at", "cancelled_us": "cancelled_at"},
    ),
    _fact(
        "order_line",
        values={
            "order_id": "order_id",
            "product_id": "product_id",
            "quantity_units": "(quantity * 1000)::int8",
            "amount_units": MONEY.format("amount_reporting"),
        },
        instants={},
    ),
    _fact(
        "invoice",
        values={
            "book_id": "book_id",
            "account_id": "account_id",
            "amount_units": MONEY.format("amount_reporting"),
            "own_amount_units": MONEY.format("amount"),  # in the invoice's own currency
        },
        instants={"issued_us": "issued_at", "due_us": "due_at"},
    ),
    _fact(
        "payment",
        values={
            "account_id": "account_id",
            "invoice_id": "invoice_id",
            "amount_units": MONEY.format("amount_reporting"),
            "own_amount_units": MONEY.format("amount"),
        },
        instants={"paid_us": "paid_at"},
    ),
    _fact(
        "subscription",
        values={
            "account_id": "account_id",
            "product_id": "product_id",
            "period_days": "period_days::int8",
            "amount_units": MONEY.format("amount_reporting"),
        },
        instants={"started_us": "started_at", "cancelled_us": "cancelled_at"},
    ),
    _fact(
        "event",
        values={
            "account_id": "account_id",
            "kind": "kind::text",
            "product_id": "product_id",
            "is_bot": "is_bot",
        },
        instants={"at_us": "at"},
    ),
    _fact(
        "ticket",
        values={"account_id": "account_id", "kind": "kind::text", "is_simulated": "is_simulated"},
        instants={"opened_us": "opened_at", "solved_us": "solved_at"},
    ),
    _fact(
        "attribute_value",
        values={
            "account_id": "account_id",
            "attribute_id": "attribute_id",
            "number": f"CASE WHEN {IS_NUMBER} THEN {TEXT_OF_VALUE}::float8 "
            f"WHEN jsonb_typeof(value) = 'boolean' THEN value::boolean::int::float8 END",
            # For sums, which must be exact; beyond this size there is none.
            "number_units": f"CASE WHEN {IS_NUMBER} THEN CASE WHEN abs({TEXT_OF_VALUE}::float8) < 9e12 "
            f"THEN round({TEXT_OF_VALUE}::numeric * 1000000)::int8 END END",
            "code": f"{TEXT_OF_VALUE}::text",
        },
        instants={
            "moment_us": f"CASE WHEN {IS_MOMENT} THEN {TEXT_OF_VALUE}::timestamptz END",
            "valid_from_us": "valid_from",
            "valid_to_us": "valid_to",
        },
    ),
    _fact(
        "outcome",
        values={"account_id": "account_id", "kind": "kind::text", "happened": "happened"},
        instants={"cutoff_us": "cutoff_at", "observed_us": "observed_at"},
    ),
    Table(
        name="attribute",
        source="crm_attributedefinition",
        values={"key": "key::text", "type": "type::text", "is_known_before": "is_known_before"},
        by_change=False,
    ),
    Table(  # for recommendations of today only, never for features
        name="product",
        source="crm_product",
        values={"book_id": "book_id", "is_sold": "is_sold"},
        by_change=False,
    ),
)
