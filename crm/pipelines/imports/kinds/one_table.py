"""Kinds of which a row of the file is a row of one table: judged and written by the same statements."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from functools import partial

from django.db.backends.utils import CursorWrapper
from psycopg.sql import SQL, Composable, Identifier, Literal

from crm.pipelines.imports.kinds.spec import Counts, FileRun, KindSql, Range, Target, problems
from crm.services.change_sets import record_inserted, record_updated

_JUDGE = """
    CREATE TEMPORARY TABLE import_batch AS
    WITH found AS (
        SELECT s.*, {row_id} AS row_id, {is_linked} AS is_linked {found}
        FROM {staged} AS s {joins}
        WHERE s.at_row > {after} AND s.at_row <= {through}
    ), judged AS (
        SELECT found.n, found.row_id, found.is_linked,
            CASE WHEN found.first_row < found.n THEN found.first_row END AS first_row, found.same_row,
            coalesce(found.{blamed}::text, found.doubled) AS doubled_value {carried}, {renamed}, r.rate,
            {problems} AS own_problems,
            ({kept}) IS DISTINCT FROM ({wanted}) AS differs,
            CASE WHEN found.row_id IS NOT NULL
                THEN min(found.n) FILTER (WHERE found.errors IS NULL) OVER (PARTITION BY found.row_id)
                END AS first_of_row
        FROM found LEFT JOIN {table} AS kept ON kept.id = found.row_id
        CROSS JOIN LATERAL (SELECT {rate} AS rate OFFSET 0) AS r
        CROSS JOIN LATERAL (SELECT {values}) AS v
    ), weighed AS (
        SELECT judged.*, {doubled} AS doubling FROM judged
    ), decided AS (
        SELECT *, own_problems || CASE WHEN {skips} THEN '[]'::jsonb ELSE doubling END AS problems,
            CASE WHEN own_problems <> '[]' OR doubling <> '[]' AND NOT {skips} THEN 'refuse'
            WHEN doubling <> '[]' THEN 'skip' WHEN row_id IS NULL THEN 'create'
            WHEN differs OR NOT is_linked {also_differs} THEN 'update' ELSE 'skip' END AS verdict
        FROM weighed
    )
    SELECT *, CASE WHEN verdict = 'create' THEN {new_id} END AS new_id FROM decided
"""
_INSERT = """
    INSERT INTO {table} (id, {columns}) SELECT new_id, {values}
    FROM import_batch AS b WHERE verdict = 'create' ORDER BY n
"""
_LINK = """
    INSERT INTO crm_externalid (source, kind, value, row_id)
    SELECT {source}, {kind}, b.{field}, coalesce(b.row_id, b.new_id) FROM import_batch AS b
    WHERE b.verdict IN ('create', 'update') AND NOT b.is_linked ORDER BY n RETURNING id
"""
# Rows of the file that mean one row here, which may lie in different batches: all but the first say
# which one that is. Two numbers do so when what they belonged to was merged.
_ADD_SAME = "ALTER TABLE {staged} ADD COLUMN IF NOT EXISTS same_row bigint"
_FIND_SAME = """
    CREATE TEMPORARY TABLE import_same ON COMMIT DROP AS
    SELECT n, first FROM (
        SELECT n, min(n) OVER (PARTITION BY row_id) AS first FROM (
            SELECT s.n, {row_id} AS row_id FROM {staged} AS s {joins} WHERE s.errors IS NULL
        ) AS found WHERE row_id IS NOT NULL
    ) AS placed WHERE first < n
"""
_FORGET_SAME = "UPDATE {staged} SET same_row = NULL WHERE same_row IS NOT NULL"
_KEEP_SAME = "UPDATE {staged} AS s SET same_row = same.first FROM import_same AS same WHERE s.n = same.n"
# Two rows with one number, or two that turn out to be the same row here: the first one counts.
DOUBLED = """CASE WHEN least(first_row, same_row, first_of_row) < n THEN jsonb_build_array(jsonb_build_object(
    'column', {column}::text, 'value', doubled_value, 'code', 'doubled_in_file',
    'data', jsonb_build_object('first', least(first_row, same_row, first_of_row)))) ELSE '[]'::jsonb END"""


def one_table(
    code: str,
    target: Target,
    *,
    key: str,
    blamed: str,
    also_differs: str = "",
    carried: tuple[str, ...] = (),
    repeats_are_skipped: bool = False,
) -> KindSql:
    """Make a kind of one table. `blamed` is the field of a doubled key, `carried` is kept for later."""
    if target.link is not None:
        carried = (*carried, target.link.field)
    target = replace(
        target,
        blamed=blamed,
        also_differs=also_differs,
        carried=carried,
        repeats_are_skipped=repeats_are_skipped,
    )
    return KindSql(
        code=code,
        key=key,
        resolve=partial(_resolve, target=target),
        judge=partial(_judge, target=target),
        write=partial(write_rows, target=target),
        tables=(target.table,),
    )


def _resolve(cursor: CursorWrapper, run: FileRun, *, target: Target) -> None:
    """Find the rows of the whole file that mean one row here, as the links stand now."""
    cursor.execute(run.sql(_ADD_SAME))  # a file may have been staged before there was this column
    if target.link is None:
        return  # the number is the row's own then: two of them are never one row
    cursor.execute("SET LOCAL work_mem = '128MB'; SET LOCAL jit = off")
    cursor.execute("DROP TABLE IF EXISTS import_same")
    joins = run.sql(_link_join(target) + target.joins, kind=_link_kind(target))
    cursor.execute(run.sql(_FIND_SAME, row_id=run.sql(target.row_id), joins=joins))
    found = cursor.rowcount
    cursor.execute(run.sql(_FORGET_SAME))
    if found:
        cursor.execute("ANALYZE import_same")
        cursor.execute(run.sql(_KEEP_SAME))


def _judge(cursor: CursorWrapper, run: FileRun, rows: Range, *, target: Target) -> None:
    cursor.execute("DROP TABLE IF EXISTS import_batch")
    cursor.execute(
        run.sql(
            _JUDGE,
            table=Identifier(target.table),
            row_id=run.sql(target.row_id),
            is_linked=_is_linked(target),
            joins=run.sql(_link_join(target) + target.joins, kind=_link_kind(target)),
            after=Literal(rows.after),
            through=Literal(rows.through),
            problems=problems(run, target.checks, known="found.errors"),
            doubled=run.sql(DOUBLED, column=Literal(run.columns.get(target.blamed, target.blamed))),
            blamed=Identifier(target.blamed),
            skips=Literal(target.repeats_are_skipped),
            rate=_rate(run, target),
            also_differs=run.sql(target.also_differs),
            new_id=new_id(target.table, rows),
            **_column_lists(run, target),
        )
    )


def _column_lists(run: FileRun, target: Target) -> dict[str, Composable]:
    """Return the lists of columns that the judging statement goes through, by their place in it."""
    names = list(target.values)
    values = {f"to_{name}": sql for name, sql in target.values.items()}
    comma = SQL(", ")
    return {
        "found": _after_comma(_aliased(run, target.found)),
        "carried": _after_comma(_names("found", target.carried)),
        "renamed": comma.join(SQL("v.{0} AS {0}").format(Identifier(name)) for name in values),
        "kept": comma.join(_names("kept", names)),
        "wanted": comma.join(_names("v", values)),
        "values": comma.join(_aliased(run, values)),
    }


def _is_linked(target: Target) -> Composable:
    """Return whether the source's number is known already, or there is none to be known."""
    if target.link is None:
        return SQL("true")
    return SQL("s.{} IS NULL OR linked.row_id IS NOT NULL").format(Identifier(target.link.field))


def write_rows(cursor: CursorWrapper, run: FileRun, *, target: Target) -> Counts:
    """Create and update the rows of the batch, keeping what is needed to take it back."""
    table = Identifier(target.table)
    values = {name: SQL("b.{}").format(Identifier(f"to_{name}")) for name in target.values}
    fixed: dict[str, Composable] = {
        name: run.sql(sql) for name, sql in {**target.always, **target.updated}.items()
    }
    if target.happened:
        fixed["known_at"] = run.known_at(f"b.to_{target.happened}")
    created = {**values, **fixed}
    cursor.execute(
        run.sql(_INSERT, table=table, columns=_columns(created), values=SQL(", ").join(created.values()))
    )
    inserted = cursor.rowcount
    record_inserted(cursor, change_set_id=run.change_set_id, table=target.table, ids=_CREATED)
    changed = {**values, **{name: run.sql(sql) for name, sql in target.updated.items()}}
    updated = record_updated(
        cursor,
        change_set_id=run.change_set_id,
        table=target.table,
        assignments=changed,
        source=SQL("import_batch AS b WHERE b.verdict = 'update' AND b.differs AND t.id = b.row_id"),
        is_record=target.is_record,
    )
    if target.link is not None:
        link = run.sql(_LINK, kind=Literal(target.link.kind), field=Identifier(target.link.field))
        record_inserted(cursor, change_set_id=run.change_set_id, table="crm_externalid", ids=link)
    return {target.table: {"inserted": inserted, "updated": updated}}


def new_id(table: str, rows: Range) -> Composable:
    """Return the SQL of a new row's id, or of none while nothing is written."""
    drawn = SQL("nextval((SELECT pg_get_serial_sequence({}, 'id')::regclass))").format(table)
    return drawn if rows.is_real else SQL("NULL::bigint")


_CREATED = SQL("SELECT new_id AS id FROM import_batch WHERE verdict = 'create'")


def _link_join(target: Target) -> str:
    if target.link is None:
        return ""
    return f"""
        LEFT JOIN crm_externalid AS linked ON linked.source = {{source}} AND linked.kind = {{kind}}
            AND linked.value = s.{target.link.field}
    """


def _link_kind(target: Target) -> Composable:
    return Literal(target.link.kind if target.link else "")


def _rate(run: FileRun, target: Target) -> Composable:
    if target.money is None:
        return SQL("NULL::numeric")
    currency, at = target.money
    return SQL("({})").format(run.rate(currency=f"({run_text(run, currency)})", at=at))


def run_text(run: FileRun, text: str) -> str:
    """Return a piece of SQL with its literals in place, to be part of another piece."""
    return run.sql(text).as_string()


def _aliased(run: FileRun, columns: Mapping[str, str]) -> list[Composable]:
    return [SQL("{} AS {}").format(run.sql(text), Identifier(name)) for name, text in columns.items()]


def _names(table: str, names: Iterable[str]) -> list[Composable]:
    return [SQL("{}.{}").format(Identifier(table), Identifier(name)) for name in names]


def _after_comma(parts: list[Composable]) -> Composable:
    return SQL("").join(SQL(", {}").format(part) for part in parts)


def _columns(named: Mapping[str, Composable]) -> Composable:
    return SQL(", ").join(map(Identifier, named))
