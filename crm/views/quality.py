"""Data quality: what stands, what each source sends, and what was in each imported file."""

from uuid import UUID

from django.http import Http404, HttpResponse
from django.views.decorators.http import require_safe

from crm.models import Book
from crm.models.access import MANAGE_DATA, VIEW_DATA_QUALITY, can
from crm.selectors.quality import columns_of, get_imports, get_rule, list_hits, list_reports
from crm.selectors.source_habits import list_open_alerts, list_sources
from crm.selectors.standing_quality import last_check, list_tables, running_check
from crm.views.access import HtmxRequest, get_visible, require_capability
from crm.views.fragments import render_part
from crm.views.quality_rules import chosen_book


@require_safe
@require_capability(VIEW_DATA_QUALITY)
def quality_list(request: HtmxRequest) -> HttpResponse:
    book = chosen_book(request)
    context: dict[str, object] = {
        "book": book, "books": Book.objects.order_by("pk"), "tables": list_tables(request.user, book=book),
        "sources": list_sources(book=book), "alerts": list_open_alerts(book=book),
        "reports": list_reports(request.user), "checked_at": last_check(), "running": running_check(),
        "may_manage": can(request.user, MANAGE_DATA),
    }  # fmt: skip
    return render_part(request, "crm/quality_list.html", "imports", context)


@require_safe
@require_capability(VIEW_DATA_QUALITY)
def quality_rule(request: HtmxRequest, public_id: UUID, code: str) -> HttpResponse:
    source = get_visible(get_imports(request.user), public_id=public_id)
    rule = get_rule(source, code)
    if rule is None:
        raise Http404
    page = list_hits(source, code, after=request.GET.get("after"), before=request.GET.get("before"))
    columns = columns_of(source, page.rows)
    rows = [(hit.row_number, hit.field, [(name, hit.row.get(name)) for name in columns]) for hit in page.rows]
    context = {"source": source, "rule": rule, "page": page, "columns": columns, "rows": rows}
    return render_part(request, "crm/quality_rule.html", "rows", context)
