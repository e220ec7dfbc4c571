"""Online Retail II: a wholesaler's order lines, one a row, cancellations as invoices of their own."""

from datetime import datetime
from pathlib import Path

from django.db.backends.utils import CursorWrapper
from psycopg.sql import SQL, Composable, Identifier, Literal

from crm.pipelines.imports.countries import country_codes
from crm.pipelines.imports.layout import Layout, Run
from crm.pipelines.imports.online_retail_commit import commit
from crm.pipelines.imports.online_retail_rules import LARGE_REVERSED, PRODUCT_CODES, RULES, SERVICE_CODES
from crm.services.books import DemoBook
from crm.services.import_rules import Staging

DEMO_FILES = Path(__file__).resolve().parents[2] / "demo"

WHOLESALE = DemoBook(
    code="wholesale",
    name="Wholesale",
    currency="GBP",
    begins=datetime(2009, 12, 1),  # noqa: DTZ001 - the file's wall-clock time, made an instant in SQL
    ends=datetime(2010, 12, 10),  # noqa: DTZ001 (as above)
    score_kinds=("churn", "purchase"),
    attribution=(
        "Chen, D. (2012). Online Retail II. UCI Machine Learning Repository. "
        "doi:10.24432/C5CG6D. CC BY 4.0. Dates shifted by whole weeks; names are simulated."
    ),
)
STAGING = Staging(
    "retail_read",
    {
        "Invoice": "invoice",
        "StockCode": "stock_code",
        "Description": "description",
        "Quantity": "quantity",
        "InvoiceDate": "invoice_date",
        "Price": "price",
        "Customer ID": "customer_id",
        "Country": "country",
    },
)
TYPES = (
    "invoice text, stock_code text, description text, quantity bigint, invoice_date text,"
    " price numeric, customer_id numeric, country text"
)

# A sample for tests: whole customers, and every tenth of the rows that belong to nobody.
_SAMPLE = """
    DELETE FROM retail_read AS line WHERE CASE WHEN customer_id IS NULL THEN n % 10 <> 0 ELSE
        customer_id NOT IN (
            SELECT customer_id FROM retail_read WHERE customer_id IS NOT NULL
            GROUP BY customer_id ORDER BY hashint8(customer_id::bigint), customer_id LIMIT {limit}
        ) END
"""
_CLEANED = """
    CREATE TEMPORARY TABLE retail_rows AS
    SELECT line.*,
        customer_id::bigint::text AS customer,
        CASE WHEN pg_input_is_valid(invoice_date, 'timestamp') THEN invoice_date::timestamp END
            AS invoiced_at,
        upper(btrim(stock_code)) AS code,
        btrim(regexp_replace(description, '\\s+', ' ', 'g')) AS tidy_description,
        invoice ~ '^C[0-9]+$' AS is_return,
        row_number() OVER (
            PARTITION BY invoice COLLATE "C", stock_code COLLATE "C", quantity, price,
                description COLLATE "C", invoice_date, customer_id, country COLLATE "C" ORDER BY n
        ) AS copy_number
    FROM retail_read AS line
"""
_PRODUCT_NAMES = """
    CREATE TEMPORARY TABLE retail_names AS
    SELECT DISTINCT ON (code) code, tidy_description AS product_name
    FROM (
        SELECT code, tidy_description, count(*) AS rows FROM retail_rows
        WHERE price > 0 AND tidy_description <> '' GROUP BY code, tidy_description
    ) AS written ORDER BY code, rows DESC, tidy_description
"""
_CODES = """
    CREATE TEMPORARY TABLE retail_codes AS
    SELECT stock_code, code ~ {services} AS is_service, code !~ {products} AS is_unusual,
        count(description) FILTER (WHERE is_priced) AS written_descriptions
    FROM (SELECT DISTINCT stock_code, code, description, price > 0 AS is_priced FROM retail_rows) AS line
    GROUP BY stock_code, code
"""
_SPELLINGS = """
    CREATE TEMPORARY TABLE retail_spellings AS
    SELECT upper(stock_code) AS upper_code, count(*) AS spellings FROM retail_codes GROUP BY 1
"""
_INVOICES = """
    CREATE TEMPORARY TABLE retail_invoices AS
    SELECT invoice, min(invoiced_at) AS first_invoiced_at, min(customer) AS first_customer,
        invoice ~ '^C?[0-9]+$' AS is_plain_invoice
    FROM retail_rows GROUP BY invoice
"""
_CUSTOMERS = """
    CREATE TEMPORARY TABLE retail_customers AS
    SELECT DISTINCT ON (customer) customer, country AS latest_country
    FROM (
        SELECT customer, country, max(invoiced_at) AS seen_at
        FROM retail_rows WHERE customer IS NOT NULL GROUP BY customer, country
    ) AS seen ORDER BY customer, seen_at DESC
"""
_SALES = """
    CREATE TEMPORARY TABLE retail_sales AS
    SELECT customer, code, quantity, price, min(invoiced_at) AS sold_at
    FROM retail_rows WHERE NOT is_return AND quantity > 0 AND customer IS NOT NULL
    GROUP BY customer, code, quantity, price
"""
_REVERSALS = """
    CREATE TEMPORARY TABLE retail_reversals AS
    SELECT DISTINCT unnest(ARRAY[sale.n, back.n]) AS n
    FROM retail_rows AS sale
    JOIN retail_rows AS back ON back.is_return AND back.customer = sale.customer
        AND back.code = sale.code AND back.quantity = -sale.quantity
        AND back.invoiced_at >= sale.invoiced_at
    WHERE sale.quantity >= {large} AND NOT sale.is_return
"""
_CANDIDATES = """
    SELECT line.*, product_name, written_descriptions, is_service, is_unusual, spellings,
        first_invoiced_at, first_customer, is_plain_invoice, latest_country,
        known.code AS country_code, latest.code AS latest_country_code,
        sale.sold_at IS NOT NULL AS has_earlier_sale,
        reversal.n IS NOT NULL AS is_reversed,
        (first_invoiced_at + {shift}) AT TIME ZONE {zone} AS placed_at,
        invoiced_at >= {begins} AND invoiced_at < {ends} AS is_inside_book
    FROM retail_rows AS line
    LEFT JOIN retail_names USING (code)
    LEFT JOIN retail_codes USING (stock_code)
    LEFT JOIN retail_spellings ON upper_code = upper(line.stock_code)
    LEFT JOIN retail_invoices USING (invoice)
    LEFT JOIN retail_customers USING (customer)
    LEFT JOIN ({countries}) AS known (name, code) ON known.name = line.country
    LEFT JOIN ({countries}) AS latest (name, code) ON latest.name = latest_country
    LEFT JOIN retail_sales AS sale ON line.is_return AND sale.customer = line.customer
        AND sale.code = line.code AND sale.quantity = -line.quantity AND sale.price = line.price
        AND sale.sold_at <= line.invoiced_at
    LEFT JOIN retail_reversals AS reversal ON reversal.n = line.n
"""

_HELPERS = {
    "retail_rows": _CLEANED,
    "retail_names": _PRODUCT_NAMES,
    "retail_codes": _CODES,
    "retail_spellings": _SPELLINGS,
    "retail_invoices": _INVOICES,
    "retail_customers": _CUSTOMERS,
    "retail_sales": _SALES,
    "retail_reversals": _REVERSALS,
}
_CONSTANTS = {
    "large": Literal(LARGE_REVERSED),
    "services": Literal(SERVICE_CODES),
    "products": Literal(PRODUCT_CODES),
}


def candidates(cursor: CursorWrapper, run: Run) -> Composable:
    """Prepare what the rules compare a row with, and return the query of all rows."""
    if run.limit is not None:
        cursor.execute(run.sql(_SAMPLE, limit=Literal(run.limit)))
    cursor.execute("ANALYZE retail_read")
    for table, statement in _HELPERS.items():
        cursor.execute(run.sql(statement, **_CONSTANTS))
        cursor.execute(SQL("ANALYZE {}").format(Identifier(table)))
    return run.sql(
        _CANDIDATES,
        countries=country_codes(),
        begins=SQL("{}::timestamp").format(Literal(WHOLESALE.begins)),
        ends=SQL("{}::timestamp").format(Literal(WHOLESALE.ends)),
    )


ONLINE_RETAIL = Layout(
    code="online_retail",
    demo=WHOLESALE,
    path=DEMO_FILES / "online_retail_2009_2010.parquet",
    staging=STAGING,
    types=TYPES,
    rules=RULES,
    candidates=candidates,
    commit=commit,
    analysed=("crm_account", "crm_externalid", "crm_product", "crm_order", "crm_orderline"),
)
