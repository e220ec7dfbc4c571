"""Column types and defaults that PostgreSQL has and Django doesn't name."""

from typing import Any

from django.db import models
from django.db.models import lookups
from django.utils.functional import cached_property


class UuidV7(models.Func):
    """`uuidv7()`: unique outside the database, and still in the order of creation inside it."""

    function = "uuidv7"
    template = "%(function)s()"
    output_field = models.UUIDField()


class CurrentXid(models.Func):
    """`pg_current_xact_id()`, the 64-bit number of the running transaction."""

    function = "pg_current_xact_id"
    template = "%(function)s()"

    @property
    def output_field(self) -> "Xid8Field":
        return Xid8Field()


class Xid8Field(models.BigIntegerField):  # type: ignore[type-arg]  # no type arguments at run time
    """A 64-bit transaction number. Python sees an int, the database an `xid8`."""

    def db_type(self, connection: Any) -> str:
        return "xid8"

    def rel_db_type(self, connection: Any) -> str:
        return "xid8"

    def get_internal_type(self) -> str:
        return "Xid8Field"

    @cached_property
    def validators(self) -> list[Any]:
        return []  # the database makes these numbers; Django knows no range for the type

    def from_db_value(self, value: Any, expression: Any, connection: Any) -> int | None:
        return None if value is None else int(value)

    def get_db_prep_value(self, value: Any, connection: Any, prepared: bool = False) -> Any:  # noqa: FBT001, FBT002  # Django's signature
        return value if value is None or hasattr(value, "as_sql") else str(value)


# Those of integers ask Django for the range of the type, which it doesn't know.
for _lookup in (lookups.Exact, lookups.GreaterThan, lookups.GreaterThanOrEqual, lookups.LessThan):
    Xid8Field.register_lookup(_lookup)
