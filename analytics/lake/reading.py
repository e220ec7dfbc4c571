"""Opening the lake in an engine: DuckDB in this process, Spark, or PostgreSQL itself."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

import ibis
import ibis.expr.types as ir
from django.conf import settings
from ibis.backends import BaseBackend

from analytics.lake.live import connect_live, live_tables
from analytics.lake.manifest import LakeMissingError, Manifest, lake_folder, read_manifest
from analytics.lake.tables import TABLES


@dataclass(frozen=True)
class Lake:
    """The lake as it was when it was opened; a refresh in the meantime changes nothing here."""

    manifest: Manifest
    connection: BaseBackend
    tables: dict[str, ir.Table]  # "account", "order", "order_line", …: see analytics/lake/tables.py


@contextmanager
def open_lake(*, memory_limit: str = "2GB", threads: int = 2) -> Iterator[Lake]:
    """Open the current lake in the engine of `ANALYTICS_URL`.

    :raises LakeMissingError: if no refresh has been done yet.
    """
    folder = lake_folder()
    manifest = read_manifest(folder)
    if manifest is None:
        raise LakeMissingError("The lake has not been built yet")
    is_live = str(settings.ANALYTICS_URL).startswith("postgres")
    connection = connect_live() if is_live else _connect(folder, memory_limit, threads)
    try:
        tables = live_tables(connection) if is_live else _file_tables(connection, folder, manifest)
        yield Lake(manifest, connection, tables)
    finally:
        connection.disconnect()


def _connect(folder: Path, memory_limit: str, threads: int) -> BaseBackend:
    url = str(settings.ANALYTICS_URL)
    if not url.startswith("duckdb:"):
        return _connect_spark(url)
    return ibis.duckdb.connect(
        memory_limit=memory_limit, threads=threads, temp_directory=str(folder / "spill")
    )


def _connect_spark(url: str) -> BaseBackend:
    """Open a session on a master (`spark://host:7077`), or with settings of one's own.

    The settings stand in the address: `pyspark://?spark.master=local[2]&spark.driver.memory=4g`.
    """
    builder = import_module("pyspark.sql").SparkSession.builder  # an extra, so not imported above
    options = {"spark.sql.session.timeZone": "UTC", "spark.ui.enabled": "false"}
    if url.startswith("pyspark:"):
        options |= dict(parse_qsl(urlsplit(url).query))
    else:
        options["spark.master"] = url
    for name, value in options.items():
        builder = builder.config(name, value)
    return ibis.pyspark.connect(builder.getOrCreate())


def _file_tables(connection: BaseBackend, folder: Path, manifest: Manifest) -> dict[str, ir.Table]:
    found = {}
    for table in TABLES:
        paths = [str(folder / name) for name in manifest.tables[table.name].files.values()]
        found[table.name] = _read_files(connection, paths, f"lake_{table.name}")
    return found


def _read_files(connection: BaseBackend, paths: list[str], name: str) -> ir.Table:
    if connection.name != "pyspark":
        return connection.read_parquet(paths, table_name=name)
    # Ibis hands Spark a list of files as the text of a list, so Spark is asked itself.
    spark = import_module("pyspark.sql").SparkSession.active()
    spark.read.parquet(*paths).createOrReplaceTempView(name)
    return connection.table(name)
