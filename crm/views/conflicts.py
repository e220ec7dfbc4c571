"""What a form shows when somebody else was faster: both values of each field that differs."""

from dataclasses import dataclass
from typing import Any

from django import forms

from crm.forms.accounts import attribute_value
from crm.models import Account
from crm.services.accounts import EditConflictError

NOTHING = (None, "")


@dataclass(frozen=True, slots=True)
class Difference:
    label: str
    theirs: str
    ours: str


def describe_conflict(form: forms.ModelForm, error: EditConflictError) -> dict[str, Any]:  # type: ignore[type-arg] # a form of any model
    """Return what the template needs: the differences, and the revision to overwrite knowingly."""
    return {
        "conflict": [
            Difference(str(form[name].label), _shown(form[name], theirs), _shown(form[name], ours))
            for name, ours in form.cleaned_data.items()
            if _differ(theirs := _current(error.current, name), ours)
        ],
        "revision": error.current.revision,
    }


def _differ(theirs: Any, ours: Any) -> bool:
    """Compare as a reader does: None and "" both show nothing, and a custom day is kept as text."""
    return theirs not in (ours, attribute_value(ours)) and not (theirs in NOTHING and ours in NOTHING)


def _current(record: Any, name: str) -> Any:
    if isinstance(record, Account) and name.startswith("attr_"):
        return record.attributes.get(name.removeprefix("attr_"))
    return getattr(record, name)


def _shown(field: forms.BoundField, value: Any) -> str:
    """Return a value as its select would show it."""
    choices = getattr(field.field, "choices", ())
    if not isinstance(field.field, forms.ModelChoiceField):
        value = dict(choices).get(value, value)
    return "–" if value in NOTHING else str(value)
