"""Rules over what is sold, billed and paid, and over what customers do."""

from __future__ import annotations

from crm.services.quality_tables import BOOK, Rule, Table

_ACCOUNT = " JOIN crm_account AS account ON account.id = {0}.account_id"
_AHEAD = "> now() + interval '1 day'"

PRODUCTS = Table(
    "products",
    "product",
    "crm_product AS product" + BOOK.format(owner="product"),
    (
        Rule(
            "never_priced",
            "product.is_sold AND product.price IS NULL AND sold.product_id IS NOT NULL",
            ("sold",),
        ),
        Rule("price_zero", "product.is_sold AND product.price = 0"),
        Rule("same_name", "product.is_sold AND named.name IS NOT NULL", ("named",)),
        Rule(
            "not_bought_for_long",
            "product.is_sold AND sold.last_at < book.as_of - interval '2 years'",
            ("sold",),
        ),
    ),
    joins={
        "sold": "LEFT JOIN (SELECT line.product_id, max(placed_at) AS last_at FROM crm_orderline AS line"
        " JOIN crm_order AS sale ON sale.id = line.order_id GROUP BY 1) AS sold"
        " ON sold.product_id = product.id",
        "named": "LEFT JOIN (SELECT book_id, lower(name) AS name FROM crm_product WHERE is_sold"
        " GROUP BY 1, 2 HAVING count(*) > 1) AS named"
        " ON named.book_id = product.book_id AND named.name = lower(product.name)",
    },
)

ORDERS = Table(
    "orders",
    "sale",
    "crm_order AS sale" + _ACCOUNT.format("sale") + BOOK.format(owner="sale"),
    (
        Rule("no_lines", "summed.order_id IS NULL", ("summed",)),
        Rule("in_the_future", f"sale.placed_at {_AHEAD}"),
        Rule(
            "before_customer_since",
            "account.customer_since IS NOT NULL AND sale.kind = 'sale'"
            " AND sale.placed_at < account.customer_since::timestamptz - interval '1 day'",
        ),
        Rule("cancelled_before_placed", "sale.cancelled_at < sale.placed_at"),
        Rule(
            "lines_differ",
            "abs(summed.amount - sale.amount) > 0.01 + 0.0001 * abs(sale.amount)",
            ("summed",),
        ),
        Rule("same_order_twice", "sale.amount <> 0 AND repeated.account_id IS NOT NULL", ("repeated",)),
    ),
    joins={
        "summed": "LEFT JOIN (SELECT order_id, sum(amount) AS amount FROM crm_orderline GROUP BY 1)"
        " AS summed ON summed.order_id = sale.id",
        "repeated": "LEFT JOIN (SELECT account_id, placed_at, amount FROM crm_order"
        " GROUP BY 1, 2, 3 HAVING count(*) > 1) AS repeated ON repeated.account_id = sale.account_id"
        " AND repeated.placed_at = sale.placed_at AND repeated.amount = sale.amount",
    },
)

ORDER_LINES = Table(
    "order_lines",
    "line",
    "crm_orderline AS line JOIN crm_order AS sale ON sale.id = line.order_id" + BOOK.format(owner="sale"),
    (
        Rule("price_zero", "line.unit_price = 0"),
        Rule(
            "price_far_off",
            "line.unit_price > 100 * usual.price"
            " OR (line.unit_price > 0 AND line.unit_price < usual.price / 100)",
            ("usual",),
        ),
        Rule(
            "amount_differs",
            "abs(line.amount - line.quantity * line.unit_price) > 0.01 + 0.001 * abs(line.amount)",
        ),
        Rule(
            "sign_of_other_kind",
            "(sale.kind = 'sale' AND line.quantity < 0) OR (sale.kind = 'return' AND line.quantity > 0)",
        ),
    ),
    joins={
        # Of about a million lines when there are more: sorting all of them would tell nothing else.
        "usual": "LEFT JOIN (SELECT product_id, percentile_disc(0.5) WITHIN GROUP (ORDER BY unit_price)"
        " AS price FROM crm_orderline WHERE unit_price > 0 AND id % (SELECT greatest(1, reltuples::bigint"
        " / 1000000) FROM pg_class WHERE oid = 'crm_orderline'::regclass) = 0"
        " GROUP BY 1 HAVING count(*) >= 5) AS usual ON usual.product_id = line.product_id",
    },
)

SUBSCRIPTIONS = Table(
    "subscriptions",
    "subscription",
    "crm_subscription AS subscription" + _ACCOUNT.format("subscription") + BOOK.format(owner="account"),
    (
        Rule("amount_zero", "subscription.cancelled_at IS NULL AND subscription.amount_per_period <= 0"),
        Rule("of_former", "subscription.cancelled_at IS NULL AND account.stage = 'former'"),
        Rule("two_at_once", "subscription.cancelled_at IS NULL AND twice.account_id IS NOT NULL", ("twice",)),
    ),
    joins={
        "twice": "LEFT JOIN (SELECT account_id, product_id FROM crm_subscription WHERE cancelled_at IS NULL"
        " GROUP BY 1, 2 HAVING count(*) > 1) AS twice ON twice.account_id = subscription.account_id"
        " AND twice.product_id = subscription.product_id",
    },
)

_PAID = (
    "LEFT JOIN (SELECT invoice_id, sum(amount) AS amount FROM crm_payment WHERE invoice_id IS NOT NULL"
    " GROUP BY 1) AS paid ON paid.invoice_id = invoice.id"
)
INVOICES = Table(
    "invoices",
    "invoice",
    "crm_invoice AS invoice" + BOOK.format(owner="invoice"),
    (
        Rule("in_the_future", f"invoice.issued_at {_AHEAD}"),
        Rule(
            "paid_too_much",
            "invoice.amount > 0 AND paid.amount > invoice.amount * 1.001 + 0.01",
            ("paid",),
        ),
        Rule("same_invoice_twice", "invoice.amount <> 0 AND repeated.account_id IS NOT NULL", ("repeated",)),
        Rule(
            "overdue_for_years",
            "invoice.due_at < book.as_of - interval '2 years'"
            " AND coalesce(paid.amount, 0) < invoice.amount - 0.01",
            ("paid",),
        ),
    ),
    joins={
        "paid": _PAID,
        "repeated": "LEFT JOIN (SELECT account_id, issued_at, amount FROM crm_invoice"
        " GROUP BY 1, 2, 3 HAVING count(*) > 1) AS repeated ON repeated.account_id = invoice.account_id"
        " AND repeated.issued_at = invoice.issued_at AND repeated.amount = invoice.amount",
    },
)

PAYMENTS = Table(
    "payments",
    "payment",
    "crm_payment AS payment" + _ACCOUNT.format("payment") + BOOK.format(owner="account"),
    (
        Rule("without_invoice", "payment.invoice_id IS NULL"),
        Rule("before_issue", "payment.paid_at < invoice.issued_at - interval '1 day'", ("invoice",)),
        Rule("other_account", "payment.account_id <> invoice.account_id", ("invoice",)),
        Rule("same_payment_twice", "repeated.account_id IS NOT NULL", ("repeated",)),
    ),
    joins={
        "invoice": "LEFT JOIN crm_invoice AS invoice ON invoice.id = payment.invoice_id",
        "repeated": "LEFT JOIN (SELECT account_id, invoice_id, paid_at, amount FROM crm_payment"
        " WHERE amount <> 0 GROUP BY 1, 2, 3, 4 HAVING count(*) > 1) AS repeated"
        " ON repeated.account_id = payment.account_id AND repeated.paid_at = payment.paid_at"
        " AND repeated.amount = payment.amount"
        " AND repeated.invoice_id IS NOT DISTINCT FROM payment.invoice_id",
    },
)

# What is older was judged when it was new, and there is too much of it to be read every night.
EVENTS = Table(
    "events",
    "event",
    "crm_event AS event" + _ACCOUNT.format("event") + BOOK.format(owner="account"),
    (
        Rule("in_the_future", f"event.at {_AHEAD}"),
        Rule("too_long", "event.duration_seconds < 0 OR event.duration_seconds > 86400"),
        Rule("after_former", "account.stage = 'former' AND event.at > account.updated_at"),
    ),
    where="event.at >= now() - interval '30 days' AND NOT event.is_bot",
)
