"""Subscriptions, invoices and payments: what an account owes and pays, in money of a day's rate."""

from crm.pipelines.imports.kinds.one_table import one_table
from crm.pipelines.imports.kinds.spec import (
    ACCOUNT_CHECKS,
    ACCOUNT_FOUND,
    ACCOUNT_JOIN,
    CURRENCY,
    PRODUCT_CHECK,
    PRODUCT_JOIN,
    Check,
    Link,
    Target,
    money_checks,
)

SUBSCRIPTION = Target(
    table="crm_subscription",
    row_id="coalesce(linked.row_id, standing.id)",
    joins=ACCOUNT_JOIN
    + PRODUCT_JOIN
    + """
    LEFT JOIN LATERAL (
        SELECT known.id FROM crm_subscription AS known WHERE s.external_id IS NULL
            AND known.account_id = account.id AND known.product_id = product.id
            AND known.started_at = s.started_at
        ORDER BY known.id LIMIT 1
    ) AS standing ON true
    """,
    found={**ACCOUNT_FOUND, "product_id": "product.id"},
    values={
        "account_id": "found.account_id",
        "product_id": "found.product_id",
        "started_at": "found.started_at",
        "cancelled_at": "coalesce(found.cancelled_at, kept.cancelled_at)",
        "period_days": "coalesce(found.period_days, kept.period_days, 30)",
        "currency": CURRENCY,
        "amount_per_period": "round(found.amount_per_period, 4)",
        "rate": "r.rate",
        "amount_reporting": "round(found.amount_per_period * r.rate, 4)",
    },
    always={"public_id": "uuidv7()"},
    checks=(
        *ACCOUNT_CHECKS,
        PRODUCT_CHECK,
        Check("before_start", "cancelled_at", "found.cancelled_at < found.started_at"),
        Check("out_of_range", "period_days", "found.period_days NOT BETWEEN 1 AND 32767"),
        *money_checks(
            "found.amount_per_period", field="amount_per_period", currency=CURRENCY, at="found.started_at"
        ),
    ),
    link=Link("subscription"),
    money=(CURRENCY, "found.started_at"),
    happened="started_at",
    is_record=False,
)
SUBSCRIPTIONS = one_table(
    "subscriptions",
    SUBSCRIPTION,
    key="""CASE WHEN external_id IS NOT NULL THEN 'number ' || external_id
        ELSE concat_ws(' ', 'start', account, product, started_at) END""",
    blamed="external_id",
)

INVOICE = Target(
    table="crm_invoice",
    row_id="standing.id",
    joins=ACCOUNT_JOIN
    + "LEFT JOIN crm_invoice AS standing ON standing.book_id = {book} AND standing.number = s.number",
    found={**ACCOUNT_FOUND, "standing_account": "standing.account_id"},
    values={
        "account_id": "found.account_id",
        "number": "found.number",
        "issued_at": "found.issued_at",
        "due_at": "found.due_at",
        "currency": CURRENCY,
        "amount": "round(found.amount, 4)",
        "rate": "r.rate",
        "amount_reporting": "round(found.amount * r.rate, 4)",
    },
    always={"public_id": "uuidv7()", "book_id": "{book}"},
    checks=(
        *ACCOUNT_CHECKS,
        Check("invoice_of_another_account", "account", "found.standing_account <> found.account_id"),
        Check("due_before_issue", "due_at", "found.due_at < found.issued_at"),
        *money_checks("found.amount", field="amount", currency=CURRENCY, at="found.issued_at"),
    ),
    money=(CURRENCY, "found.issued_at"),
    happened="issued_at",
    updated={"source_import_id": "{import_id}"},
    is_record=False,
)
INVOICES = one_table("invoices", INVOICE, key="number", blamed="number")

# Who paid is the account, or else whose invoice it was.
PAYMENT = Target(
    table="crm_payment",
    row_id="coalesce(linked.row_id, standing.id)",
    joins=ACCOUNT_JOIN
    + """
    LEFT JOIN crm_invoice AS invoice ON invoice.book_id = {book} AND invoice.number = s.invoice
    LEFT JOIN crm_account AS debtor ON debtor.id = coalesce(account.id, invoice.account_id)
    LEFT JOIN LATERAL (
        SELECT known.id FROM crm_payment AS known WHERE s.external_id IS NULL
            AND known.account_id = debtor.id AND known.paid_at = s.paid_at
            AND known.amount = round(s.amount, 4) AND known.invoice_id IS NOT DISTINCT FROM invoice.id
        ORDER BY known.id LIMIT 1
    ) AS standing ON true
    """,
    found={
        "account_id": "account.id",
        "account_book": "account.book_id",
        "account_currency": "coalesce(invoice.currency, debtor.currency)",
        "debtor_id": "debtor.id",
        "invoice_id": "invoice.id",
        "invoice_account": "invoice.account_id",
    },
    values={
        "account_id": "found.debtor_id",
        "invoice_id": "coalesce(found.invoice_id, kept.invoice_id)",
        "paid_at": "found.paid_at",
        "currency": CURRENCY,
        "amount": "round(found.amount, 4)",
        "rate": "r.rate",
        "amount_reporting": "round(found.amount * r.rate, 4)",
    },
    always={"public_id": "uuidv7()"},
    checks=(
        *ACCOUNT_CHECKS,
        Check("unknown_invoice", "invoice", "found.invoice IS NOT NULL AND found.invoice_id IS NULL"),
        Check("invoice_of_another_account", "invoice", "found.invoice_account <> found.account_id"),
        Check(
            "required",
            "account",
            "found.errors IS NULL AND found.account IS NULL AND found.invoice IS NULL",
        ),
        *money_checks("found.amount", field="amount", currency=CURRENCY, at="found.paid_at"),
    ),
    link=Link("payment"),
    money=(CURRENCY, "found.paid_at"),
    happened="paid_at",
    updated={"source_import_id": "{import_id}"},
    is_record=False,
)
PAYMENTS = one_table(
    "payments",
    PAYMENT,
    key="""CASE WHEN external_id IS NOT NULL THEN 'number ' || external_id
        ELSE concat_ws(' ', 'paid', account, invoice, paid_at, amount, currency) END""",
    blamed="external_id",
)
