"""From checked rows to clients, their attributes, statements, payments and outcomes.

Column k of the file is the month k - 1 before September: BILL_AMT1 is September's statement and
PAY_AMT1 what was paid in September, for August's statement. The day of a payment is not in the
file; it is taken to be the day on which the statement was due.
"""

from typing import Any

from django.db.backends.utils import CursorWrapper

from crm.pipelines.imports.accounts import write_accounts
from crm.pipelines.imports.layout import Run
from crm.pipelines.imports.taiwan_attributes import write_attributes
from crm.pipelines.simulated.names import romanised_name
from crm.pipelines.simulated.staff import owners

SOURCE = "taiwan_default"

_ACCOUNTS = """
    CREATE TEMPORARY TABLE import_accounts AS
    SELECT n::text AS value, 'person' AS kind, {name} AS name, '' AS industry, 'TW' AS country,
        NULL::timestamptz AS since_at, owner_id, team_id,
        jsonb_build_object('credit_limit', credit_limit, 'education', education::text,
            'repayment_status', pay_0, 'sex', sex::text, 'age', age, 'marriage', marriage::text)
            AS attributes
    FROM (SELECT *, n AS number FROM checked_rows WHERE NOT is_rejected) AS client, {owners}
"""
# Month 1 is April. A statement is issued at noon of the month's last day and due 25 days later.
_MONTHS = """
    CREATE TEMPORARY TABLE client_months AS
    SELECT account_id, client.n, month, billed, paid, status,
        (issued + {shift}) AT TIME ZONE {zone} AS issued_at,
        (issued + interval '25 days' + {shift}) AT TIME ZONE {zone} AS due_at,
        (previous + interval '25 days' + {shift}) AT TIME ZONE {zone} AS paid_at
    FROM checked_rows AS client
    JOIN import_account_ids ON value = client.n::text
    CROSS JOIN LATERAL (VALUES
        (1, timestamp '2005-04-30 12:00', timestamp '2005-03-31 12:00', bill_amt6, pay_amt6, pay_6),
        (2, '2005-05-31 12:00', '2005-04-30 12:00', bill_amt5, pay_amt5, pay_5),
        (3, '2005-06-30 12:00', '2005-05-31 12:00', bill_amt4, pay_amt4, pay_4),
        (4, '2005-07-31 12:00', '2005-06-30 12:00', bill_amt3, pay_amt3, pay_3),
        (5, '2005-08-31 12:00', '2005-07-31 12:00', bill_amt2, pay_amt2, pay_2),
        (6, '2005-09-30 12:00', '2005-08-31 12:00', bill_amt1, pay_amt1, pay_0)
    ) AS months (month, issued, previous, billed, paid, status)
"""
_RATES = """
    CREATE TEMPORARY TABLE month_rates AS
    SELECT at, {rate} AS rate
    FROM (SELECT DISTINCT issued_at AS at FROM client_months
          UNION SELECT DISTINCT paid_at FROM client_months) AS instants
"""
# A statement of nothing is one too: it says that nothing was owed.
_INVOICES = """
    INSERT INTO crm_invoice AS kept (public_id, book_id, account_id, number, issued_at, due_at,
        currency, amount, rate, amount_reporting, source_import_id, known_at)
    SELECT uuidv7(issued_at - statement_timestamp()), {book}, account_id,
        'S' || lpad(n::text, 5, '0') || '-' || month, issued_at, due_at, {currency}, billed, rate,
        round(billed * rate, 4), {source_import}, issued_at
    FROM client_months JOIN month_rates ON at = issued_at ORDER BY month, n
    ON CONFLICT (book_id, number) DO UPDATE SET amount = excluded.amount, rate = excluded.rate,
        amount_reporting = excluded.amount_reporting, source_import_id = excluded.source_import_id
    WHERE (kept.amount, kept.rate) IS DISTINCT FROM (excluded.amount, excluded.rate)
    RETURNING old.id IS NULL
"""
_PAYMENTS = """
    INSERT INTO crm_payment (public_id, account_id, invoice_id, paid_at, currency, amount, rate,
        amount_reporting, source_import_id, known_at)
    SELECT uuidv7(month.paid_at - statement_timestamp()), month.account_id, invoice.id, month.paid_at,
        {currency}, paid, month_rates.rate, round(paid * month_rates.rate, 4), {source_import},
        month.paid_at
    FROM client_months AS month
    JOIN month_rates ON at = month.paid_at
    LEFT JOIN crm_invoice AS invoice ON invoice.book_id = {book}
        AND invoice.number = 'S' || lpad(n::text, 5, '0') || '-' || (month - 1)
    WHERE paid > 0 AND NOT EXISTS (
        SELECT FROM crm_payment AS known
        WHERE known.account_id = month.account_id AND known.paid_at = month.paid_at
    )
    ORDER BY month, n
"""
_OUTCOMES = """
    INSERT INTO crm_outcome AS kept (account_id, kind, happened, cutoff_at, observed_at, known_at)
    SELECT account_id, 'default', defaulted = 1,
        (timestamp '2005-10-01' + {shift}) AT TIME ZONE {zone},
        ends_at - interval '1 second', ends_at - interval '1 second'
    FROM checked_rows JOIN import_account_ids ON value = n::text
    JOIN crm_book ON crm_book.id = {book}
    ORDER BY n
    ON CONFLICT (account_id, kind, cutoff_at) DO UPDATE SET happened = excluded.happened
    WHERE kept.happened <> excluded.happened
    RETURNING old.id IS NULL
"""


def commit(cursor: CursorWrapper, run: Run) -> dict[str, Any]:
    """Write every accepted client, and return how many rows of each kind are new or changed."""
    cursor.execute(run.sql(_ACCOUNTS, name=romanised_name(), owners=owners("bank")))
    accounts = write_accounts(cursor, run, source=SOURCE)
    cursor.execute(run.sql(_MONTHS))
    cursor.execute("ANALYZE client_months")
    day = run.sql("(at AT TIME ZONE {zone})::date")
    cursor.execute(run.sql(_RATES, rate=run.rate(cursor, day=day)))
    attributes = write_attributes(cursor, run)
    invoices = run.upsert(cursor, _INVOICES)
    cursor.execute("ANALYZE crm_invoice, crm_payment")
    cursor.execute(run.sql(_PAYMENTS))
    payments = {"inserted": cursor.rowcount, "updated": 0}
    outcomes = run.upsert(cursor, _OUTCOMES)
    return {
        "accounts": accounts,
        "attributes": attributes,
        "invoices": invoices,
        "payments": payments,
        "outcomes": outcomes,
    }
