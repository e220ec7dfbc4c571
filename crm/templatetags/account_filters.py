"""Parts of a filter form that keep the query string's state."""

from collections.abc import Iterable
from typing import Any

from django import template
from django.http import QueryDict
from django.template import Context
from django.template.loader import render_to_string
from django.utils.html import escape, format_html
from django.utils.safestring import SafeString

from crm.filters import share_text
from crm.models import AttributeDefinition
from crm.selectors.countries import country_name
from crm.selectors.directory import AttributeName

register = template.Library()


@register.filter
def country(code: str) -> str:
    """GB -> United Kingdom"""
    return country_name(code)


@register.simple_tag
def options(choices: Iterable[tuple[Any, Any]], chosen: Any = "") -> SafeString:
    """The options of a select, made in one go: lists have hundreds of them."""
    marks = {str(chosen): " selected"}
    return SafeString(
        "".join(
            f'<option value="{escape(value)}"{marks.get(str(value), "")}>{escape(label)}</option>'
            for value, label in choices
        )
    )


@register.simple_tag
def query_inputs(query: QueryDict, *without: str) -> SafeString:
    """The rest of the query string as hidden fields; `attr_*` leaves out all that begin so."""
    beginnings = tuple(name[:-1] for name in without if name.endswith("*"))
    fields = [
        format_html('<input type="hidden" name="{}" value="{}">', name, value)
        for name in query
        if name not in without and not (beginnings and name.startswith(beginnings))
        for value in query.getlist(name)
        if value
    ]
    return SafeString("".join(fields))


@register.simple_tag(takes_context=True)
def filter_range(context: Context, label: str, name: str, unit: str = "") -> SafeString:
    """From and to of one number."""
    query = context["request"].GET
    return render_to_string(
        "crm/_filter_range.html",
        {
            "label": label,
            "name": name,
            "unit": unit,
            "low": _as_written(query.get(f"{name}_min", ""), unit),
            "high": _as_written(query.get(f"{name}_max", ""), unit),
        },
    )


def _as_written(text: str, unit: str) -> str:
    """Return a share with the unit that stands at its field, and whatever else as it was typed."""
    try:
        return share_text(float(text)) if unit == "%" and 0 <= float(text) <= 1 else text
    except ValueError:
        return text


@register.simple_tag(takes_context=True)
def filter_attribute(context: Context, definition: AttributeName) -> SafeString:
    """The filter of one custom attribute, as its type asks for."""
    name = f"attr_{definition.key}"
    if definition.type == AttributeDefinition.Type.NUMBER:
        return filter_range(context, definition.label, name)
    given: dict[str, Any] = {"definition": definition, "name": name}
    value = context["request"].GET.get(name, "")
    return render_to_string("crm/_filter_attribute.html", {**given, "value": value})
