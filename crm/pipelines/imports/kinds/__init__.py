"""The kinds of rows that are crm's own, by code."""

from crm.pipelines.imports.kinds.accounts import ACCOUNTS
from crm.pipelines.imports.kinds.billing import INVOICES, PAYMENTS, SUBSCRIPTIONS
from crm.pipelines.imports.kinds.directory import CONTACTS, PRODUCTS
from crm.pipelines.imports.kinds.events import EVENTS
from crm.pipelines.imports.kinds.orders import ORDERS
from crm.pipelines.imports.kinds.spec import KindSql
from crm.pipelines.imports.kinds.tickets import TICKETS

SPECS: dict[str, KindSql] = {
    spec.code: spec
    for spec in (
        ACCOUNTS,
        CONTACTS,
        PRODUCTS,
        ORDERS,
        SUBSCRIPTIONS,
        INVOICES,
        PAYMENTS,
        EVENTS,
        TICKETS,
    )
}
