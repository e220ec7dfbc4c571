"""What people say of a score on an account's page, and the task that they make of it."""

from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from crm.models import Account, Score
from crm.selectors.words import share_words
from crm.services.score_feedback import NotShownError, Shown, make_task_of, read_shown, say_useful
from crm.views.access import HtmxRequest, get_visible
from crm.views.fragments import back


@require_POST
def score_feedback(request: HtmxRequest, public_id: UUID) -> HttpResponse:
    """Log yes or no, or make a task."""
    account = get_visible(Account.objects.visible_to(request.user), public_id=public_id)
    here = f"{account.get_absolute_url()}?tab=scores"
    try:
        shown = read_shown(account=account, signed=request.POST.get("shown", ""))
    except NotShownError:
        messages.error(request, _("This page has become too old. Here is the score as it is now."))
        return redirect(here)
    if request.POST.get("answer") == "task":
        make_task_of(account=account, user=request.user, shown=shown, title=_title(shown))
        messages.success(request, _("The task is on the list."))
    else:
        is_useful = request.POST.get("answer") == "useful"
        say_useful(account=account, user=request.user, shown=shown, is_useful=is_useful)
        messages.success(request, _("Thank you. It is counted on the page of the model."))
    return back(request, here)


def _title(shown: Shown) -> str:
    kind = Score.Kind(shown.kind).label
    return _("Look after it: %(score)s %(share)s") % {"score": kind, "share": share_words(shown.value)}
