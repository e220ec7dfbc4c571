"""Features computed by DuckDB from queries that are written once and asked again at every moment.

Ibis takes several times as long to write the query as DuckDB to answer it for a book of some
thousand accounts, and between two moments nothing but two numbers in it differs.
"""

from collections.abc import Sequence
from datetime import datetime
from functools import lru_cache

import ibis
import ibis.expr.types as ir
import pyarrow as pa
from ibis.backends import BaseBackend

from analytics.features.attributes import Attribute, ticked_attributes
from analytics.features.computing import put_together
from analytics.features.known import Known, Tables, microseconds
from analytics.features.matrix import in_order
from analytics.features.support import has_tickets

# They stand in the written query where the moment and the book's key belong; no real number is near.
MOMENT, BOOK = 4_611_686_018_427_387_001, 4_611_686_018_427_387_002
WANTED = "wanted_accounts"
SHAPES = 64  # of queries that are kept: one for each engine's tables and set of attributes

Shape = tuple[tuple[str, str, ibis.Schema], ...]


def collect_features(
    connection: BaseBackend,
    tables: Tables,
    *,
    book_id: int,
    as_of: datetime,
    account_ids: Sequence[int] | None = None,
    names: Sequence[str] | None = None,
) -> pa.Table:
    """Return what `collect(compute(...))` returns, of tables that are opened in DuckDB."""
    moment = microseconds(as_of)
    known = Known(tables, book_id, moment, account_ids)
    attributes = ticked_attributes(known, names)
    with_tickets = has_tickets(known, names)
    shape = tuple((name, table.get_name(), table.schema()) for name, table in tables.items())
    is_restricted = account_ids is not None
    query = _query(shape, tuple(attributes), is_restricted=is_restricted, with_tickets=with_tickets)
    if is_restricted:
        connection.con.register(WANTED, pa.table({"wanted_id": pa.array(account_ids, pa.int64())}))
    asked = query.replace(str(MOMENT), str(moment)).replace(str(BOOK), str(book_id))
    return connection.con.sql(asked).to_arrow_table()


@lru_cache(maxsize=SHAPES)
def _query(
    shape: Shape, attributes: tuple[Attribute, ...], *, is_restricted: bool, with_tickets: bool
) -> str:
    tables = {name: ibis.table(schema, name=stored) for name, stored, schema in shape}
    moment, book = ibis.param("int64"), ibis.param("int64")
    wanted = ibis.table({"wanted_id": "int64"}, name=WANTED) if is_restricted else None
    known = Known(tables, book, moment, wanted)
    features: ir.Table = put_together(known, attributes, with_tickets=with_tickets)
    query: str = ibis.duckdb.compile(in_order(features), params={moment: MOMENT, book: BOOK})
    return query
