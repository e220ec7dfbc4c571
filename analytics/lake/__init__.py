"""The columnar copy of the facts that features are computed on.

`refresh()` brings it up to the database, `open_lake()` reads it:

    refresh(progress=job.progress)
    with open_lake() as lake:
        features.compute(lake.tables, book_id=book.pk, as_of=as_of)

The lake is a cache: delete its folder, and the next refresh builds it again.
"""

from analytics.lake.manifest import LakeMissingError, Manifest
from analytics.lake.reading import Lake, open_lake
from analytics.lake.refreshing import refresh

__all__ = ["Lake", "LakeMissingError", "Manifest", "open_lake", "refresh"]
