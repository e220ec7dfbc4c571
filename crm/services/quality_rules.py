"""The rules over what stands in the tables, and what an administrator decides about them.

What a rule catches is written down in `quality_directory` and `quality_trade`; whether it is on, and
its place among the others of its table, stands in `QualityRule`. A rule that the code has anew is
added behind the others and is on.
"""

from __future__ import annotations

from django.db import transaction

from crm.models import QualityRule
from crm.services.quality_directory import ACCOUNTS, CONTACTS, TICKETS
from crm.services.quality_tables import Table
from crm.services.quality_trade import (
    EVENTS,
    INVOICES,
    ORDER_LINES,
    ORDERS,
    PAYMENTS,
    PRODUCTS,
    SUBSCRIPTIONS,
)

TABLES: dict[str, Table] = {
    table.code: table
    for table in (
        ACCOUNTS, CONTACTS, PRODUCTS, ORDERS, ORDER_LINES, SUBSCRIPTIONS, INVOICES, PAYMENTS, EVENTS, TICKETS,
    )
}  # fmt: skip


@transaction.atomic
def sync_rules() -> None:
    """Give every rule of the code its setting, and forget the settings of rules that are gone."""
    wanted = {(table.code, rule.code) for table in TABLES.values() for rule in table.rules}
    known = set(QualityRule.objects.select_for_update().values_list("table", "code"))
    if wanted == known:
        return
    for table, code in known - wanted:
        QualityRule.objects.filter(table=table, code=code).delete()
    fresh = [
        QualityRule(table=table.code, code=rule.code, position=position)
        for table in TABLES.values()
        for position, rule in enumerate(table.rules)
        if (table.code, rule.code) not in known
    ]
    # Two at the same moment add the same ones.
    QualityRule.objects.bulk_create(fresh, ignore_conflicts=True)


def switch_rule(*, rule: QualityRule, is_enabled: bool) -> None:
    """Put a rule on or off. What it caught so far stays in its history."""
    QualityRule.objects.filter(pk=rule.pk).update(is_enabled=is_enabled)


@transaction.atomic
def move_rule(*, rule: QualityRule, up: bool) -> None:
    """Change places with the rule before or after it in its table; at the end nothing moves."""
    rules = list(QualityRule.objects.filter(table=rule.table).select_for_update())
    place = next(place for place, other in enumerate(rules) if other.pk == rule.pk)
    other = place - 1 if up else place + 1
    if 0 <= other < len(rules):
        rules[place], rules[other] = rules[other], rules[place]
    for position, each in enumerate(rules):
        each.position = position
    QualityRule.objects.bulk_update(rules, ["position"])
