"""The organisation's settings and exchange rates, and what each person prefers."""

from __future__ import annotations

from datetime import date

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from crm.forms.settings import OrganisationForm, PreferencesForm, RateForm, RateUploadForm
from crm.models import ExchangeRate
from crm.models.access import MANAGE_ORGANISATION
from crm.selectors.exchange_rates import list_rated_currencies, list_rates, list_unrated_books
from crm.selectors.lately import forget_lately
from crm.selectors.organisation import get_organisation, list_amounts_stored, organisation_zone
from crm.services.exchange_rates import (
    RateInUseError,
    RatesRefusedError,
    StoredRates,
    delete_rate,
    store_rates,
)
from crm.services.organisation import CurrencyFixedError, choose_time_zone, edit_organisation
from crm.views.access import HtmxRequest, get_visible, require_capability
from crm.views.fragments import render_part


@require_http_methods(["GET", "HEAD", "POST"])
@require_capability(MANAGE_ORGANISATION)
def settings(request: HtmxRequest) -> HttpResponse:
    sent = request.POST if request.method == "POST" else None
    organisation = get_organisation()
    form = OrganisationForm(sent, organisation=organisation, stored=list_amounts_stored())
    if form.is_valid():
        try:
            edit_organisation(**form.cleaned_data)
        except CurrencyFixedError:
            form.add_error("reporting_currency", _("Amounts have been stored in it meanwhile."))
        else:
            forget_lately()  # the other processes follow within a minute
            messages.success(request, _("Saved."))
            return redirect("crm:settings")
    context = {"form": form, "organisation": organisation}
    return render(request, "crm/settings_organisation.html", context, status=422 if form.errors else 200)


@require_safe
@require_capability(MANAGE_ORGANISATION)
def rate_list(request: HtmxRequest) -> HttpResponse:
    currency = request.GET.get("currency", "")
    after, before = request.GET.get("after"), request.GET.get("before")
    context = {
        "page": list_rates(currency=currency, after=after, before=before),
        "currency": currency,
        "currencies": list_rated_currencies(),
        "organisation": get_organisation(),
        "unrated": list_unrated_books(),
    }
    return render_part(request, "crm/settings_rates.html", "table", context)


@require_http_methods(["GET", "HEAD", "POST"])
@require_capability(MANAGE_ORGANISATION)
def rate_create(request: HtmxRequest) -> HttpResponse:
    sent = request.POST if request.method == "POST" else None
    form = RateForm(sent, initial={"currency": request.GET.get("currency")})
    if form.is_valid() and _store(request, form):
        return redirect("crm:rate-list")
    return _rate_page(request, "crm/settings_rate_form.html", form)


@require_http_methods(["GET", "HEAD", "POST"])
@require_capability(MANAGE_ORGANISATION)
def rate_upload(request: HtmxRequest) -> HttpResponse:
    is_sent = request.method == "POST"
    form = RateUploadForm(request.POST, request.FILES) if is_sent else RateUploadForm()
    if form.is_valid() and _store(request, form):
        return redirect("crm:rate-list")
    return _rate_page(request, "crm/settings_rate_upload.html", form)


@require_POST
@require_capability(MANAGE_ORGANISATION)
def rate_delete(request: HtmxRequest, base: str, quote: str, day: str) -> HttpResponse:
    try:
        valid_from = date.fromisoformat(day)
    except ValueError as error:
        raise Http404 from error
    rate = get_visible(ExchangeRate.objects.filter(base=base, quote=quote), valid_from=valid_from)
    try:
        delete_rate(rate=rate)
    except RateInUseError:
        messages.error(
            request,
            _("The rate stays: amounts are stored that were converted at it. It can be replaced instead."),
        )
    else:
        messages.success(request, _("The rate is deleted."))
    return redirect("crm:rate-list")


@require_http_methods(["GET", "HEAD", "POST"])
def preferences(request: HtmxRequest) -> HttpResponse:
    sent = request.POST if request.method == "POST" else None
    form = PreferencesForm(sent, chosen=request.user.time_zone, organisation_zone=organisation_zone())
    if form.is_valid():
        choose_time_zone(user=request.user, time_zone=form.cleaned_data["time_zone"])
        messages.success(request, _("Saved."))
        return redirect("crm:preferences")
    return render(request, "crm/preferences.html", {"form": form}, status=422 if form.errors else 200)


def _store(request: HtmxRequest, form: RateForm | RateUploadForm) -> bool:
    said = form.cleaned_data
    try:
        stored = store_rates(rates=form.rates(), source=said["source"], replace=said["replace"])
    except RatesRefusedError as error:
        form.refuse(error.problems)
        return False
    messages.success(request, _stored_words(stored))
    return True


def _stored_words(stored: StoredRates) -> str:
    parts = []
    if stored.added:
        parts.append(ngettext("%(n)s rate added.", "%(n)s rates added.", stored.added) % {"n": stored.added})
    if stored.replaced:
        replaced = ngettext("%(n)s rate replaced.", "%(n)s rates replaced.", stored.replaced)
        parts.append(replaced % {"n": stored.replaced})
    if stored.unchanged:
        known = ngettext("%(n)s was known already.", "%(n)s were known already.", stored.unchanged)
        parts.append(known % {"n": stored.unchanged})
    return " ".join(parts)


def _rate_page(request: HtmxRequest, template: str, form: RateForm | RateUploadForm) -> HttpResponse:
    context = {"form": form, "organisation": get_organisation()}
    return render(request, template, context, status=422 if form.errors else 200)
