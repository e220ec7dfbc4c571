"""Score what changed with the next tick, and find an account's old rows without reading all of them."""

from django.db import migrations

FOLLOW = """
UPDATE crm_schedule SET params = '{"reader": "analytics.rescore", "kinds": ["order.placed",
    "invoice.issued", "payment.received", "event.received", "account.updated", "ticket.opened"]}'
WHERE name = 'rescoring' AND params = '{}'
"""
OF_ACCOUNT = [
    "crm_attributevalue", "crm_event", "crm_invoice", "crm_order", "crm_outcome", "crm_payment",
    "crm_subscription",
]
INDEXES = [(f"{table}_past", "account_id") for table in OF_ACCOUNT] + [("crm_orderline_past", "order_id")]


class Migration(migrations.Migration):
    dependencies = [("crm", "0014_nightly_duplicates")]

    operations = [
        migrations.RunSQL(FOLLOW, "UPDATE crm_schedule SET params = '{}' WHERE name = 'rescoring'"),
        *(
            migrations.RunSQL(
                f"CREATE INDEX {table}_{column}_idx ON {table} ({column})", f"DROP INDEX {table}_{column}_idx"
            )
            for table, column in INDEXES
        ),
    ]
