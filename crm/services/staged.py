"""Rows on their way into a table: `COPY` into a temporary one, then one statement for all."""

from collections.abc import Iterable, Sequence
from typing import Any

from django.db import connection


class Staged:
    """A temporary table holding these rows, for the length of a `with` block."""

    def __init__(self, columns: str, rows: Iterable[Sequence[Any]]) -> None:
        self.columns, self.rows, self.table = columns, rows, "sextant_staged"

    def __enter__(self) -> str:
        with connection.cursor() as cursor:
            cursor.execute(f"CREATE TEMPORARY TABLE {self.table} ({self.columns}) ON COMMIT DROP")
            with cursor.copy(f"COPY {self.table} FROM STDIN") as copy:
                for row in self.rows:
                    copy.write_row(row)
            cursor.execute(f"ANALYZE {self.table}")
        return self.table

    def __exit__(self, error: type[BaseException] | None, *_: object) -> None:
        if error is None:  # otherwise the transaction is lost, and the table with it
            execute(f"DROP TABLE {self.table}")


def execute(sql: str, parameters: dict[str, Any] | None = None) -> int:
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        return int(cursor.rowcount)
