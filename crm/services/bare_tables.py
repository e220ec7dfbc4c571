"""Tables without indexes and foreign keys while they are filled, and with the very same ones after.

Building an index over rows that are there costs a fraction of keeping it while they arrive.
Primary keys stay. What is put back is exactly what the catalogue had said.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from django.db import connection, transaction

_CONSTRAINTS = """
    SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid)
    FROM pg_constraint
    WHERE conrelid = ANY(%s::regclass[]) AND contype IN ('f', 'u') AND conparentid = 0
    ORDER BY contype DESC, conrelid::regclass::text, conname
"""
# Indexes of their own: neither a primary key's nor a constraint's. The catalogue writes those of a
# partitioned table with ONLY, which would leave the partitions without.
_INDEXES = """
    SELECT i.indexrelid::regclass::text, replace(pg_get_indexdef(i.indexrelid), ' ON ONLY ', ' ON ')
    FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
    WHERE i.indrelid = ANY(%s::regclass[]) AND NOT c.relispartition
      AND NOT EXISTS (SELECT FROM pg_constraint k WHERE k.conindid = i.indexrelid
                      AND k.contype IN ('p', 'u', 'x'))
    ORDER BY i.indexrelid::regclass::text
"""
Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Stripped:
    """What was taken off, as the statements that put it back."""

    constraints: list[tuple[str, str, str]]  # table, name, definition; unique ones first
    indexes: list[tuple[str, str]]  # name, CREATE INDEX …


@contextmanager
def bare(tables: Sequence[str], *, say: Say = lambda _line: None) -> Iterator[Stripped]:
    """Fill these tables inside the block; all of it is one transaction, so nothing stays off."""
    with transaction.atomic():
        stripped = _strip(tables)
        yield stripped
        say(f"building {len(stripped.indexes)} indexes")
        for _name, definition in stripped.indexes:
            _execute(definition)
        say(f"checking {len(stripped.constraints)} constraints")
        for table, name, definition in stripped.constraints:
            _execute(f'ALTER TABLE {table} ADD CONSTRAINT "{name}" {definition}')


def _strip(tables: Sequence[str]) -> Stripped:
    _execute("SET CONSTRAINTS ALL IMMEDIATE")  # a table with checks still to come can't be altered
    with connection.cursor() as cursor:
        cursor.execute(_CONSTRAINTS, [list(tables)])
        constraints = cursor.fetchall()
        cursor.execute(_INDEXES, [list(tables)])
        indexes = cursor.fetchall()
    for table, name, _definition in reversed(constraints):  # foreign keys before what they rest on
        _execute(f'ALTER TABLE {table} DROP CONSTRAINT "{name}"')
    for name, _definition in indexes:
        _execute(f"DROP INDEX {name}")
    return Stripped(constraints, indexes)


def _execute(sql: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(sql)
