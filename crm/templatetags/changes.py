"""The words for bulk changes, in the reader's language."""

from collections.abc import Mapping

from django import template
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from crm.models import ChangeSet, User
from crm.selectors.quality_words import standing_words
from crm.templatetags.formats import grouped, to_decimal

register = template.Library()


@register.simple_tag
def change_words(change: ChangeSet, people: Mapping[int, User]) -> str:
    """Return what was done, to how many rows."""
    changed: int = getattr(change, "changed", 0)
    number = to_decimal(changed)
    if change.data.get("edit") == "clean":
        said = ngettext("%(n)s row cleaned: %(rule)s", "%(n)s rows cleaned: %(rule)s", changed)
        rule = standing_words(change.data["table"], change.data["code"]).title
        return said % {"n": "" if number is None else grouped(number, 0), "rule": rule}
    said = ngettext("%(n)s account assigned to %(owner)s", "%(n)s accounts assigned to %(owner)s", changed)
    owner = people.get(change.data.get("to", 0))
    return said % {"n": "" if number is None else grouped(number, 0), "owner": owner or _("Somebody")}


@register.filter
def refusal_words(code: str) -> str:
    words = {
        "edited": _("edited since"),
        "taken": _("something else has taken its place"),
        "in_use": _("in use meanwhile"),
    }
    return words.get(code, code)
