"""The building blocks of every page; docs/design-system.md shows each with an example."""

from decimal import Decimal
from functools import lru_cache
from typing import Literal, Protocol, TypeAlias, cast
from urllib.parse import urlencode

from django import template
from django.forms import BoundField, CheckboxInput
from django.template import Context
from django.template.loader import render_to_string
from django.utils.html import conditional_escape, format_html
from django.utils.safestring import SafeString
from lucide.templatetags.lucide import lucide

from .formats import MISSING, Numeric, percent, signed, to_decimal

register = template.Library()

Tone: TypeAlias = Literal["neutral", "good", "watch", "bad", "accent"]
TONE_ICONS = {"good": "circle-check", "watch": "triangle-alert", "bad": "circle-alert"}
EMPTY_ICONS = {
    "nothing": "inbox",
    "filtered": "search-x",
    "forbidden": "lock",
    "pending": "clock",
}


class KeysetPage(Protocol):
    """What `pagination` reads: opaque cursors, None at either end."""

    @property
    def next_cursor(self) -> str | None: ...
    @property
    def previous_cursor(self) -> str | None: ...


@lru_cache(maxsize=256)
def svg(name: str, size: int) -> SafeString:
    return cast("SafeString", lucide(name, size=size, aria_hidden="true", focusable="false"))


@register.simple_tag
def icon(name: str, label: str = "", size: int = 16) -> SafeString:
    """A lucide icon, silent for screen readers unless it has a label of its own."""
    # str + "" drops the SafeString that the template parser makes of a literal
    drawn = svg(name + "", size)
    if not label:
        return drawn
    return SafeString(f'{drawn}<span class="sr-only">{conditional_escape(label)}</span>')


@register.simple_tag
def badge(text: str, tone: Tone = "neutral", icon: str = "", title: str = "") -> SafeString:
    """A small label; good, watch and bad bring an icon, so that colour never speaks alone."""
    name = icon or TONE_ICONS.get(tone, "")
    return format_html(
        '<span class="badge badge--{}"{}>{}{}</span>',
        tone,
        format_html(' title="{}"', title) if title else "",
        svg(name + "", 12) if name else "",
        text,
    )


@register.simple_block_tag
def card(
    content: str, title: str = "", tone: Tone = "neutral", *, actions: str = "", flush: bool = False
) -> SafeString:
    """A titled box. `actions` is safe HTML for the right end; `flush` drops the padding."""
    heading = f'<h2 class="card__title">{conditional_escape(title)}</h2>' if title else ""
    ends = f'<div class="card__actions">{conditional_escape(actions)}</div>' if actions else ""
    head = f'<header class="card__head">{heading}{ends}</header>' if heading or ends else ""
    return SafeString(
        f'<section class="card card--{tone}{" card--flush" if flush else ""}">{head}'
        f'<div class="card__body">{conditional_escape(content)}</div></section>'
    )


@register.simple_tag
def stat(
    label: str,
    value: object,
    note: str = "",
    tone: Tone = "neutral",
    *,
    title: str = "",
    href: str = "",
    trend: str = "",
) -> SafeString:
    """One number of a `.stats` row, coloured only when something is wrong."""
    # Pages have many: a template for each takes as long as reading the numbers.
    tag = "a" if href else "div"
    target = f' href="{conditional_escape(href)}"' if href else ""
    hint = f' title="{conditional_escape(title)}"' if title else ""
    mark = svg(TONE_ICONS[tone], 14) if tone in ("watch", "bad") else ""
    shown = MISSING if value is None else conditional_escape(str(value))
    change = f" {conditional_escape(trend)}" if trend else ""
    small = f'<span class="stat__note">{conditional_escape(note)}</span>' if note else ""
    return SafeString(
        f'<{tag}{target} class="stat stat--{tone}"{hint}>'
        f'<span class="stat__label">{mark}{conditional_escape(label)}</span>'
        f'<span class="stat__value">{shown}{change}</span>{small}</{tag}>'
    )


@register.simple_block_tag
def alert(content: str, tone: Tone = "accent", title: str = "", *, actions: str = "") -> SafeString:
    return render_to_string(
        "components/alert.html",
        {
            "content": content,
            "tone": tone,
            "title": title,
            "actions": actions,
            "icon": TONE_ICONS.get(tone, "info"),
            "role": "alert" if tone == "bad" else "status",
        },
    )


@register.simple_block_tag
def empty_state(
    content: str, kind: str, title: str, *, href: str = "", action: str = "", small: bool = False
) -> SafeString:
    """Why there is nothing: `nothing`, `filtered`, `forbidden` or `pending`, and what to do."""
    return render_to_string(
        "components/empty_state.html",
        {
            "content": content,
            "icon": EMPTY_ICONS[kind],
            "kind": kind,
            "title": title,
            "href": href,
            "action": action,
            "small": small,
        },
    )


@register.simple_block_tag
def page_header(
    content: str,
    title: str,
    sub: str = "",
    *,
    parent: str = "",
    parent_url: str = "",
    sticky: bool = False,
) -> SafeString:
    """The H1 of a page with its one grey line; the block holds the buttons at the right."""
    return render_to_string(
        "components/page_header.html",
        {
            "content": content,
            "title": title,
            "sub": sub,
            "parent": parent,
            "parent_url": parent_url,
            "sticky": sticky,
        },
    )


@register.simple_block_tag
def menu(
    content: str, label: str, icon: str = "", *, variant: str = "", align: str = "end", caret: bool = True
) -> SafeString:
    """A button that opens a list of `.menu__item`; `variant="icon"` hides the word."""
    return render_to_string(
        "components/menu.html",
        {
            "content": content,
            "label": label,
            "icon": icon,
            "variant": variant,
            "align": align,
            "caret": caret and variant != "icon",
        },
    )


@register.simple_tag
def field(bound: BoundField, label: str = "", hint: str = "") -> SafeString:
    """Label, control, help and error of one form field, tied together for screen readers."""
    return render_to_string(
        "components/field.html",
        {
            "field": bound,
            "label": label or bound.label,
            "hint": hint or bound.help_text,
            "is_check": isinstance(bound.field.widget, CheckboxInput),
            "is_group": bound.use_fieldset,
            "is_optional": not bound.field.required,
        },
    )


def _query_url(context: Context, **changes: str | None) -> str:
    given = [
        (key, value)
        for key, values in context["request"].GET.lists() if key not in changes
        for value in values
    ]  # fmt: skip
    return f"?{urlencode(given + [(key, value) for key, value in changes.items() if value is not None])}"


@register.simple_tag(takes_context=True)
def pagination(context: Context, page: KeysetPage, target: str = "") -> SafeString:
    """Previous and next by keyset; `target` (a CSS selector) makes htmx swap that element."""
    following, previous = page.next_cursor, page.previous_cursor
    if not following and not previous:
        return SafeString("")
    return render_to_string(
        "components/pagination.html",
        {
            "next_url": _query_url(context, after=following, before=None) if following else "",
            "previous_url": _query_url(context, before=previous, after=None) if previous else "",
            "target": target,
        },
    )


@register.simple_tag(takes_context=True)
def sort_header(
    context: Context, label: str, key: str, *, first: str = "-", numeric: bool = False
) -> SafeString:
    """A `<th>` that sorts by `key`; the first click sorts downwards unless `first` is empty."""
    current = context["request"].GET.get("sort", "")
    descending, ascending = f"-{key}", key
    start, turned = (descending, ascending) if first else (ascending, descending)
    state = {descending: "descending", ascending: "ascending"}.get(current, "")
    url = _query_url(context, sort=turned if current == start else start, after=None, before=None)
    arrow = svg("arrow-down" if state == "descending" else "arrow-up", 16) if state else ""
    return format_html(
        '<th scope="col"{}{}><a class="table__sort" href="{}">{}{}</a></th>',
        SafeString(' class="num"') if numeric else "",
        format_html(' aria-sort="{}"', state) if state else "",
        url,
        label,
        arrow,
    )


@register.simple_tag
def progress(done: int, total: int | None, label: str = "") -> SafeString:
    """A bar with its numbers; without a total it only says that work goes on."""
    share = percent(Decimal(done) / total, 0) if total else ""
    return render_to_string(
        "components/progress.html", {"done": done, "total": total, "label": label, "share": share}
    )


@register.filter
def delta(value: Numeric | None, options: str = "") -> SafeString | str:
    """A signed change: +3.2 %. Options: `points` (percentage points), `higher` or `lower` is better."""
    amount = to_decimal(value)
    if amount is None:
        return ""
    words = options.split()
    text = signed(amount * 100, 1) + ("\u202fpp" if "points" in words else "\u202f%")
    better = {"higher": 1, "lower": -1}.get(next((w for w in words if w != "points"), ""), 0)
    meaning = better * (amount > 0) - better * (amount < 0)
    tone = {1: "good", -1: "bad"}.get(meaning, "neutral")
    arrow = "arrow-up" if amount > 0 else "arrow-down" if amount < 0 else "minus"
    return format_html('<span class="delta delta--{}">{}{}</span>', tone, svg(arrow, 12), text)
