"""What is kept of an erasure: that it was done, when, by whom, and how much went."""

from typing import Self

from django.db import models
from django.db.models.functions import Now

from crm.models.access import VIEW_AUDIT, Principal, can
from crm.models.people import User


class ErasureQuerySet(models.QuerySet["Erasure"]):
    def visible_to(self, principal: Principal) -> Self:
        """Return every erasure to those who read the audit log, and none to others."""
        return self if can(principal, VIEW_AUDIT) else self.none()


class Erasure(models.Model):
    """That the personal data of an account or a contact was erased. No key: they go, or may go later."""

    public_id = models.UUIDField(unique=True)  # the account's or contact's
    erased_at = models.DateTimeField(db_default=Now())
    erased_by = models.ForeignKey(User, models.SET_NULL, null=True, related_name="+")
    counts = models.JSONField(default=dict)  # what was emptied or removed -> how many

    objects = ErasureQuerySet.as_manager()

    def __str__(self) -> str:
        return f"{self.public_id} at {self.erased_at}"
