"""From checked rows to accounts, products, orders, returns and lines: one statement a table.

Every statement may be repeated: what is there already and equal is not written again.
"""

from typing import Any

from django.db.backends.utils import CursorWrapper

from crm.pipelines.imports.accounts import write_accounts
from crm.pipelines.imports.categories import category_of
from crm.pipelines.imports.layout import Run
from crm.pipelines.simulated.names import company_name, industry
from crm.pipelines.simulated.staff import owners

SOURCE = "online_retail"

_ACCEPTED = """
    CREATE TEMPORARY TABLE accepted_lines AS
    SELECT n, customer, invoice, code, product_name, is_return, placed_at, latest_country_code,
        quantity, price
    FROM checked_rows WHERE NOT is_rejected
"""
_NEW_ACCOUNTS = """
    CREATE TEMPORARY TABLE import_accounts AS
    SELECT value, 'organisation' AS kind, {name} AS name, {industry} AS industry, country, since_at,
        owner_id, team_id, '{{}}'::jsonb AS attributes
    FROM (
        SELECT customer AS value, customer::bigint AS number, min(placed_at) AS since_at,
            coalesce(min(latest_country_code), '') AS country
        FROM accepted_lines GROUP BY customer
    ) AS customers, {owners}
"""
# The price is the one most often asked; a product is still sold if it was in the last half year.
_PRODUCTS = """
    INSERT INTO crm_product AS kept (book_id, code, name, category, price, currency, is_sold)
    SELECT {book}, code, left(max(product_name), 200), {category},
        mode() WITHIN GROUP (ORDER BY price), {currency},
        max(placed_at) FILTER (WHERE NOT is_return) >= (SELECT ends_at FROM crm_book WHERE id = {book})
            - interval '182 days'
    FROM accepted_lines GROUP BY code HAVING bool_or(NOT is_return)
    UNION ALL
    SELECT {book}, code, left(max(product_name), 200), {category}, max(price), {currency}, false
    FROM accepted_lines GROUP BY code HAVING bool_and(is_return)
    ON CONFLICT (book_id, code) DO UPDATE SET name = excluded.name, category = excluded.category,
        price = excluded.price, is_sold = excluded.is_sold
    WHERE (kept.name, kept.category, kept.price, kept.is_sold)
        IS DISTINCT FROM (excluded.name, excluded.category, excluded.price, excluded.is_sold)
    RETURNING old.id IS NULL
"""
_ORDERS = """
    INSERT INTO crm_order AS kept (public_id, book_id, account_id, kind, number, placed_at, currency,
        amount, rate, amount_reporting, source_import_id, known_at)
    SELECT uuidv7(placed_at - statement_timestamp()), {book}, account_id,
        CASE WHEN is_return THEN 'return' ELSE 'sale' END, invoice, placed_at, {currency},
        amount, rate, round(amount * rate, 4), {source_import}, placed_at
    FROM import_orders ORDER BY placed_at, invoice
    ON CONFLICT (book_id, number) DO UPDATE SET account_id = excluded.account_id, kind = excluded.kind,
        placed_at = excluded.placed_at, amount = excluded.amount, rate = excluded.rate,
        amount_reporting = excluded.amount_reporting, source_import_id = excluded.source_import_id
    WHERE (kept.account_id, kept.kind, kept.placed_at, kept.amount, kept.rate)
        IS DISTINCT FROM
        (excluded.account_id, excluded.kind, excluded.placed_at, excluded.amount, excluded.rate)
    RETURNING old.id IS NULL
"""
_STAGED_ORDERS = """
    CREATE TEMPORARY TABLE import_orders AS
    SELECT totals.*, {rate} AS rate FROM (
        SELECT invoice, account_id, is_return, placed_at, sum(quantity * price) AS amount
        FROM accepted_lines JOIN import_account_ids ON value = customer
        GROUP BY invoice, account_id, is_return, placed_at
    ) AS totals
"""
_STAGED_LINES = """
    CREATE TEMPORARY TABLE import_lines AS
    SELECT n, kept.id AS order_id, product.id AS product_id, quantity, line.price,
        quantity * line.price AS amount, round(quantity * line.price * kept.rate, 4) AS amount_reporting,
        kept.placed_at
    FROM accepted_lines AS line
    JOIN crm_order AS kept ON kept.book_id = {book} AND kept.number = line.invoice
    JOIN crm_product AS product ON product.book_id = {book} AND product.code = line.code
"""
# Lines have no key of their own: an order whose lines are not exactly the file's gets them anew.
_CHANGED_ORDERS = """
    CREATE TEMPORARY TABLE changed_orders AS
    WITH stands AS (
        SELECT order_id, product_id, quantity, unit_price FROM crm_orderline
        WHERE order_id IN (SELECT order_id FROM import_lines)
    ), wanted AS (SELECT order_id, product_id, quantity, price FROM import_lines)
    SELECT order_id FROM (SELECT * FROM wanted EXCEPT ALL SELECT * FROM stands) AS missing
    UNION
    SELECT order_id FROM (SELECT * FROM stands EXCEPT ALL SELECT * FROM wanted) AS surplus
"""
_OLD_LINES = "DELETE FROM crm_orderline WHERE order_id IN (SELECT order_id FROM changed_orders)"
_LINES = """
    INSERT INTO crm_orderline (order_id, product_id, quantity, unit_price, amount, amount_reporting,
        known_at)
    SELECT order_id, product_id, quantity, price, amount, amount_reporting, placed_at
    FROM import_lines WHERE order_id IN (SELECT order_id FROM changed_orders) ORDER BY n
"""


def commit(cursor: CursorWrapper, run: Run) -> dict[str, Any]:
    """Write everything that was accepted, and return how many rows of each kind are new or changed."""
    cursor.execute(_ACCEPTED)
    cursor.execute("ANALYZE accepted_lines")
    cursor.execute(
        run.sql(_NEW_ACCOUNTS, name=company_name(), industry=industry(), owners=owners("wholesale"))
    )
    accounts = write_accounts(cursor, run, source=SOURCE)
    products = run.upsert(cursor, _PRODUCTS, category=category_of("max(product_name)"))
    day = run.sql("(placed_at AT TIME ZONE {zone})::date")
    cursor.execute(run.sql(_STAGED_ORDERS, rate=run.rate(cursor, day=day)))
    orders = run.upsert(cursor, _ORDERS)
    cursor.execute("ANALYZE crm_order, crm_product")  # or the planner takes them for empty
    cursor.execute(run.sql(_STAGED_LINES))
    cursor.execute("ANALYZE import_lines")
    cursor.execute(_CHANGED_ORDERS)
    cursor.execute("ANALYZE changed_orders")
    cursor.execute(_OLD_LINES)
    replaced = cursor.rowcount
    cursor.execute(_LINES)
    lines = {"inserted": cursor.rowcount, "replaced": replaced}
    return {"accounts": accounts, "products": products, "orders": orders, "lines": lines}
