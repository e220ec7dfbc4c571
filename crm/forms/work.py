"""Forms of the daily work: activities, tasks and tickets."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from crm.forms.accounts import PersonField
from crm.models import Account, Activity, Contact, Task, Ticket


class NoteField(forms.CharField):
    """Text of several lines, measured as the browser does: it counts a line break once, and sends two."""

    widget = forms.Textarea

    def to_python(self, value: Any) -> str:
        return (super().to_python(value) or "").replace("\r\n", "\n")


class ActivityForm(forms.Form):
    kind = forms.ChoiceField(label=_("Kind"), choices=Activity.Kind.choices)
    text = NoteField(label=_("Text"), max_length=10_000, widget=forms.Textarea(attrs={"rows": 3}))


class TaskForm(forms.Form):
    title = forms.CharField(
        label=_("What is to be done"), max_length=Task._meta.get_field("title").max_length
    )
    due_date = forms.DateField(
        label=_("Due"), required=False, widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")
    )
    assignee = PersonField(label=_("Assignee"), required=False)


class TicketForm(forms.Form):
    kind = forms.ChoiceField(label=_("Kind"), choices=Ticket.Kind.choices)
    priority = forms.TypedChoiceField(
        label=_("Priority"), choices=Ticket.Priority.choices, coerce=int, initial=Ticket.Priority.NORMAL
    )
    subject = forms.CharField(label=_("Subject"), max_length=200)
    text = NoteField(
        label=_("What happened"), required=False, max_length=10_000,
        widget=forms.Textarea(attrs={"rows": 5}),
    )  # fmt: skip
    contact = forms.ModelChoiceField(
        label=_("Contact"),
        queryset=Contact.objects.none(),
        to_field_name="public_id",
        required=False,
        empty_label="–",
    )
    assignee = PersonField(label=_("Assignee"), required=False)

    def __init__(self, *args: Any, account: Account, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        contacts = Contact.objects.filter(account=account).order_by("name")
        self.fields["contact"].queryset = contacts  # type: ignore[attr-defined] # known by its name only


class TicketAssignForm(forms.Form):
    assignee = PersonField(label=_("Assignee"), required=False)
    priority = forms.TypedChoiceField(label=_("Priority"), choices=Ticket.Priority.choices, coerce=int)
