"""Two accounts side by side, and why they may be one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from django import template
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from crm.models import Account, AttributeDefinition, ChangeSet
from crm.selectors.words import record_words
from crm.services.merge_fields import ATTRIBUTE, default_side, fields_of, value_of
from crm.services.merge_steps import model_of

from .account_panels import attribute_text, field_text
from .ui import badge

register = template.Library()


def _same(kind: str) -> str:
    return {
        "name": _("Same name"),
        "domain": _("Same domain"),
        "phone": _("Same telephone number"),
        "tax_id": _("Same tax number"),
        "email": _("Same e-mail address"),
    }[kind]


@register.simple_tag
def hit_badges(hits: Iterable[Mapping[str, Any]]) -> SafeString:
    """What two accounts share, each a badge; what few others share too says so."""
    shown = []
    for hit in hits:
        if hit.get("differs"):
            shown.append(badge(_("Different tax numbers"), "watch"))
            continue
        others = hit["holders"] - 2
        title = ngettext("%(n)s further account has it too", "%(n)s further accounts have it too", others) % {
            "n": others
        }
        shown.append(badge(_same(hit["kind"]), "neutral", title=title if others > 0 else ""))
    return SafeString(" ".join(shown))


@register.filter
def likeness(score: float) -> str:
    """How likely a pair is one, in words: the number ranks, and is no calibrated share."""
    if score >= 0.9:
        return _("Almost certain")
    return _("Likely") if score >= 0.6 else _("Possible")


@register.inclusion_tag("crm/_duplicate_fields.html")
def merge_fields(first: Account, second: Account, survivor: Account) -> dict[str, Any]:
    """A row for each field: one text where both agree, else a choice between the two."""
    definitions = {row.key: row for row in AttributeDefinition.objects.all()}
    other = second if survivor == first else first
    rows = []
    for name in fields_of(first, second):
        texts = [_text(account, name, definitions) for account in (first, second)]
        if not any(texts):
            continue
        takes = other if default_side(survivor, other, name) == "other" else survivor
        rows.append({
            "name": name, "label": _label(name, definitions), "first": texts[0], "second": texts[1],
            "is_same": value_of(first, name) == value_of(second, name), "takes_first": takes == first,
        })  # fmt: skip
    return {"rows": rows, "first": first, "second": second, "takes_first": survivor == first}


@register.filter
def kept_words(change_set: ChangeSet) -> list[str]:
    """What unmerging left with the survivor, by kind: "Contact: 2"."""
    fields = [item["field"] for item in change_set.data.get("kept", ()) if "field" in item]
    rows = Counter(item["table"] for item in change_set.data.get("kept", ()) if "field" not in item)
    return [
        *(_column(name.removesuffix("_id")) for name in fields),
        *(f"{_record(table)}: {number}" for table, number in sorted(rows.items())),
    ]


@register.filter
def moved_rows(change_set: ChangeSet) -> int:
    return sum(counts["moved"] for counts in change_set.data.get("counts", {}).values())


def _record(table: str) -> str:
    model = model_of(table)
    said = record_words(str(model._meta.model_name))
    return said if said != model._meta.model_name else str(model._meta.verbose_name).capitalize()


def _label(name: str, definitions: Mapping[str, AttributeDefinition]) -> str:
    if name.startswith(ATTRIBUTE):
        key = name.removeprefix(ATTRIBUTE)
        return definitions[key].label if key in definitions else key
    label = _column(name)
    return label[:1].upper() + label[1:]


def _column(name: str) -> str:
    """Return what people call a column of an account."""
    own: Any = Account._meta.get_field(name)
    return str(own.verbose_name)


def _text(account: Account, name: str, definitions: Mapping[str, AttributeDefinition]) -> str:
    if not name.startswith(ATTRIBUTE):
        return field_text(account, name)
    definition = definitions.get(name.removeprefix(ATTRIBUTE))
    value = value_of(account, name)
    return attribute_text(definition, value) if definition else "" if value is None else str(value)
