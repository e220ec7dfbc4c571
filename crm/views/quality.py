"""Data quality: what the rules caught in each imported file, down to the single row."""

from uuid import UUID

from django.http import Http404, HttpResponse
from django.views.decorators.http import require_safe

from crm.models.access import VIEW_DATA_QUALITY
from crm.selectors.quality import columns_of, get_imports, get_rule, list_hits, list_reports
from crm.views.access import HtmxRequest, get_visible, require_capability
from crm.views.fragments import render_part


@require_safe
@require_capability(VIEW_DATA_QUALITY)
def quality_list(request: HtmxRequest) -> HttpResponse:
    return render_part(request, "crm/quality_list.html", "imports", {"reports": list_reports(request.user)})


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
