"""Tasks: one's own or everybody's, open or done."""

from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from crm.forms.work import TaskForm
from crm.models import Account, Task
from crm.selectors.work import task_page
from crm.services.tasks import create_task, finish_task, reopen_task
from crm.views.access import HtmxRequest, get_visible
from crm.views.fragments import back, render_part


@require_safe
def task_list(request: HtmxRequest) -> HttpResponse:
    is_done, everybody = bool(request.GET.get("done")), bool(request.GET.get("all"))
    page = task_page(
        request.user,
        is_done=is_done,
        assignee=None if everybody else request.user,
        after=request.GET.get("after"),
        before=request.GET.get("before"),
    )
    context = {
        "page": page, "is_done": is_done, "everybody": everybody, "today": timezone.localdate(),
        "form": TaskForm(initial={"assignee": request.user.public_id}),
    }  # fmt: skip
    return render_part(request, "crm/task_list.html", "table", context)


@require_POST
def task_create(request: HtmxRequest) -> HttpResponse:
    """Make a task, of an account when the form names one."""
    account, wanted = None, request.POST.get("account")
    if wanted:
        account = get_visible(Account.objects.visible_to(request.user), public_id=wanted)
    form = TaskForm(request.POST)
    if form.is_valid():
        create_task(account=account, created_by=request.user, **form.cleaned_data)
        messages.success(request, _("The task is on the list."))
    else:
        messages.error(request, _("The task needs a title, and a date that exists."))
    return back(request, account.get_absolute_url() if account else reverse("crm:task-list"))


@require_POST
def task_done(request: HtmxRequest, public_id: UUID) -> HttpResponse:
    """Tick a task off, or take the tick away again."""
    task = get_visible(Task.objects.visible_to(request.user), public_id=public_id)
    if request.POST.get("done") == "0":
        reopen_task(task=task)
    else:
        finish_task(task=task, at=timezone.now())
    return back(request, reverse("crm:task-list"))
