"""What staff do: activities, tasks and tickets."""

from typing import Self

from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from crm.models.access import Principal
from crm.models.accounts import Account, OfAccountQuerySet
from crm.models.base import KEEP_VERSIONS, STAMP_EDITED_FACT, STAMPED, Fact, Record, audited, audited_but
from crm.models.people import User


class TaskQuerySet(models.QuerySet["Task"]):
    def visible_to(self, principal: Principal) -> Self:
        """Return one's own tasks, and those of the accounts that one may see."""
        if not getattr(principal, "is_authenticated", False):
            return self.none()
        accounts = Account.objects.visible_to(principal)
        mine = models.Q(assignee_id=principal.pk) | models.Q(created_by_id=principal.pk)
        return self.filter(mine | models.Q(account__in=accounts))


@audited
class Activity(Record):
    """Something that happened between us and an account: a note, a call, an e-mail, a meeting."""

    class Kind(models.TextChoices):
        NOTE = "note", _("Note")
        CALL = "call", _("Call")
        EMAIL = "email", _("E-mail")
        MEETING = "meeting", _("Meeting")

    account = models.ForeignKey(Account, models.CASCADE, related_name="activities")
    contact = models.ForeignKey("crm.Contact", models.SET_NULL, null=True, blank=True, related_name="+")
    kind = models.CharField(_("kind"), max_length=8, choices=Kind.choices)
    text = models.TextField(_("text"))
    at = models.DateTimeField(_("at"), db_default=Now())
    author = models.ForeignKey(User, models.SET_NULL, null=True, related_name="+")
    is_pinned = models.BooleanField(_("pinned"), default=False)
    is_simulated = models.BooleanField(default=False)

    objects = OfAccountQuerySet["Activity"].as_manager()

    class Meta(Record.Meta):
        verbose_name_plural = "activities"
        indexes = [models.Index("account", models.F("at").desc(), models.F("id").desc(), name="timeline")]

    def __str__(self) -> str:
        return f"{self.kind} {self.public_id}"


@audited
class Task(Record):
    account = models.ForeignKey(Account, models.CASCADE, null=True, blank=True, related_name="tasks")
    title = models.CharField(_("title"), max_length=200)
    due_date = models.DateField(_("due"), null=True, blank=True)
    assignee = models.ForeignKey(
        User, models.SET_NULL, null=True, blank=True, related_name="+", verbose_name=_("assignee")
    )
    done_at = models.DateTimeField(_("done"), null=True, blank=True)
    created_by = models.ForeignKey(User, models.SET_NULL, null=True, related_name="+")
    is_simulated = models.BooleanField(default=False)

    objects = TaskQuerySet.as_manager()

    class Meta(Record.Meta):
        indexes = [
            models.Index("assignee", "due_date", name="open_tasks", condition=models.Q(done_at=None)),
            models.Index("account", "due_date", name="task_of_account"),
        ]

    def __str__(self) -> str:
        return self.title


@audited_but(*STAMPED, "known_at")
class Ticket(Record, Fact):
    """What a customer asks of us. Staff edit it like a record, models read it like any fact."""

    class Kind(models.TextChoices):
        QUESTION = "question", _("Question")
        FAULT = "fault", _("Fault")
        COMPLAINT = "complaint", _("Complaint")
        REQUEST = "request", _("Request")

    class State(models.TextChoices):
        OPEN = "open", _("Open")
        PENDING = "pending", _("Waiting for the customer")
        SOLVED = "solved", _("Solved")
        CLOSED = "closed", _("Closed")

    class Priority(models.IntegerChoices):
        LOW = 1, _("Low")
        NORMAL = 2, _("Normal")
        HIGH = 3, _("High")
        URGENT = 4, _("Urgent")

    account = models.ForeignKey(Account, models.CASCADE, related_name="tickets")
    contact = models.ForeignKey("crm.Contact", models.SET_NULL, null=True, blank=True, related_name="+")
    kind = models.CharField(_("kind"), max_length=10, choices=Kind.choices)
    state = models.CharField(_("state"), max_length=8, choices=State.choices, default=State.OPEN)
    priority = models.PositiveSmallIntegerField(
        _("priority"), choices=Priority.choices, default=Priority.NORMAL
    )
    subject = models.CharField(_("subject"), max_length=200)
    text = models.TextField(_("text"), blank=True)
    assignee = models.ForeignKey(
        User, models.SET_NULL, null=True, blank=True, related_name="+", verbose_name=_("assignee")
    )
    opened_at = models.DateTimeField(_("opened"), db_default=Now())
    solved_at = models.DateTimeField(_("solved"), null=True, blank=True)
    is_simulated = models.BooleanField(default=False)

    objects = OfAccountQuerySet["Ticket"].as_manager()

    class Meta(Record.Meta, Fact.Meta):
        triggers = [STAMP_EDITED_FACT, *KEEP_VERSIONS]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(kind__in=["question", "fault", "complaint", "request"]),
                name="ticket_kind_is_known",
            ),
            models.CheckConstraint(
                condition=models.Q(state__in=["open", "pending"], solved_at__isnull=True)
                | models.Q(state__in=["solved", "closed"], solved_at__isnull=False),
                name="solved_ticket_says_when",
            ),
        ]
        indexes = [
            models.Index("account", models.F("opened_at").desc(), name="ticket_of_account"),
            models.Index("state", models.F("priority").desc(), "opened_at", name="ticket_queue"),
        ]

    def __str__(self) -> str:
        return self.subject
