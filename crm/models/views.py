from typing import Self

from django.db import models
from django.utils.translation import gettext_lazy as _

from crm.models.access import Principal
from crm.models.base import Record
from crm.models.people import User


class SavedViewQuerySet(models.QuerySet["SavedView"]):
    def visible_to(self, principal: Principal) -> Self:
        return self.filter(models.Q(owner_id=principal.pk or 0) | models.Q(is_shared=True))


class SavedView(Record):
    """A list's filters, sorting and columns under a name: its query string."""

    page = models.CharField(max_length=40)  # "account-list"
    name = models.CharField(_("name"), max_length=60)
    query = models.CharField(max_length=2000)
    owner = models.ForeignKey(User, models.CASCADE, related_name="+")
    is_shared = models.BooleanField(_("shared with everybody"), default=False)
    is_default = models.BooleanField(_("opens first"), default=False)
    position = models.PositiveSmallIntegerField(default=0)

    objects = SavedViewQuerySet.as_manager()

    class Meta(Record.Meta):
        constraints = [
            models.UniqueConstraint(fields=["owner", "page", "name"], name="one_view_per_name"),
            models.UniqueConstraint(
                fields=["owner", "page"], condition=models.Q(is_default=True), name="one_default_view"
            ),
        ]

    def __str__(self) -> str:
        return self.name
