"""Taking account lists out as CSV: few at once, many as a job with a file to fetch."""

from uuid import UUID

from django.conf import settings
from django.contrib import messages
from django.http import FileResponse, Http404, HttpResponse, HttpResponseRedirect, QueryDict
from django.http.response import StreamingHttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from crm.models import Account, Job
from crm.models.access import EXPORT_ACCOUNTS
from crm.selectors.account_list import capped_count, sorted_accounts
from crm.selectors.directory import get_directory
from crm.services.csv_export import csv_lines
from crm.services.jobs import enqueue
from crm.views.access import HtmxRequest, get_visible, require_capability
from crm.views.accounts import BULK_LIMIT, selected_accounts, wants_all
from crm.views.fragments import back
from crm.views.listing import Listing, read_listing

CSV = "text/csv; charset=utf-8"
TASK = "crm.export_accounts"


@require_POST
@require_capability(EXPORT_ACCOUNTS)
def account_export(request: HtmxRequest) -> HttpResponse | StreamingHttpResponse:
    """Export the ticked accounts, or everything that the list's filters show if none was ticked."""
    listing = read_listing(request, QueryDict(request.POST.get("query", "")), get_directory())
    accounts = listing.accounts
    if request.POST.getlist("ids") and not wants_all(request):
        ticked = selected_accounts(request)
        if not ticked:
            messages.warning(request, _("No account was selected."))
            return back(request, reverse("crm:account-list"))
        accounts = Account.objects.filter(pk__in=[account.pk for account in ticked])
    elif listing.errors:  # the list ignores what it can't read; nobody meant everything here
        messages.warning(request, _("Nothing was exported: one of the filters can't be read."))
        return back(request, reverse("crm:account-list"))
    if capped_count(sorted_accounts(accounts, listing.sort), BULK_LIMIT) > BULK_LIMIT:
        return _export_later(request, listing)
    lines = csv_lines(accounts, sort=listing.sort, columns=listing.columns, names=listing.names)
    response = StreamingHttpResponse(lines, content_type=CSV)
    response["Content-Disposition"] = 'attachment; filename="accounts.csv"'
    return response


@require_safe
@require_capability(EXPORT_ACCOUNTS)
def account_export_file(request: HtmxRequest, public_id: UUID) -> FileResponse:
    """Hand out the file of a finished export to whoever may see its job."""
    done = Job.objects.visible_to(request.user).filter(task=TASK, state=Job.State.DONE)
    job = get_visible(done, public_id=public_id)
    path = settings.FILES_ROOT / "exports" / f"accounts-{job.pk}-{job.attempt}.csv"
    if not path.exists():
        raise Http404
    return FileResponse(path.open("rb"), as_attachment=True, filename="accounts.csv", content_type=CSV)


def _export_later(request: HtmxRequest, listing: Listing) -> HttpResponseRedirect:
    params = {
        "criteria": listing.filters.criteria(),
        "sort": listing.sort.text,
        "columns": [column.key for column in listing.columns],
        "language": get_language(),
    }
    job = enqueue(task=TASK, params=params, owner=request.user)
    messages.info(request, _("The file is being written. It can be fetched here when it is ready."))
    return redirect("crm:job-detail", public_id=job.public_id)
