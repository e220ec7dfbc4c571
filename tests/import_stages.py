"""An import at each stage that its page knows, as its jobs would have left it."""

import json
from collections.abc import Callable
from typing import Any

from django.db import connection
from psycopg.sql import SQL, Identifier

from crm.models import ChangeSet, Import, Job, QuarantinedRow
from crm.services.change_sets import open_change_set
from crm.services.refusals import verdict_table
from tests.factories import ImportFactory, JobFactory
from tests.world import World

COUNTS = {"create": 1_204, "update": 31, "skip": 17, "refuse": 2}
WRITTEN = {"crm_account": {"inserted": 1_204, "updated": 31}, "crm_attributevalue": {"inserted": 1_235}}
TASKS = {
    "reading": "crm.read_import",
    "checking": "crm.check_import",
    "committing": "crm.commit_import",
    "failed": "crm.commit_import",
}
STATES = {
    "reading": "uploaded", "mapping": "uploaded", "checking": "mapped", "preview": "validated",
    "committing": "committing", "report": "done", "undoing": "done", "undone": "undone", "refused": "failed",
    "failed": "failed", "cancelled": "cancelled",
}  # fmt: skip
STAGES = tuple(STATES)


def file_import(stage: str) -> Callable[[World], str]:
    """Return what makes the import of a stage, or finds it, and says its public id."""
    return lambda world: str(import_at(stage, world).public_id)


def import_at(stage: str, world: World) -> Import:
    name = world.say(f"accounts {stage}.csv")
    return Import.objects.filter(file_name=name).first() or _made(stage, world, name)


def _made(stage: str, world: World, name: str) -> Import:
    person = world.people["administrator"]
    made: Import = ImportFactory(
        book=world.book, source=world.say("erp"), file_name=name, owner=person, state=STATES[stage],
        size_bytes=48_213, rows_read=1_254,
    )  # fmt: skip
    made.columns, made.mapping = [], {}
    if stage in TASKS:
        made.job = _job(stage, made, person)
    if stage == "refused":
        made.problem = {"code": "no_rows", "data": {}}
    elif stage != "reading":
        _look_into(made, world.say)
    if stage in {"preview", "committing", "report", "undoing", "undone", "failed"}:
        made.counts = {"rows": COUNTS, **(WRITTEN if made.state in {"done", "undone"} else {})}
        made.through_row = 600 if stage == "failed" else 0
        _refuse(made, world.say)
    if made.state in {"done", "undone"}:
        _remember_writes(stage, made, world)
    made.save()
    return made


def _job(stage: str, made: Import, person: Any) -> Job:
    ended = {"finished_at": made.created_at, "error": {"code": "unexpected"}} if stage == "failed" else {}
    state = "failed" if ended else "running"
    job: Job = JobFactory(task=TASKS[stage], owner=person, state=state, done=610, total=1_254, **ended)
    return job


def _look_into(made: Import, say: Callable[[str], str]) -> None:
    number, name, country, colour = made.columns = [say(w) for w in ("Number", "Name", "Country", "Colour")]
    made.format = "csv"
    made.mapping = {
        number: {"field": "external_id"},
        name: {"field": "name"},
        country: {"field": "country"},
        colour: None,
    }
    made.reading = {
        "encoding": "utf-8", "delimiter": ",", "decimal": None, "date_order": "dmy", "is_history": True,
        "types": {number: "number", name: "text", country: "text", colour: "text"},
        "sample": [[str(n), say("Corner shop"), say("France"), say("blue")] for n in range(1, 6)],
        "sample_numbers": [1, 2, 3, 4, 5],
    }  # fmt: skip


def _refuse(made: Import, say: Callable[[str], str]) -> None:
    number, name, country, colour = made.columns
    wrong = [
        [{"column": country, "value": say("Nowhere"), "code": "unknown_country", "data": {}}],
        [{"column": "", "value": say("cut off"), "code": "ragged", "data": {}}],
    ]
    cells = {number: "2", name: say("Corner shop"), country: say("Nowhere"), colour: say("blue")}
    for row_number, errors in enumerate(wrong, start=2):
        QuarantinedRow.objects.create(
            source_import=made, row_number=row_number, cells=cells if row_number == 2 else {}, errors=errors
        )
    table = Identifier(verdict_table(made))
    with connection.cursor() as cursor:
        cursor.execute(
            SQL("CREATE UNLOGGED TABLE {} (n bigint PRIMARY KEY, verdict text, errors jsonb)").format(table)
        )
        for n, verdict, errors in (
            (1, "create", []), (2, "refuse", wrong[0]), (3, "refuse", wrong[1]),
            (4, "skip", []), (5, "update", []),
        ):  # fmt: skip
            cursor.execute(
                SQL("INSERT INTO {} VALUES (%s, %s, %s)").format(table), [n, verdict, json.dumps(errors)]
            )


def _remember_writes(stage: str, made: Import, world: World) -> None:
    change_set = open_change_set(kind=ChangeSet.Kind.IMPORT, owner=made.owner, source_import=made)
    if stage == "undoing":
        change_set.state = ChangeSet.State.UNDOING
        change_set.job = JobFactory(task="crm.undo_change_set", owner=made.owner, done=300, total=1_235)
    if stage == "undone":
        change_set.state, change_set.undone_at = ChangeSet.State.UNDONE, world.now
        refused = [
            {"table": "crm_account", "id": world.account.pk, "code": "edited"},
            {"table": "crm_order", "id": world.order.pk, "code": "in_use"},
        ]
        change_set.data = {"undone_rows": 1_233, "refused_rows": 2, "refused": refused}
    change_set.save()
