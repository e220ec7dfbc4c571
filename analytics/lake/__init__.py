"""The columnar copy of the facts that features are computed on.

`refresh()` brings it up to the database, `open_lake()` reads it:

    refresh(progress=job.progress)
    with open_lake() as lake:
        features.compute(lake.tables, book_id=book.pk, as_of=as_of)

`open_slice(account_ids)` opens the same tables for a few accounts, read from the database just now;
`cut` and `open_part` divide a book among workers; `forget(account_ids)` leaves nothing of accounts
that were erased.

The lake is a cache: delete its folder, and the next refresh builds it again.
"""

from analytics.lake.forgetting import forget
from analytics.lake.manifest import LakeMissingError, Manifest
from analytics.lake.parts import PartMissingError, cut, open_part, remove_part
from analytics.lake.reading import Lake, open_lake
from analytics.lake.refreshing import refresh
from analytics.lake.slices import open_slice

__all__ = [
    "Lake",
    "LakeMissingError",
    "Manifest",
    "PartMissingError",
    "cut",
    "forget",
    "open_lake",
    "open_part",
    "open_slice",
    "refresh",
    "remove_part",
]
