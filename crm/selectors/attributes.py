"""Custom attributes as the pages for administrators show them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from django.db import connection
from django.db.models import QuerySet

from crm.models import AttributeDefinition, AttributeValue
from crm.models.access import MANAGE_ATTRIBUTES, Principal, can
from crm.selectors.keyset import Column, Order, Page, keyset_page

BY_LABEL = Order("attributes-by-label", (Column("label"), Column("pk")))
MOST_COUNTED = 1_000  # values of one attribute that are looked at, so that a count stays as cheap as it is

# Values of earlier times are looked at too, or many of them could hide few of today.
_COUNTS = """
    SELECT wanted.id, looked.held, looked.seen
    FROM unnest(%(ids)s::bigint[]) AS wanted (id)
    CROSS JOIN LATERAL (
        SELECT count(*) FILTER (WHERE valid_to IS NULL) AS held, count(*) AS seen
        FROM (SELECT valid_to FROM crm_attributevalue WHERE attribute_id = wanted.id LIMIT %(most)s) AS read
    ) AS looked
"""


@dataclass(frozen=True, slots=True)
class Held:
    """How many accounts have a value: `accounts`, or more of them when not all values were looked at."""

    accounts: int = 0
    is_all: bool = True


@dataclass(frozen=True, slots=True)
class AttributeRow:
    definition: AttributeDefinition
    held: Held


def get_definitions(principal: Principal) -> QuerySet[AttributeDefinition]:
    """Return those that the principal may change: all of them, or none."""
    definitions = AttributeDefinition.objects.all()
    return definitions if can(principal, MANAGE_ATTRIBUTES) else definitions.none()


def list_attributes(
    principal: Principal, *, after: str | None = None, before: str | None = None
) -> tuple[Page[AttributeDefinition], list[AttributeRow]]:
    """Return a page of definitions by label, and its rows with how many accounts have each."""
    page = keyset_page(get_definitions(principal), order=BY_LABEL, after=after, before=before)
    held = count_held([definition.pk for definition in page.rows])
    return page, [AttributeRow(definition, held[definition.pk]) for definition in page.rows]


def count_held(ids: Sequence[int]) -> dict[int, Held]:
    with connection.cursor() as cursor:
        cursor.execute(_COUNTS, {"ids": list(ids), "most": MOST_COUNTED})
        return {pk: Held(held, seen < MOST_COUNTED) for pk, held, seen in cursor}


def was_used(definition: AttributeDefinition) -> bool:
    """Say whether accounts have, or had, a value of it."""
    return AttributeValue.objects.filter(attribute=definition).exists()
