"""Keys of partners: made, shown once, revoked."""

from __future__ import annotations

from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from crm.forms.partners import SCOPES, KeyForm
from crm.models import ApiKey
from crm.models.access import MANAGE_PARTNERS
from crm.services.api_keys import create_api_key, revoke_api_key
from crm.views.access import HtmxRequest, get_visible, require_capability
from crm.views.partners import entered, get_partner


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@require_capability(MANAGE_PARTNERS)
def partner_key_create(request: HtmxRequest, public_id: UUID) -> HttpResponse:
    """Answer the form with the token itself: after a redirect it would have to be kept somewhere."""
    partner = get_partner(request, public_id)
    form = KeyForm(entered(request), initial={"scopes": ["accounts:read", "orders:read"]})
    if form.is_valid():
        new = create_api_key(partner=partner, created_by=request.user, **form.cleaned_data)
        context = {"partner": partner, "new": new, "scopes": _named(new.key)}
        return render(request, "crm/partner_key_created.html", context)
    context = {"partner": partner, "form": form}
    return render(request, "crm/partner_key_form.html", context, status=422 if form.errors else 200)


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@require_capability(MANAGE_PARTNERS)
def partner_key_revoke(request: HtmxRequest, public_id: UUID, key_id: UUID) -> HttpResponse:
    partner = get_partner(request, public_id)
    key = get_visible(ApiKey.objects.visible_to(request.user).filter(partner=partner), public_id=key_id)
    if request.method == "POST":
        revoke_api_key(key=key)
        messages.success(request, _("The key “%(label)s” opens nothing any more.") % {"label": key.label})
        return redirect("crm:partner-detail", public_id)
    context = {"partner": partner, "key": key, "scopes": _named(key)}
    return render(request, "crm/partner_key_revoke.html", context)


def _named(key: ApiKey) -> list[tuple[str, str]]:
    return [(scope, str(SCOPES.get(scope, scope))) for scope in key.scopes]
