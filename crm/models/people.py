from typing import Any, ClassVar, Self

from django.contrib.auth.models import AbstractUser, UserManager
from django.db import models
from django.utils.translation import gettext_lazy as _

from crm.models.access import MANAGE_PEOPLE, Principal, can
from crm.models.base import audited, audited_but
from crm.models.fields import UuidV7


class TeamQuerySet(models.QuerySet["Team"]):
    def visible_to(self, principal: Principal) -> Self:
        return self if can(principal, MANAGE_PEOPLE) else self.none()


@audited
class Team(models.Model):
    name = models.CharField(_("name"), max_length=100, unique=True)
    public_id = models.UUIDField(unique=True, editable=False, db_default=UuidV7())

    objects = TeamQuerySet.as_manager()

    def __str__(self) -> str:
        return self.name


class PeopleManager(UserManager["User"]):
    """Django's own, but whoever `createsuperuser` makes is an administrator: nothing else reads the role."""

    use_in_migrations = False

    def visible_to(self, principal: Principal) -> models.QuerySet["User"]:
        return self.all() if can(principal, MANAGE_PEOPLE) else self.none()

    def create_superuser(
        self, username: str, email: str | None = None, password: str | None = None, **extra_fields: Any
    ) -> "User":
        extra_fields.setdefault("role", User.Role.ADMINISTRATOR)
        return super().create_superuser(username, email, password, **extra_fields)


# What is no edit of a person: passwords, which no table should hold twice, and what the product counts.
@audited_but(
    "password",
    "last_login",
    "date_joined",
    "is_superuser",
    "is_staff",
    "is_simulated",
    "unread_notifications",
)
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
    # Both are shown in the audit log, with who did it.
    link_made_at = models.DateTimeField(_("sign-in link made"), null=True, editable=False)
    second_factor_reset_at = models.DateTimeField(_("second factor removed"), null=True, editable=False)
    # Kept here because every page shows it, and every page reads its user anyway.
    unread_notifications = models.PositiveIntegerField(default=0, db_default=0, editable=False)

    objects: ClassVar[PeopleManager] = PeopleManager()

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
