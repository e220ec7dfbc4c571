"""Custom attributes: what they are called, and which of them may enter models."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from crm.forms.attributes import AttributeForm
from crm.models import AttributeDefinition
from crm.models.access import MANAGE_ATTRIBUTES
from crm.selectors.attributes import count_held, get_definitions, list_attributes, was_used
from crm.services.attributes import (
    AttributeChangedError,
    AttributeExistsError,
    AttributeUsedError,
    ChoiceUsedError,
    ColumnClashError,
    create_definition,
    delete_definition,
    edit_definition,
)
from crm.views.access import HtmxRequest, get_visible, require_capability
from crm.views.fragments import render_part


@require_safe
@require_capability(MANAGE_ATTRIBUTES)
def attribute_list(request: HtmxRequest) -> HttpResponse:
    after, before = request.GET.get("after"), request.GET.get("before")
    page, rows = list_attributes(request.user, after=after, before=before)
    return render_part(request, "crm/attribute_list.html", "table", {"page": page, "rows": rows})


@require_http_methods(["GET", "HEAD", "POST"])
@require_capability(MANAGE_ATTRIBUTES)
def attribute_create(request: HtmxRequest) -> HttpResponse:
    form = AttributeForm(request.POST if request.method == "POST" else None)
    if form.is_valid():
        try:
            made = create_definition(details=form.cleaned_data)
        except AttributeExistsError:
            form.add_error("key", _("There is an attribute of this key already."))
        except ColumnClashError as error:
            _say_clash(form, error)
        else:
            messages.success(request, _("The attribute is made. Accounts can have a value of it."))
            _tell_of_tick(request, was_ticked=False, is_ticked=made.is_known_before)
            return redirect("crm:attribute-list")
    return _form_page(request, form)


@require_http_methods(["GET", "HEAD", "POST"])
@require_capability(MANAGE_ATTRIBUTES)
def attribute_edit(request: HtmxRequest, public_id: UUID) -> HttpResponse:
    definition = get_visible(get_definitions(request.user), public_id=public_id)
    form = AttributeForm(request.POST if request.method == "POST" else None, definition=definition)
    if form.is_valid() and _edit(request, definition, form):
        return redirect("crm:attribute-list")
    revision = request.POST.get("revision") or definition.revision
    return _form_page(
        request,
        form,
        definition=definition,
        revision=revision,
        held=count_held([definition.pk])[definition.pk],
        was_used=was_used(definition),
    )


@require_POST
@require_capability(MANAGE_ATTRIBUTES)
def attribute_delete(request: HtmxRequest, public_id: UUID) -> HttpResponse:
    definition = get_visible(get_definitions(request.user), public_id=public_id)
    try:
        delete_definition(definition=definition)
    except AttributeUsedError:
        messages.error(request, _("Accounts have a value of it, or had one. It stays."))
        return redirect("crm:attribute-edit", public_id)
    messages.success(request, _("%(label)s is deleted.") % {"label": definition.label})
    return redirect("crm:attribute-list")


def _edit(request: HtmxRequest, definition: AttributeDefinition, form: AttributeForm) -> bool:
    """Save, or say in the form what stands against it."""
    was_ticked = definition.is_known_before
    try:
        revision = int(request.POST.get("revision") or 0)
        saved = edit_definition(definition=definition, revision=revision, changes=form.cleaned_data)
    except (AttributeChangedError, ValueError):
        form.add_error(None, _("Somebody else saved this attribute meanwhile. Open it again and look."))
    except ChoiceUsedError as error:
        words = _("Accounts have “%(code)s”, so it can’t go. Its label can be changed.")
        form.add_error("choices", words % {"code": error.args[0]})
    except ColumnClashError as error:
        _say_clash(form, error)
    else:
        messages.success(request, _("Saved."))
        _tell_of_tick(request, was_ticked=was_ticked, is_ticked=saved.is_known_before)
        return True
    return False


def _say_clash(form: AttributeForm, error: ColumnClashError) -> None:
    words = _(
        "Models would take it for “%(label)s”, which is ticked: the keys are too alike. "
        "Only one of the two can be ticked."
    )
    form.add_error("is_known_before", words % {"label": error.args[0]})


def _tell_of_tick(request: HtmxRequest, *, was_ticked: bool, is_ticked: bool) -> None:
    if is_ticked and not was_ticked:
        messages.info(request, _("Models learn from it with the next training, which runs every week."))
    elif was_ticked and not is_ticked:
        messages.info(
            request,
            _("Scores do without it from the next scoring on, models from the next training on."),
        )


def _form_page(request: HtmxRequest, form: AttributeForm, **context: Any) -> HttpResponse:
    status = 422 if form.errors else 200
    return render(request, "crm/attribute_form.html", {"form": form, **context}, status=status)
