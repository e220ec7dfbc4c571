"""Parquet files into staging tables, batch by batch. The only module of crm that needs pyarrow."""

import hashlib
import io
from collections.abc import Callable
from pathlib import Path

import pyarrow.csv
import pyarrow.parquet
from django.db import connection
from psycopg.sql import SQL, Identifier

from crm.services.import_rules import Staging

BATCH_ROWS = 50_000


def sha256_of(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def copy_parquet(*, path: Path, staging: Staging, types: str, on_rows: Callable[[int, int], None]) -> int:
    """Fill a temporary table with the file's rows, numbered from 1, and return how many.

    `types` are the columns' definitions in the order of `staging.columns`. One `COPY` a batch: the
    file is never whole in memory, and `on_rows(done, total)` may use the connection in between.
    """
    table = Identifier(staging.table)
    with connection.cursor() as cursor:
        cursor.execute(SQL("DROP TABLE IF EXISTS {}").format(table))
        cursor.execute(
            SQL("CREATE TEMPORARY TABLE {} (n bigint GENERATED ALWAYS AS IDENTITY, {})").format(
                table, SQL(types)
            )
        )
    columns = SQL(", ").join(map(Identifier, staging.columns.values()))
    command = SQL("COPY {} ({}) FROM STDIN (FORMAT csv)").format(table, columns)
    no_header = pyarrow.csv.WriteOptions(include_header=False)
    done = 0
    with pyarrow.parquet.ParquetFile(path) as file:
        total = file.metadata.num_rows
        for batch in file.iter_batches(batch_size=BATCH_ROWS, columns=list(staging.columns)):
            text = io.BytesIO()
            pyarrow.csv.write_csv(batch.select(list(staging.columns)), text, no_header)
            with connection.cursor() as cursor, cursor.copy(command) as copy:
                copy.write(text.getbuffer())
            done += batch.num_rows
            on_rows(done, total)
    return done
