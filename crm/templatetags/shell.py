"""What the frame of every page needs to know: folded navigation, entries by role."""

from django import template
from django.template import Context
from django.urls import NoReverseMatch, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe

from .ui import svg

register = template.Library()

CURRENT = mark_safe(' aria-current="page"')


@register.simple_tag(takes_context=True)
def nav_is_folded(context: Context) -> bool:
    request = context.get("request")
    return request is not None and request.COOKIES.get("nav") == "folded"


@register.simple_tag(takes_context=True)
def nav_part(context: Context) -> str:
    """The part of the site that this page lies in, which decides on the entry marked as current."""
    request = context["request"]
    inside = bool(request.resolver_match and request.resolver_match.namespace)
    return str(request.path.split("/", 2)[1]) if inside else "outside"


@register.simple_tag(takes_context=True)
def nav_link(
    context: Context, route: str, label: str, icon: str, *, roles: str = "", under: str = ""
) -> SafeString | str:
    """One entry, for the roles named (all when none is), current for every page below it.

    `under` names the beginnings of its pages' addresses when it has more than its own.
    An app that is not installed has no route: then there is no entry either.
    """
    request = context["request"]
    if roles and getattr(request.user, "role", "") not in roles.split():
        return ""
    try:
        url = reverse(route)
    except NoReverseMatch:
        return ""
    # Sign-in pages live below /accounts/ too, but belong to no app's namespace.
    inside = bool(request.resolver_match and request.resolver_match.namespace)
    starts = tuple(start for start in (under or url).split() if start != "/")
    current = inside and (request.path == url or request.path.startswith(starts))
    return format_html(
        '<a class="nav__link" href="{}" title="{}"{}>{}<span class="nav__label">{}</span></a>',
        url,
        label,
        CURRENT if current else "",
        svg(icon, 16),
        label,
    )


@register.simple_tag(takes_context=True)
def page_tab(context: Context, route: str, label: str, *, roles: str = "") -> SafeString | str:
    """One of a row of tabs that are pages of their own."""
    request = context["request"]
    if roles and getattr(request.user, "role", "") not in roles.split():
        return ""
    url = reverse(route)
    here = CURRENT if request.path == url else ""
    return format_html('<a class="tabs__tab" href="{}"{}>{}</a>', url, here, label)
