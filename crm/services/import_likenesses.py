"""Which accounts that stand already the new ones of a file look like."""

from __future__ import annotations

from collections.abc import Sequence

from django.db.models import QuerySet

from crm.models import Account, Import
from crm.services.match_keys import Details, details_from
from crm.services.matching import Match, find_all_matches
from crm.services.refusals import PreviewRow


def alike_of(
    source_import: Import, rows: Sequence[PreviewRow], *, among: QuerySet[Account]
) -> dict[int, list[Match]]:
    """Return by row number what a row that would become an account may already be."""
    if source_import.layout != "accounts":
        return {}
    new = [row for row in rows if row.verdict == "create"]
    details = [_details(source_import, row) for row in new]
    matches = find_all_matches(details, book=source_import.book, among=among, limit=1)
    return {row.number: found for row, found in zip(new, matches, strict=True) if found}


def _details(source_import: Import, row: PreviewRow) -> Details:
    fields = (
        (target or {}).get("field", "") for target in map(source_import.mapping.get, source_import.columns)
    )
    return details_from(dict(zip(fields, row.cells, strict=False)))
