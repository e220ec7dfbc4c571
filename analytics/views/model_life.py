"""What people may have done to a model: run it in shadow, mend it, and say what it may do by itself."""

from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from analytics.models import ModelVersion
from analytics.services.model_versions import ModelStateError, enter_shadow, set_policy
from analytics.views.models import visible_version
from crm.models.access import PROMOTE_MODELS
from crm.services.jobs import enqueue
from crm.views.access import HtmxRequest, require_capability


@require_POST
@require_capability(PROMOTE_MODELS)
def model_shadow(request: HtmxRequest, public_id: UUID) -> HttpResponse:
    version = visible_version(request, public_id)
    try:
        enter_shadow(version=version, by=request.user)
    except ModelStateError:
        messages.error(request, _("Only a version that was evaluated can run in shadow."))
    else:
        messages.success(
            request,
            _("%(version)s runs in shadow: what it predicts is kept, and not published.")
            % {"version": version.version},
        )
    return redirect("analytics:model-detail", public_id=public_id)


@require_POST
@require_capability(PROMOTE_MODELS)
def model_recalibrate(request: HtmxRequest, public_id: UUID) -> HttpResponse:
    version = visible_version(request, public_id)
    if version.state != ModelVersion.State.LIVE:
        messages.error(request, _("Only the live version can be recalibrated."))
        return redirect("analytics:model-detail", public_id=public_id)
    job = enqueue(
        task="analytics.recalibrate",
        scope=f"book:{version.book.code}:{version.kind}",
        params={"version": version.version},
        owner=request.user,
        coalesces=True,
    )
    return redirect("crm:job-detail", public_id=job.public_id)


@require_POST
@require_capability(PROMOTE_MODELS)
def model_policy(request: HtmxRequest, public_id: UUID) -> HttpResponse:
    version = visible_version(request, public_id)
    set_policy(
        book=version.book,
        kind=version.kind,
        waits_in_shadow="waits_in_shadow" in request.POST,
        recalibrates_itself="recalibrates_itself" in request.POST,
        by=request.user,
    )
    messages.success(request, _("Saved."))
    return redirect("analytics:model-detail", public_id=public_id)
