"""Days and entries of a timeline, made in one go: a template for each costs more than reading them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import lru_cache
from html import escape
from uuid import UUID

from django import template
from django.template import Context
from django.urls import reverse
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop, ngettext

from crm.selectors.timeline import TimelineItem

from .account_panels import Attributes, changed_field
from .formats import Clock, clock, money_exact
from .ui import svg

register = template.Library()

NOBODY = UUID(int=0)
SOMEBODY, THE_SYSTEM, SIMULATED = (
    gettext_noop("Somebody"),
    gettext_noop("The system"),
    gettext_noop("simulated"),
)
PIN = gettext_noop("Pin")
# By source, and for some by source and detail.
ICONS = {
    "activity": ("sticky-note", gettext_noop("Note")),
    "activity:call": ("phone", gettext_noop("Call")),
    "activity:email": ("mail", gettext_noop("E-mail")),
    "activity:meeting": ("users", gettext_noop("Meeting")),
    "order": ("shopping-cart", gettext_noop("Order")),
    "order:return": ("undo-2", gettext_noop("Return")),
    "invoice": ("file-text", gettext_noop("Invoice")),
    "payment": ("banknote", gettext_noop("Payment")),
    "ticket": ("ticket", gettext_noop("Ticket")),
    "task": ("circle-check-big", gettext_noop("Task done")),
    "session": ("globe", gettext_noop("Visit")),
    "edit": ("pencil", gettext_noop("Edit")),
}


@dataclass(frozen=True, slots=True)
class Page:
    """What the entries need to know of the page they stand on."""

    may_edit: bool
    path: str
    csrf_token: str
    clock: Clock
    attributes: Attributes
    words: dict[str, str] = field(default_factory=dict)

    def author(self, item: TimelineItem, otherwise: str = "") -> str:
        return escape(item.author) or otherwise

    def word(self, text: str) -> str:
        """Return a word in the reader's language, looked up once for all entries."""
        if text not in self.words:
            self.words[text] = escape(_(text))
        return self.words[text]

    def icon(self, name: str, label: str) -> str:
        """Return what `{% icon %}` draws, with its label for screen readers."""
        return f'{svg(name, 16)}<span class="sr-only">{self.word(label)}</span>'


@register.simple_tag(takes_context=True)
def timeline_days(context: Context, days: Sequence[tuple[date, Sequence[TimelineItem]]]) -> SafeString:
    """A heading for each day, and its entries."""
    page = Page(
        bool(context.get("may_edit")),
        escape(context["request"].get_full_path()),
        str(context.get("csrf_token", "")),
        clock(),
        {definition.key: definition for definition in context["overview"].attributes},
    )
    return mark_safe(  # noqa: S308 - every part is escaped where it is put in
        "".join(
            f'<h3 class="timeline__day">{page.clock.when(day)}</h3>'
            f'<ol class="timeline">{"".join(_entry(item, page) for item in items)}</ol>'
            for day, items in days
        )
    )


def _entry(item: TimelineItem, page: Page) -> str:
    name, label = ICONS.get(f"{item.source}:{item.detail}") or ICONS[item.source]
    simulated = f" · {page.word(SIMULATED)}" if item.is_simulated else ""
    may_pin = item.source == "activity" and page.may_edit and not item.is_pinned
    text = f'<p class="timeline__text">{escape(item.text)}</p>' if item.source == "activity" else ""
    return (
        f'<li class="timeline__item"><span class="timeline__icon">{page.icon(name, label)}</span><div>'
        f'<div class="timeline__head">{HEADS[item.source](item, page)} '
        f'<span class="timeline__meta">{page.clock.when(item.at)}{simulated}</span>'
        f"{_pin(item, page) if may_pin else ''}</div>{text}</div></li>"
    )


def _activity(item: TimelineItem, page: Page) -> str:
    return f"<strong>{page.author(item, page.word(SOMEBODY))}</strong>"


def _order(item: TimelineItem, page: Page) -> str:
    word = "Return" if item.detail == "return" else "Order"
    link = f'<a href="{_url("crm:order-detail", item)}">{page.word(word)} {escape(item.text)}</a>'
    return f"{link} {_amount(item)}"


def _invoice(item: TimelineItem, page: Page) -> str:
    return f"<span>{page.word('Invoice')} {escape(item.text)}</span> {_amount(item)}"


def _payment(item: TimelineItem, page: Page) -> str:
    return f"<span>{page.word('Payment')}</span> {_amount(item)}"


def _ticket(item: TimelineItem, _page: Page) -> str:
    return f'<a href="{_url("crm:ticket-detail", item)}">{escape(item.text)}</a>'


def _task(item: TimelineItem, page: Page) -> str:
    said = _("Done: %(title)s") % {"title": item.text}  # xgettext looks into no f-string
    return f"<span>{escape(said)}</span> {page.author(item)}"


def _edit(item: TimelineItem, page: Page) -> str:
    names = item.field_names
    said = ngettext("changed %(n)s field", "changed %(n)s fields", len(names)) % {"n": len(names)}
    fields = ", ".join(escape(changed_field(name, attributes=page.attributes)) for name in names)
    return f"<strong>{page.author(item, page.word(THE_SYSTEM))}</strong> <span>{said}: {fields}</span>"


def _session(item: TimelineItem, _page: Page) -> str:
    count = int(item.amount or 0)
    said = ngettext("Visited the site: %(n)s step", "Visited the site: %(n)s steps", count) % {"n": count}
    if item.text:
        said = _("%(visit)s, from %(source)s") % {"visit": said, "source": item.text}
    return f"<span>{escape(said)}</span>"


HEADS: dict[str, Callable[[TimelineItem, Page], str]] = {
    "activity": _activity,
    "order": _order,
    "invoice": _invoice,
    "payment": _payment,
    "ticket": _ticket,
    "task": _task,
    "session": _session,
    "edit": _edit,
}


def _amount(item: TimelineItem) -> str:
    return f'<span class="num">{escape(money_exact(item.amount, item.currency))}</span>'


def _pin(item: TimelineItem, page: Page) -> str:
    return (
        f' <form method="post" action="{_url("crm:activity-pin", item)}">'
        f'<input type="hidden" name="csrfmiddlewaretoken" value="{page.csrf_token}">'
        f'<input type="hidden" name="next" value="{page.path}">'
        f'<button class="link-button tiny" name="pinned" value="1">{page.word(PIN)}</button></form>'
    )


def _url(route: str, item: TimelineItem) -> str:
    before, after = _parts_of(route)
    return f"{before}{item.public_id}{after}"


@lru_cache(maxsize=16)
def _parts_of(route: str) -> tuple[str, str]:
    """Return what stands before and after the id in the address: resolving each one takes longer."""
    before, _id, after = reverse(route, args=[NOBODY]).partition(str(NOBODY))
    return before, after
