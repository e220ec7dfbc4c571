"""Teams, which are made on the page of people: renamed and deleted. Administrators only."""

from __future__ import annotations

from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from crm.forms.people import TeamForm
from crm.models import Team
from crm.models.access import MANAGE_PEOPLE
from crm.selectors.people import is_free
from crm.services.people import TeamInUseError, delete_team, rename_team
from crm.views.access import HtmxRequest, get_visible, require_capability
from crm.views.partners import entered


@require_http_methods(["GET", "HEAD", "POST"])
@require_capability(MANAGE_PEOPLE)
def team_edit(request: HtmxRequest, public_id: UUID) -> HttpResponse:
    team = _get_team(request, public_id)
    form = TeamForm(entered(request), instance=team)
    if form.is_valid():
        rename_team(team=team, name=form.cleaned_data["name"])
        messages.success(request, _("Saved."))
        return redirect("crm:person-list")
    context = {"form": form, "team": _get_team(request, public_id), "is_free": is_free(team)}
    return render(request, "crm/team_form.html", context, status=422 if form.errors else 200)


@require_POST
@require_capability(MANAGE_PEOPLE)
def team_delete(request: HtmxRequest, public_id: UUID) -> HttpResponse:
    team = _get_team(request, public_id)
    try:
        delete_team(team=team)
    except TeamInUseError:
        form = TeamForm(instance=team)
        problem = _("People or accounts belong to “%(team)s”. Give them to another team first.")
        context = {"form": form, "team": team, "problem": problem % {"team": team.name}}
        return render(request, "crm/team_form.html", context, status=409)
    messages.success(request, _("The team “%(team)s” is deleted.") % {"team": team.name})
    return redirect("crm:person-list")


def _get_team(request: HtmxRequest, public_id: UUID) -> Team:
    return get_visible(Team.objects.visible_to(request.user), public_id=public_id)
