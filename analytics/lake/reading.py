"""Opening the lake in an engine: DuckDB in this process, Spark, or PostgreSQL itself."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

import ibis
import ibis.expr.types as ir
import psycopg
from django.conf import settings
from ibis.backends import BaseBackend

from analytics.lake import extracting, layers
from analytics.lake.extracting import conninfo
from analytics.lake.folders import engine_limits, lake_folder
from analytics.lake.live import connect_live, live_tables
from analytics.lake.manifest import LakeMissingError, Manifest, read_manifest
from analytics.lake.tables import TABLES

READERS = 7_312  # first number of the advisory locks of readers; the second is the version they read


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
    with ExitStack() as stack:
        manifest = stack.enter_context(_held_manifest(folder))
        if str(settings.ANALYTICS_URL).startswith("postgres"):
            connection = connect_live()
            stack.callback(connection.disconnect)
            yield Lake(manifest, connection, live_tables(connection))
        else:
            connection = stack.enter_context(_engine(memory_limit, threads))
            yield Lake(manifest, connection, _file_tables(connection, folder, manifest))


@contextmanager
def _held_manifest(folder: Path) -> Iterator[Manifest]:
    """Say in the database which version is being read, so that its files are left alone.

    On a connection of its own, which ends with the reader, however that ends.
    """
    with psycopg.connect(conninfo(), autocommit=True) as link:
        while True:
            manifest = read_manifest(folder)
            if manifest is None:
                raise LakeMissingError("The lake has not been built yet")
            link.execute("SELECT pg_advisory_lock_shared(%s, %s)", [READERS, manifest.version])
            now = read_manifest(folder)
            if now is not None and now.version == manifest.version:
                break  # otherwise its files may be gone already
            link.execute("SELECT pg_advisory_unlock_shared(%s, %s)", [READERS, manifest.version])
        yield manifest


@contextmanager
def _engine(memory_limit: str, threads: int) -> Iterator[BaseBackend]:
    url = str(settings.ANALYTICS_URL)
    if not url.startswith("duckdb:"):
        connection = _connect_spark(url)
        try:
            yield connection
        finally:
            connection.disconnect()
        return
    with engine_limits(memory_limit=memory_limit, threads=threads) as limits:
        connection = ibis.duckdb.connect(**limits)
        try:
            yield connection
        finally:
            connection.disconnect()


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
        files = manifest.tables[table.name]
        paths = [str(folder / name) for name in files.files.values()]
        above = [str(folder / layer.file) for layer in files.layers]
        name = f"lake_{table.name}"
        if above:
            _read_files(connection, paths, f"{name}_base")
            _read_files(connection, above, f"{name}_layers")
            void = layers.folded(files.folded, extracting.IDS_PER_FILE)
            _put_layers_on_top(connection, name, list(table.columns()), void)
            found[table.name] = connection.table(name)
        else:
            found[table.name] = _read_files(connection, paths, name)
    return found


def _put_layers_on_top(connection: BaseBackend, name: str, columns: Sequence[str], void: str) -> None:
    """Make a view of the files in which the newest layer that speaks of a row is right about it."""
    listed = ", ".join(columns)
    newest = (
        f"SELECT id AS newest_id, max(layer) AS newest FROM {name}_layers LEFT JOIN {void} "
        "WHERE layer > coalesce(folded_upto, 0) GROUP BY id"
    )
    merged = (
        f"SELECT {listed} FROM {name}_base AS base "
        f"WHERE NOT EXISTS (SELECT 1 FROM {name}_newest WHERE newest_id = base.id) "
        f"UNION ALL SELECT {listed} FROM {name}_layers AS above JOIN {name}_newest "
        "ON newest_id = above.id AND newest = above.layer WHERE NOT gone"
    )
    if connection.name == "pyspark":
        spark = import_module("pyspark.sql").SparkSession.active()
        spark.sql(newest).createOrReplaceTempView(f"{name}_newest")
        spark.sql(merged).createOrReplaceTempView(name)
    else:  # the ids are few, and every feature asks for them again
        connection.raw_sql(f"CREATE TEMPORARY TABLE {name}_newest AS {newest}")
        connection.raw_sql(f"CREATE TEMPORARY VIEW {name} AS {merged}")


def _read_files(connection: BaseBackend, paths: list[str], name: str) -> ir.Table:
    if connection.name != "pyspark":
        return connection.read_parquet(paths, table_name=name)
    # Ibis hands Spark a list of files as the text of a list, so Spark is asked itself.
    spark = import_module("pyspark.sql").SparkSession.active()
    spark.read.parquet(*paths).createOrReplaceTempView(name)
    return connection.table(name)
