"""The rules over standing rows: what each caught, switching and ordering them, checking and cleaning."""

from __future__ import annotations

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from crm.models import Book, QualityRule
from crm.models.access import MANAGE_DATA, VIEW_DATA_QUALITY, can
from crm.selectors.quality_words import standing_words
from crm.selectors.standing_quality import (
    get_standing_rule,
    list_caught,
    list_cleanings,
    running_check,
)
from crm.services.jobs import enqueue
from crm.services.quality_cleaning import find_cleaning, preview, start_cleaning
from crm.services.quality_rules import TABLES, move_rule, switch_rule
from crm.views.access import HtmxRequest, require_capability
from crm.views.fragments import back, render_part


@require_safe
@require_capability(VIEW_DATA_QUALITY)
def standing_rule(request: HtmxRequest, table: str, code: str) -> HttpResponse:
    book = chosen_book(request)
    rule = get_standing_rule(table, code, book=book)
    if rule is None:
        raise Http404
    at = {"after": request.GET.get("after"), "before": request.GET.get("before")}
    page, rows = list_caught(request.user, rule, book=book, **at)
    context = {
        "rule": rule, "page": page, "rows": rows, "book": book, "books": Book.objects.order_by("pk"),
        "may_manage": can(request.user, MANAGE_DATA), "is_cleanable": find_cleaning(table, code) is not None,
        "cleanings": list_cleanings(request.user, rule), "running": running_check(table, code),
    }  # fmt: skip
    return render_part(request, "crm/standing_rule.html", "rows", context)


@require_POST
@require_capability(VIEW_DATA_QUALITY)
def quality_check(request: HtmxRequest) -> HttpResponse:
    """Check everything, or one rule, in the background."""
    table, code = request.POST.get("table", ""), request.POST.get("code", "")
    if not code:
        return redirect(enqueue(task="crm.check_quality", owner=request.user, coalesces=True))
    if table not in TABLES or TABLES[table].rule(code) is None:
        raise Http404
    params, scope = {"table": table, "code": code}, f"rule:{table}.{code}"
    enqueue(task="crm.check_quality", scope=scope, params=params, owner=request.user, coalesces=True)
    messages.info(request, _("The rule is being checked. Load the page again in a moment."))
    return redirect("crm:standing-rule", table, code)


@require_POST
@require_capability(MANAGE_DATA)
def standing_rule_change(request: HtmxRequest, table: str, code: str) -> HttpResponse:
    """Put a rule on or off, or move it up or down among the rules of its table."""
    rule = get_object_or_404(QualityRule, table=table, code=code)
    action = request.POST.get("action", "")
    if action in ("on", "off"):
        switch_rule(rule=rule, is_enabled=action == "on")
        words = {"title": standing_words(table, code).title}
        said = _("“%(title)s” is on. It is checked from tonight on.") if action == "on" else _(
            "“%(title)s” is off."
        )  # fmt: skip
        messages.success(request, said % words)
    elif action in ("up", "down"):
        move_rule(rule=rule, up=action == "up")
    return back(request, "crm:data-quality")


@require_http_methods(["GET", "HEAD", "POST"])
@require_capability(MANAGE_DATA)
def standing_rule_clean(request: HtmxRequest, table: str, code: str) -> HttpResponse:
    """Show what cleaning would write; a POST does it in the background."""
    found = find_cleaning(table, code)
    rule = get_standing_rule(table, code)
    if found is None or rule is None:
        raise Http404
    if request.method == "POST":
        return redirect(start_cleaning(table=table, code=code, by=request.user))
    foreseen = preview(table=found[0], rule=found[1], cleaning=found[2])
    context = {"rule": rule, "foreseen": foreseen, "running": running_check(table, code)}
    return render(request, "crm/standing_rule_clean.html", context)


def chosen_book(request: HtmxRequest) -> Book | None:
    code = request.GET.get("book", "")
    return Book.objects.filter(code=code).first() if code else None
