"""What the file of a feed promised, held against all of its rows: the feed itself saw the first of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.db import connection

from crm.models import DataFeedFile
from crm.pipelines.imports.kinds.spec import FileRun
from crm.pipelines.imports.reading import FileRefusedError
from crm.services.data_feeds import stop_feed

TOLERATED = 0.05  # share of a column's cells: a few bad ones are refused by the import, row by row
# What could not be read of the whole file, by column; rows that could not be read at all have none.
_ERRORS = """
    SELECT error ->> 'column', count(*) FILTER (WHERE is_empty), count(*) FILTER (WHERE NOT is_empty),
        coalesce(min(error ->> 'value') FILTER (WHERE NOT is_empty), '')
    FROM {staged} CROSS JOIN LATERAL jsonb_array_elements(errors) AS error
    CROSS JOIN LATERAL (SELECT error ->> 'code' = 'required' AS is_empty) AS kind
    GROUP BY 1 ORDER BY 1
"""


class ContractBrokenError(Exception):
    """The file isn't what the feed promises: a code, the column concerned, and what was found."""

    def __init__(self, code: str, **data: Any) -> None:
        super().__init__(code)
        self.problem = {"code": code, "data": data}


def check_staged(run: FileRun) -> None:
    """Hold all rows of a feed's file against the contract, once they are staged, before any is judged.

    :raises FileRefusedError: when too many break it. The feed has stopped then, and says why.
    """
    file = DataFeedFile.objects.select_related("feed").filter(source_import=run.source_import).first()
    if file is None:
        return
    try:
        _check_errors(file.feed.contract, run)
    except ContractBrokenError as error:
        stop_feed(feed=file.feed, problem={**error.problem, "file": file.name})
        raise FileRefusedError("contract", feed=file.feed.name) from error


def _check_errors(contract: Mapping[str, Any], run: FileRun) -> None:
    with connection.cursor() as cursor:
        cursor.execute(run.sql("SELECT count(*) FROM {staged}"))
        rows = cursor.fetchone()[0]
        cursor.execute(run.sql(_ERRORS))
        found = cursor.fetchall()
    for column, empty, wrong, value in found:
        agreed = contract.get("columns", {}).get(column, "text")
        if column == "" and wrong > TOLERATED * rows:
            raise ContractBrokenError("rows_unreadable", wrong=wrong, rows=rows)
        if column in contract.get("required", ()) and empty > TOLERATED * rows:
            raise ContractBrokenError("column_empty", column=column, empty=empty, rows=rows)
        if agreed != "text" and wrong > TOLERATED * (rows - empty):
            raise ContractBrokenError(
                "column_type", column=column, expected=agreed, value=value[:100], wrong=wrong, rows=rows
            )
