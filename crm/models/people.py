from typing import Any

from django.contrib.auth.models import AbstractUser, UserManager
from django.db import models
from django.utils.translation import gettext_lazy as _

from crm.models.fields import UuidV7


class Team(models.Model):
    name = models.CharField(_("name"), max_length=100, unique=True)
    public_id = models.UUIDField(unique=True, editable=False, db_default=UuidV7())

    def __str__(self) -> str:
        return self.name


class PeopleManager(UserManager["User"]):
    """Django's own, but whoever `createsuperuser` makes is an administrator: nothing else reads the role."""

    use_in_migrations = False

    def create_superuser(
        self, username: str, email: str | None = None, password: str | None = None, **extra_fields: Any
    ) -> "User":
        extra_fields.setdefault("role", User.Role.ADMINISTRATOR)
        return super().create_superuser(username, email, password, **extra_fields)


class User(AbstractUser):
    """A member of staff. What a role may do stands in `crm.models.access`."""

    class Role(models.TextChoices):
        SALES = "sales", _("Sales")
        SUPPORT = "support", _("Support")
        MARKETING = "marketing", _("Marketing")
        ANALYST = "analyst", _("Analyst")
        PARTNER_MANAGER = "partner_manager", _("Partner manager")
        ADMINISTRATOR = "administrator", _("Administrator")

    role = models.CharField(_("role"), max_length=20, choices=Role.choices, default=Role.SALES)
    team = models.ForeignKey(
        Team, models.SET_NULL, null=True, blank=True, related_name="members", verbose_name=_("team")
    )
    public_id = models.UUIDField(unique=True, editable=False, db_default=UuidV7())
    language = models.CharField(_("language"), max_length=10, blank=True)
    time_zone = models.CharField(_("time zone"), max_length=64, blank=True)
    is_simulated = models.BooleanField(default=False)
    # Kept here because every page shows it, and every page reads its user anyway.
    unread_notifications = models.PositiveIntegerField(default=0, db_default=0, editable=False)

    objects = PeopleManager()

    class Meta(AbstractUser.Meta):
        constraints = [
            models.CheckConstraint(
                condition=models.Q(
                    role__in=[
                        "sales",
                        "support",
                        "marketing",
                        "analyst",
                        "partner_manager",
                        "administrator",
                    ]
                ),
                name="user_role_is_known",
            )
        ]

    def __str__(self) -> str:
        return self.get_full_name() or self.username
