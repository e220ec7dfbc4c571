from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from analytics.models import ModelVersion
from analytics.selectors.drivers import SPLITS, get_drivers
from analytics.selectors.models import LIGHT, get_model_page, list_models
from analytics.services.model_versions import ModelStateError, former_version, promote, roll_back
from crm.models.access import IMPORT_DATA, PROMOTE_MODELS, VIEW_MODELS, can
from crm.selectors.offer_answers import list_answers
from crm.selectors.score_feedback import count_feedback
from crm.views.access import HtmxRequest, get_visible, require_capability


@require_safe
@require_capability(VIEW_MODELS)
def model_list(request: HtmxRequest) -> HttpResponse:
    context = {"books": list_models(request.user), "may_evaluate": can(request.user, IMPORT_DATA)}
    return render(request, "analytics/model_list.html", context)


@require_safe
@require_capability(VIEW_MODELS)
def model_detail(request: HtmxRequest, public_id: UUID) -> HttpResponse:
    page = get_model_page(visible_version(request, public_id), request.user)
    version = page.version
    context = {
        "page": page,
        "version": version,
        "may_promote": can(request.user, PROMOTE_MODELS),
        "may_roll_back": former_version(version) is not None,
        "feedback": count_feedback(version.version),
        "answers": list_answers(version.version),
        "drivers": get_drivers(version, request.user),
    }
    return render(request, "analytics/model_detail.html", context)


@require_safe
@require_capability(VIEW_MODELS)
def model_drivers(request: HtmxRequest, public_id: UUID) -> HttpResponse:
    version = visible_version(request, public_id)
    asked = request.GET.get("by", "")
    drivers = get_drivers(version, request.user, asked if asked in SPLITS else SPLITS[0])
    context = {"version": version, "drivers": drivers, "splits": SPLITS}
    return render(request, "analytics/model_drivers.html", context)


@require_POST
@require_capability(PROMOTE_MODELS)
def model_promote(request: HtmxRequest, public_id: UUID) -> HttpResponse:
    version = visible_version(request, public_id)
    try:
        promote(version=version, by=request.user)
    except ModelStateError:
        messages.error(request, _("This version can't go live: only evaluated and retired ones can."))
    else:
        messages.success(
            request, _("%(version)s is live. The next scoring uses it.") % {"version": version.version}
        )
    return redirect("analytics:model-detail", public_id=public_id)


@require_POST
@require_capability(PROMOTE_MODELS)
def model_roll_back(request: HtmxRequest, public_id: UUID) -> HttpResponse:
    version = visible_version(request, public_id)
    try:
        former = roll_back(version=version, by=request.user)
    except ModelStateError:
        messages.error(request, _("This version is live no more, or there is no earlier one to go back to."))
        return redirect("analytics:model-detail", public_id=public_id)
    messages.success(request, _("%(version)s is live again.") % {"version": former.version})
    return redirect("analytics:model-detail", public_id=former.public_id)


def visible_version(request: HtmxRequest, public_id: UUID) -> ModelVersion:
    versions = ModelVersion.objects.visible_to(request.user).select_related("book").defer(*LIGHT)
    return get_visible(versions, public_id=public_id)
