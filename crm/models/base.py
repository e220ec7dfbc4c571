"""What every row has: outside id, stamps, revision, and the transaction that last touched it.

All of it is set by the database, so that `COPY` and set-based SQL count like a form does.
"""

from collections.abc import Callable
from typing import TypeVar

import pghistory
import pgtrigger
from django.db import models
from django.db.models.functions import Now

from crm.models.fields import CurrentXid, UuidV7, Xid8Field


def stamp(*assignments: str) -> pgtrigger.Trigger:
    """Set columns of every row that is updated, whoever updates it."""
    lines = "".join(f"        {assignment};\n" for assignment in assignments)
    return pgtrigger.Trigger(
        name="stamp",
        operation=pgtrigger.Update,
        when=pgtrigger.Before,
        func=f"\n{lines}        RETURN NEW;\n    ",
    )


CHANGED = "NEW.changed_xid := pg_current_xact_id()"
RECORD = (
    "NEW.created_at := OLD.created_at",
    "NEW.updated_at := now()",
    "NEW.revision := OLD.revision + 1",
)
# An edited fact is known in its new form only from now on; its old form goes to the past
# table, so that features computed "as of" an earlier moment stay what they were.
FACT = "NEW.known_at := greatest(clock_timestamp(), OLD.known_at)"
STAMP_RECORD = stamp(*RECORD, CHANGED)
STAMP_FACT = stamp(CHANGED, FACT)
# Of facts that people edit: both in one, for two would call each other's order into question.
STAMP_EDITED_FACT = stamp(*RECORD, CHANGED, FACT)

STAMP_CHANGED = pgtrigger.Trigger(
    name="stamp",
    operation=pgtrigger.Update,
    when=pgtrigger.Before,
    func="NEW.changed_xid := pg_current_xact_id(); RETURN NEW;",
)

REMEMBER_DELETED = pgtrigger.Trigger(
    name="remember_deleted",
    level=pgtrigger.Statement,
    operation=pgtrigger.Delete,
    when=pgtrigger.After,
    referencing=pgtrigger.Referencing(old="old_rows"),
    func="""
        INSERT INTO crm_deletedkey (table_name, row_id)
        SELECT TG_TABLE_NAME, id FROM old_rows;
        RETURN NULL;
    """,
)

# Of a deleted account its book is remembered too: features as of an earlier moment still count
# it, and nothing else of it is kept.
REMEMBER_DELETED_ACCOUNT = pgtrigger.Trigger(
    name="remember_deleted",
    level=pgtrigger.Statement,
    operation=pgtrigger.Delete,
    when=pgtrigger.After,
    referencing=pgtrigger.Referencing(old="old_rows"),
    func="""
        INSERT INTO crm_deletedkey (table_name, row_id, book_id)
        SELECT TG_TABLE_NAME, id, book_id FROM old_rows;
        RETURN NULL;
    """,
)


def keep_past(operation: pgtrigger.Operation, suffix: str) -> pgtrigger.Trigger:
    """Return a trigger that copies superseded rows into `<table>_past` with `known_to`."""
    return pgtrigger.Trigger(
        name=f"keep_past_{suffix}",
        level=pgtrigger.Statement,
        operation=operation,
        when=pgtrigger.After,
        referencing=pgtrigger.Referencing(old="old_rows"),
        declare=[("known_to", "timestamptz := clock_timestamp()")],
        func="""
            EXECUTE format('INSERT INTO %I SELECT $1, pg_current_xact_id(), o.* FROM old_rows o',
                           TG_TABLE_NAME || '_past') USING known_to;
            RETURN NULL;
        """,
    )


KEEP_VERSIONS = [
    REMEMBER_DELETED,
    keep_past(pgtrigger.Update, "update"),
    keep_past(pgtrigger.Delete, "delete"),
]


class Record(models.Model):
    """Something that people make and edit."""

    public_id = models.UUIDField(unique=True, editable=False, db_default=UuidV7())
    created_at = models.DateTimeField(editable=False, db_default=Now())
    updated_at = models.DateTimeField(editable=False, db_default=Now())
    revision = models.PositiveIntegerField(editable=False, db_default=1)
    changed_xid = Xid8Field(editable=False, db_default=CurrentXid(), db_index=True)

    class Meta:
        abstract = True
        triggers = [STAMP_RECORD]


class Fact(models.Model):
    """Something that happened. `known_at` is when we learnt of this version of it.

    History that is loaded in one go is given `known_at` = when it happened; what arrives late
    is known late, and no score of an earlier date ever sees it.
    """

    known_at = models.DateTimeField(editable=False, db_default=Now())
    changed_xid = Xid8Field(editable=False, db_default=CurrentXid(), db_index=True)

    class Meta:
        abstract = True
        triggers = [STAMP_FACT, *KEEP_VERSIONS]


class DeletedKey(models.Model):
    """The key of a deleted row of an extracted table, for the lake to forget it too."""

    table_name = models.CharField(max_length=63)
    row_id = models.BigIntegerField()
    book_id = models.BigIntegerField(null=True)  # of accounts; no key, for it outlives its row
    changed_xid = Xid8Field(db_default=CurrentXid())

    class Meta:
        indexes = [models.Index("changed_xid", name="deleted_by_xid")]

    def __str__(self) -> str:
        return f"{self.table_name} {self.row_id}"


M = TypeVar("M", bound=type[models.Model])
STAMPED = ("changed_xid", "updated_at", "created_at")  # columns that tell nothing of an edit


def audited(model: M) -> M:
    """Keep old and new values of every update and delete, by statement-level trigger."""
    return audited_but(*STAMPED)(model)


def audited_but(*unwatched: str) -> Callable[[M], M]:
    """Keep them of every column but these: an update of nothing else is no edit."""
    trackers = (
        # The old row: what replaced it stands in the next event, or in the table itself.
        pghistory.UpdateEvent(level=pghistory.Statement, row=pghistory.Old),
        pghistory.DeleteEvent(level=pghistory.Statement),
    )
    decorate: Callable[[M], M] = pghistory.track(
        *trackers, exclude=list(unwatched), obj_field=pghistory.ObjForeignKey(related_name="+")
    )
    return decorate
