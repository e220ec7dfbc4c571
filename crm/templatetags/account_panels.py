"""Panels of an account page. Each reads what it shows, so that a page pays for the open tab only."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from itertools import groupby
from typing import Any, TypeAlias

from django import template
from django.db.models import DateTimeField
from django.template import Context
from django.urls import reverse
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.html import conditional_escape, format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from crm.forms.accounts import ATTRIBUTE_PREFIX, AccountForm
from crm.forms.work import TaskForm
from crm.models import Account, Activity, AttributeDefinition, PartnerAccount, User
from crm.models.access import EDIT_ACCOUNTS, can
from crm.selectors import account_tabs
from crm.selectors.account_overview import AccountOverview
from crm.selectors.attention import what_needs_attention
from crm.selectors.audit import list_audit
from crm.selectors.countries import country_name
from crm.selectors.directory import AttributeName
from crm.selectors.offers import list_offers
from crm.selectors.people import team_names
from crm.selectors.score_feedback import own_opinions
from crm.selectors.score_panel import Published
from crm.selectors.timeline import CHIPS, TimelineItem, get_timeline
from crm.selectors.words import column_words

from .formats import MISSING, on_day, when
from .ui import svg

register = template.Library()

Attributes: TypeAlias = Mapping[str, AttributeDefinition | AttributeName]

FIELDS = (
    "name", "kind", "stage", "owner", "country", "industry", "currency", "customer_since", "website", "email",
    "phone", "tax_id",
)  # fmt: skip


@register.simple_tag
def account_line(account: Account, first_order_at: Any = None) -> SafeString:
    """The one grey line below the name; what isn't known is left out."""
    parts: list[Any] = [account.book, account.get_stage_display()]
    if account.country:
        parts.append(country_name(account.country))
    if account.customer_since:
        parts.append(SafeString(_("customer since %(day)s") % {"day": on_day(account.customer_since)}))
    elif first_order_at:
        parts.append(SafeString(_("first order %(day)s") % {"day": on_day(first_order_at)}))
    if account.owner:
        parts.append(_("owned by %(owner)s") % {"owner": account.owner})
    return SafeString(" · ".join(conditional_escape(part) for part in parts))


@register.inclusion_tag("crm/_account_stats.html")
def account_stats(account: Account, overview: AccountOverview, published: Published) -> dict[str, Any]:
    return {
        "account": account,
        "overview": overview,
        "currency": overview.currency,
        "scores": published.scores,
        "value": published.value("customer_value"),
        "loss": published.value("expected_loss"),
        "kinds": account.book.score_kinds,
    }


@register.inclusion_tag("crm/_needs_you.html", takes_context=True)
def needs_you(
    context: Context, account: Account, overview: AccountOverview, published: Published
) -> dict[str, Any]:
    """One sentence about what is wrong, with one button; nothing when nothing is."""
    return {
        "account": account,
        "attention": what_needs_attention(account, overview, published),
        "may_edit": can(context["request"].user, EDIT_ACCOUNTS),
    }


@register.inclusion_tag("crm/_scores_panel.html", takes_context=True)
def scores_panel(context: Context, account: Account, published: Published) -> dict[str, Any]:
    user = context["request"].user
    return {
        **_passed(context),
        "account": account,
        "opinions": own_opinions(account, user, published.scores.values()),
        "cards": published.cards(account),
        "churn": published.scores.get("churn"),
        "value": published.value("customer_value"),
        "loss": published.value("expected_loss"),
    }


@register.inclusion_tag("crm/_why_panel.html")
def why_panel(account: Account, published: Published) -> dict[str, Any]:
    """The scores in brief, for the side of the page."""
    return {"account": account, "cards": published.cards(account, in_brief=True)}


@register.inclusion_tag("crm/_recommendations_panel.html", takes_context=True)
def recommendations_panel(context: Context, account: Account) -> dict[str, Any]:
    return {
        "account": account, "offers": list_offers(account), "request": context["request"],
        "csrf_token": context.get("csrf_token"),
    }  # fmt: skip


@register.inclusion_tag("crm/_timeline_panel.html", takes_context=True)
def timeline_panel(context: Context, account: Account) -> dict[str, Any]:
    query = context["request"].GET
    chip = query.get("kind", "") if query.get("kind") in CHIPS else ""
    before = query.get("older", "")
    timeline = get_timeline(account, chip=chip, before=before)
    may_have_pinned = context["overview"].has_pinned
    return {
        **_passed(context), "account": account, "chip": chip, "older": timeline.older,
        "days": _days(timeline.items),
        "pinned": account_tabs.list_pinned(account) if may_have_pinned and not (before or chip) else (),
        "is_continued": bool(before),
    }  # fmt: skip


@register.inclusion_tag("crm/_composer.html", takes_context=True)
def composer(context: Context, account: Account) -> dict[str, Any]:
    """Where a note, a call or a task is written. Which one stands in the URL."""
    query = context["request"].GET
    kinds = [*Activity.Kind.choices, ("task", _("Task"))]
    kind = query.get("compose", "note")
    kind = kind if kind in dict(kinds) else "note"
    initial = {"title": query.get("title", "")[:200], "assignee": context["request"].user.public_id}
    form = TaskForm(initial=initial) if kind == "task" else None
    return {**_passed(context), "account": account, "kinds": kinds, "kind": kind, "form": form}


@register.inclusion_tag("crm/_orders_panel.html", takes_context=True)
def orders_panel(context: Context, account: Account) -> dict[str, Any]:
    page = account_tabs.orders_page(account, **_paging(context))
    return {**_passed(context), "account": account, "page": page}


@register.inclusion_tag("crm/_invoices_panel.html", takes_context=True)
def invoices_panel(context: Context, account: Account) -> dict[str, Any]:
    page = account_tabs.invoices_page(account, **_paging(context))
    return {**_passed(context), "account": account, "page": page}


@register.inclusion_tag("crm/_people_panel.html", takes_context=True)
def people_panel(context: Context, account: Account) -> dict[str, Any]:
    return {**_passed(context), "account": account, "contacts": account_tabs.list_contacts(account)}


@register.inclusion_tag("crm/_tickets_panel.html", takes_context=True)
def tickets_panel(context: Context, account: Account) -> dict[str, Any]:
    return {**_passed(context), "account": account, "tickets": account_tabs.list_tickets(account)}


@register.inclusion_tag("crm/_audit_panel.html", takes_context=True)
def audit_panel(context: Context, account: Account) -> dict[str, Any]:
    people = {person.pk: person for person in User.objects.all()}
    attributes = {d.key: d for d in context["overview"].attributes}
    return {"entries": list_audit(account=account)[:50], "people": people, "attributes": attributes}


@register.inclusion_tag("crm/_tasks_panel.html", takes_context=True)
def tasks_panel(context: Context, account: Account) -> dict[str, Any]:
    tasks = account_tabs.list_open_tasks(account) if context["overview"].has_open_tasks else ()
    return {**_passed(context), "account": account, "tasks": tasks, "today": timezone.localdate()}


@register.inclusion_tag("crm/_fields_panel.html", takes_context=True)
def fields_panel(context: Context, account: Account) -> dict[str, Any]:
    """The account's own fields, custom attributes after them, each with its pencil."""
    overview: AccountOverview = context["overview"]
    definitions = overview.attributes
    filled = [d for d in definitions if account.attributes.get(d.key) not in (None, "")]
    empty = [d for d in definitions if d not in filled]
    return {
        **_passed(context), "account": account,
        "fields": [(name, _label(name), field_text(account, name)) for name in FIELDS],
        "attributes": [
            (f"{ATTRIBUTE_PREFIX}{d.key}", d.label, attribute_text(d, account.attributes[d.key]))
            for d in filled
        ],
        "empty": [(f"{ATTRIBUTE_PREFIX}{d.key}", d.label, "") for d in empty],
        "partners": [(name, PartnerAccount.Role(role).label) for name, role in overview.partners],
        "references": overview.references,
    }  # fmt: skip


@register.simple_tag(takes_context=True)
def field_rows(context: Context, account: Account, fields: Iterable[tuple[str, str, str]]) -> SafeString:
    """A `<dt>` and `<dd>` for each field, with a pencil for those who may edit."""
    base = reverse("crm:account-field", args=[account.public_id, "name"]).removesuffix("name/")
    return format_html_join(
        "",
        '<dt>{}</dt><dd class="inline" id="field-{}">{}{}</dd>',
        (
            (label, name, text or MISSING, _pencil(base, name, label) if context["may_edit"] else "")
            for name, label, text in fields
        ),
    )


def _pencil(base: str, name: str, label: str) -> SafeString:
    return format_html(
        '<a class="inline__edit" href="{0}" hx-get="{0}" hx-target="#field-{1}" hx-swap="outerHTML">{2}'
        '<span class="sr-only">{3}</span></a>',
        f"{base}{name}/",
        name,
        svg("pencil", 14),
        _("Edit %(label)s") % {"label": label},
    )


@register.simple_tag
def field_text(account: Account, name: str) -> str:
    """What a field of an account reads like, "" when it is empty."""
    if name.startswith(ATTRIBUTE_PREFIX):
        key = name.removeprefix(ATTRIBUTE_PREFIX)
        definition = AttributeDefinition.objects.filter(key=key).first()
        return attribute_text(definition, account.attributes.get(key)) if definition else ""
    if name == "country":
        return country_name(account.country)
    if name == "customer_since":
        return on_day(account.customer_since) if account.customer_since else ""
    display = getattr(account, f"get_{name}_display", None)
    value = display() if display else getattr(account, name)
    return "" if value is None else str(value)


def attribute_text(definition: AttributeDefinition | AttributeName, value: Any) -> str:
    if value in (None, ""):
        return ""
    if isinstance(value, bool):
        return _("Yes") if value else _("No")
    if definition.type == AttributeDefinition.Type.CHOICE:
        return str(definition.choices.get(str(value), value))
    return str(value)


def _label(name: str) -> str:
    field = AccountForm.base_fields[name]
    return str(field.label)


def _passed(context: Context) -> dict[str, Any]:
    """Return what every panel with links or forms needs from the page."""
    names = ("request", "csrf_token", "may_edit", "may_work", "overview", "tab", "as_of")
    return {name: context.get(name) for name in names}


def _paging(context: Context) -> dict[str, str | None]:
    query = context["request"].GET
    return {"after": query.get("after"), "before": query.get("before")}


def _days(items: list[TimelineItem]) -> list[tuple[Any, list[TimelineItem]]]:
    grouped = groupby(items, key=lambda item: timezone.localtime(item.at).date())
    return [(day, list(of_day)) for day, of_day in grouped]


@register.filter
def of_id(names: Mapping[int, Any], pk: int | None) -> Any:
    """Look something up by number: {{ people|of_id:entry.actor_id }}"""
    return names.get(pk or 0, "")


@register.simple_tag
def changed_field(name: str, model: Any = None, attributes: Attributes | None = None) -> str:
    """The words for a column that was edited; `attributes` are the custom ones by key."""
    if name.startswith("attributes."):
        key = name.removeprefix("attributes.")
        known = (attributes or {}).get(key)
        return known.label if known else key.replace("_", " ").replace("-", " ")
    plain = name.removesuffix("_id")
    try:
        own = (model or Account)._meta.get_field(plain).verbose_name  # type: ignore[union-attr] # a column's
    except LookupError:
        own = ""
    return str(own) if isinstance(own, Promise) else column_words(plain)


@register.simple_tag
def changed_value(
    name: str, value: Any, model: Any, people: Mapping[int, User], attributes: Attributes | None = None
) -> str:
    """What a column held, in words where there are some."""
    if value in (None, ""):
        return "–"
    if name in ("owner_id", "assignee_id", "author_id", "created_by_id"):
        return str(people.get(value, value))
    if isinstance(value, bool):
        return _("Yes") if value else _("No")
    if name == "country":
        return country_name(value)
    if name.startswith("attributes."):
        known = (attributes or {}).get(name.removeprefix("attributes."))
        return attribute_text(known, value) if known else str(value)
    return _column_value(name, value, model._meta.get_field(name.removesuffix("_id")))


def _column_value(name: str, value: Any, field: Any) -> str:
    if isinstance(field, DateTimeField):
        return when(datetime.fromisoformat(value))
    choices = team_names() if name == "team_id" else dict(field.flatchoices)
    return str(choices.get(value, value))
