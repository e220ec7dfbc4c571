"""Orders, one line a row: an order comes whole or not at all, and its lines are replaced as a whole.

Rows of an order may stand anywhere in the file; they are judged and committed with its first one.
"""

from django.db.backends.utils import CursorWrapper
from psycopg.sql import SQL, Composable, Literal

from crm.pipelines.imports.kinds.one_table import new_id
from crm.pipelines.imports.kinds.spec import (
    ACCOUNT_CHECKS,
    ACCOUNT_JOIN,
    LARGEST,
    PRODUCT_CHECK,
    PRODUCT_JOIN,
    Check,
    Counts,
    FileRun,
    KindSql,
    Range,
    problems,
)
from crm.services.change_sets import record_deleted, record_inserted, record_updated

# A return may be written with positive quantities: its kind says which way the goods went.
_LINES = """
    CREATE TEMPORARY TABLE import_lines AS
    SELECT found.*, {problems} AS own_problems FROM (
        SELECT s.n, s.errors, s.number, s.account, s.product, s.placed_at, s.cancelled_at, s.currency,
            s.kind, s.unit_price AS price, s.amount AS given_amount,
            account.id AS account_id, account.book_id AS account_book, product.id AS product_id,
            coalesce(s.currency, account.currency, {currency}) AS order_currency, sign.quantity,
            round(coalesce(s.unit_price, abs(sign.amount / nullif(sign.quantity, 0))), 4) AS unit_price,
            round(coalesce(sign.amount, sign.quantity * s.unit_price), 4) AS amount
        FROM {staged} AS s {joins}
        CROSS JOIN LATERAL (SELECT
            CASE WHEN s.kind = 'return' THEN -abs(round(coalesce(s.quantity, 1), 3))
                ELSE round(coalesce(s.quantity, 1), 3) END AS quantity,
            CASE WHEN s.kind = 'return' THEN -abs(s.amount) ELSE s.amount END AS amount
        ) AS sign
        WHERE s.at_row > {after} AND s.at_row <= {through}
    ) AS found
"""
CHECKS = (
    *ACCOUNT_CHECKS,
    PRODUCT_CHECK,
    Check("is_zero", "quantity", "found.quantity = 0"),
    Check("too_large", "quantity", "abs(found.quantity) >= 1e11"),
    Check("too_large", "amount", f"abs(found.amount) >= {LARGEST}"),
    Check("is_negative", "unit_price", "found.price < 0", value="found.price"),
    Check("too_large", "unit_price", f"found.unit_price >= {LARGEST}"),
)
REQUIRES_PRODUCT = Check(
    "required", "product", "found.errors IS NULL AND found.product IS NULL", value="NULL::text"
)
REQUIRES_AMOUNT = Check(
    "required", "unit_price", "found.errors IS NULL AND found.amount IS NULL", value="NULL::text"
)
_ORDERS = """
    CREATE TEMPORARY TABLE import_orders AS
    SELECT said.*, r.rate, kept.id AS row_id,
        (said.account_id, said.kind, said.placed_at, said.currency, said.amount,
            round(said.amount * r.rate, 4), coalesce(said.cancelled_at, kept.cancelled_at))
        IS DISTINCT FROM (kept.account_id, kept.kind, kept.placed_at, kept.currency, kept.amount,
            kept.amount_reporting, kept.cancelled_at) AS differs,
        kept.account_id <> said.account_id AS is_anothers, kept.kind AS kept_kind
    FROM (
        SELECT number, min(account_id) AS account_id, min(placed_at) AS placed_at,
            min(cancelled_at) AS cancelled_at, min(order_currency) AS currency, sum(amount) AS amount,
            greatest(abs(sum(amount)), max(abs(amount))) AS largest,
            coalesce(min(kind), CASE WHEN sum(amount) < 0 THEN 'return' ELSE 'sale' END) AS kind,
            min(n) FILTER (WHERE own_problems <> '[]') AS refused_row,
            coalesce(min(kind) = 'sale', false) AS is_said_to_be_sale,
            (min(account), min(placed_at), min(order_currency), coalesce(min(kind), ''), min(cancelled_at))
                IS DISTINCT FROM
            (max(account), max(placed_at), max(order_currency), coalesce(max(kind), ''), max(cancelled_at))
                AS disagrees
        FROM import_lines WHERE number IS NOT NULL GROUP BY number
    ) AS said
    LEFT JOIN crm_order AS kept ON kept.book_id = {book} AND kept.number = said.number
    CROSS JOIN LATERAL (SELECT {rate} AS rate OFFSET 0) AS r
"""
_CHANGED = """
    CREATE TEMPORARY TABLE import_changed AS
    WITH wanted AS (
        SELECT row_id AS order_id, line.product_id, line.quantity, line.unit_price, line.amount
        FROM import_lines AS line JOIN import_orders USING (number)
        WHERE row_id IS NOT NULL AND line.product_id IS NOT NULL
    ), stands AS (
        SELECT order_id, product_id, quantity, unit_price, amount FROM crm_orderline
        WHERE order_id IN (SELECT row_id FROM import_orders)
    )
    SELECT order_id FROM (SELECT * FROM wanted EXCEPT ALL SELECT * FROM stands) AS missing
    UNION
    SELECT order_id FROM (SELECT * FROM stands EXCEPT ALL SELECT * FROM wanted) AS surplus
"""
# An order's problems are told at each of its rows: whoever mends one has to send them all.
_BATCH = """
    CREATE TEMPORARY TABLE import_batch AS
    SELECT *, CASE WHEN problems <> '[]' THEN 'refuse' ELSE order_verdict END AS verdict FROM (
        SELECT line.n, {problems} AS problems, o.verdict AS order_verdict
        FROM import_lines AS line LEFT JOIN import_decided AS o USING (number)
    ) AS judged
"""
_DECIDED = """
    CREATE TEMPORARY TABLE import_decided AS
    SELECT o.*, changed.order_id IS NOT NULL AS has_other_lines, CASE
        WHEN refused_row IS NOT NULL OR disagrees OR rate IS NULL OR is_said_to_be_sale AND amount < 0
            OR kind = 'return' AND amount > 0 OR is_anothers
            OR greatest(largest, largest * rate) >= 1e15 THEN 'refuse'
        WHEN row_id IS NULL THEN 'create'
        WHEN differs OR changed.order_id IS NOT NULL THEN 'update' ELSE 'skip' END AS verdict
    FROM import_orders AS o LEFT JOIN import_changed AS changed ON changed.order_id = o.row_id
"""
ORDER_CHECKS = (
    Check("rows_disagree", "number", "o.disagrees", value="line.number"),
    Check(
        "other_row_refused",
        "number",
        "o.refused_row IS NOT NULL AND line.own_problems = '[]'",
        value="line.number",
        data="jsonb_build_object('row', o.refused_row)",
    ),
    Check(
        "missing_rate",
        "currency",
        "o.rate IS NULL AND o.placed_at IS NOT NULL",
        value="line.order_currency",
        data="""jsonb_build_object('base', o.currency, 'quote', {reporting}::text,
            'on', (o.placed_at AT TIME ZONE {zone})::date)""",
    ),
    Check("negative_sale", "kind", "o.is_said_to_be_sale AND o.amount < 0", value="line.kind"),
    Check("positive_return", "kind", "o.kind = 'return' AND o.amount > 0", value="line.kind"),
    Check("order_of_another_account", "account", "o.is_anothers", value="line.account"),
    Check(
        "too_large",
        "amount",
        f"greatest(o.largest, o.largest * o.rate) >= {LARGEST}",  # which lines may be that set each other off
        value="o.largest",
    ),
)
TEMPORARY = ("import_lines", "import_orders", "import_changed", "import_decided", "import_batch")


def _judge(cursor: CursorWrapper, run: FileRun, rows: Range) -> None:
    cursor.execute(f"DROP TABLE IF EXISTS {', '.join(TEMPORARY)}")
    checks = [*CHECKS, REQUIRES_AMOUNT]
    if "product" in run.columns:  # or these are orders without lines
        checks.append(REQUIRES_PRODUCT)
    cursor.execute(
        run.sql(
            _LINES,
            problems=problems(run, checks, known="found.errors"),
            joins=run.sql(ACCOUNT_JOIN + PRODUCT_JOIN),
            after=Literal(rows.after),
            through=Literal(rows.through),
        )
    )
    cursor.execute("ANALYZE import_lines (number)")
    rate = run.rate(currency="said.currency", at="said.placed_at")
    cursor.execute(run.sql(_ORDERS, rate=rate))
    cursor.execute("ANALYZE import_orders (number, row_id)")
    cursor.execute(_CHANGED)
    cursor.execute(_DECIDED)
    cursor.execute("ANALYZE import_decided (number)")
    refused = "o.verdict = 'refuse' OR line.own_problems <> '[]'"
    found = problems(run, ORDER_CHECKS, known="line.own_problems", likely=refused)
    cursor.execute(run.sql(_BATCH, problems=found))
    if rows.is_real:
        cursor.execute("ALTER TABLE import_decided ADD COLUMN order_id bigint")
        cursor.execute(
            SQL("UPDATE import_decided SET order_id = coalesce(row_id, {}) WHERE verdict <> 'refuse'").format(
                new_id("crm_order", rows)
            )
        )


_NEW_ORDERS = """
    INSERT INTO crm_order (id, public_id, book_id, account_id, kind, number, placed_at, cancelled_at,
        currency, amount, rate, amount_reporting, source_import_id, known_at)
    SELECT order_id, uuidv7(), {book}, account_id, kind, number, placed_at, cancelled_at, currency,
        amount, rate, round(amount * rate, 4), {import_id}, {known_at}
    FROM import_decided WHERE verdict = 'create' ORDER BY order_id
"""
_NEW_LINES = """
    INSERT INTO crm_orderline (order_id, product_id, quantity, unit_price, amount, amount_reporting, known_at)
    SELECT o.order_id, line.product_id, line.quantity, line.unit_price, line.amount,
        round(line.amount * o.rate, 4), {known_at}
    FROM import_decided AS o JOIN import_lines AS line USING (number)
    WHERE (o.verdict = 'create' OR o.verdict = 'update' AND o.has_other_lines)
        AND line.product_id IS NOT NULL ORDER BY line.n RETURNING id
"""
_NEW_IDS = SQL("SELECT order_id AS id FROM import_decided WHERE verdict = 'create'")


def _write(cursor: CursorWrapper, run: FileRun) -> Counts:
    cursor.execute("SELECT count(*) FILTER (WHERE verdict = 'update') FROM import_decided")
    (changed,) = cursor.fetchone()
    updated = replaced = 0
    cursor.execute(run.sql(_NEW_ORDERS, known_at=run.known_at("placed_at")))
    inserted = cursor.rowcount
    record_inserted(cursor, change_set_id=run.change_set_id, table="crm_order", ids=_NEW_IDS)
    if changed:
        updated, replaced = _update_orders(cursor, run)
    lines = record_inserted(
        cursor,
        change_set_id=run.change_set_id,
        table="crm_orderline",
        ids=run.sql(_NEW_LINES, known_at=run.known_at("o.placed_at")),
    )
    return {
        "crm_order": {"inserted": inserted, "updated": updated},
        "crm_orderline": {"inserted": lines, "updated": 0, "deleted": replaced},
    }


def _update_orders(cursor: CursorWrapper, run: FileRun) -> tuple[int, int]:
    """Write an order whose lines differ too, even if its sum is the same: an undo goes by its mark."""
    names = ("account_id", "kind", "placed_at", "currency", "amount", "rate")
    values: dict[str, Composable] = {name: SQL(f"o.{name}") for name in names}
    values["cancelled_at"] = SQL("coalesce(o.cancelled_at, t.cancelled_at)")
    values["amount_reporting"] = SQL("round(o.amount * o.rate, 4)")
    values["source_import_id"] = Literal(run.source_import.pk)
    updated = record_updated(
        cursor,
        change_set_id=run.change_set_id,
        table="crm_order",
        assignments=values,
        source=SQL("import_decided AS o WHERE o.verdict = 'update' AND t.id = o.order_id"),
        is_record=False,
    )
    replaced = record_deleted(
        cursor,
        change_set_id=run.change_set_id,
        table="crm_orderline",
        condition=SQL(
            "t.order_id IN (SELECT order_id FROM import_decided WHERE verdict = 'update' AND has_other_lines)"
        ),
    )
    return updated, replaced


ORDERS = KindSql(
    code="orders",
    key="",
    at_row="CASE WHEN number IS NULL THEN n ELSE min(n) OVER (PARTITION BY number) END",
    judge=_judge,
    write=_write,
    tables=("crm_order", "crm_orderline"),
    updated="SELECT row_id FROM import_decided WHERE verdict = 'update'",
)
