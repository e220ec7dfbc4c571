"""Which rows go when a row goes: what hangs on it, and what hangs on that."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from django.db import models
from django.db.models import Model


@dataclass
class Owned:
    """Rows by table. Their order is free: keys are checked at the end of a transaction."""

    ids: dict[type[Model], set[int]] = field(default_factory=dict)

    def gather(self, model: type[Model], ids: set[int]) -> None:
        fresh = ids - self.ids.get(model, set())
        if not fresh:
            return
        self.ids.setdefault(model, set()).update(fresh)
        for child, column in children(model):
            found = child._base_manager.filter(**{f"{column}__in": fresh}).values_list("pk", flat=True)
            self.gather(child, set(found))


def referrers(model: type[Model]) -> Iterator[tuple[type[Model], str]]:
    """Yield the models whose rows stay when a row of `model` goes, and the column that forgets it."""
    for relation in model._meta.get_fields(include_hidden=True):
        if isinstance(relation, models.ManyToOneRel) and relation.on_delete is models.SET_NULL:
            yield relation.related_model, relation.field.attname


def children(model: type[Model]) -> Iterator[tuple[type[Model], str]]:
    """Yield the models whose rows go when a row of `model` goes, with the column that leads to it."""
    for relation in model._meta.get_fields(include_hidden=True):
        if isinstance(relation, models.ManyToOneRel) and relation.on_delete is models.CASCADE:
            yield relation.related_model, relation.field.attname
