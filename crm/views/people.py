"""People who sign in: made, given a role, let in again, switched off. Administrators only."""

from __future__ import annotations

from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from crm.forms.people import PersonForm, TeamForm
from crm.models import User
from crm.models.access import MANAGE_PEOPLE
from crm.selectors.people import has_second_factor, list_people, list_teams
from crm.services.people import (
    LastAdministratorError,
    OwnAccessError,
    create_person,
    create_team,
    edit_person,
    make_link_key,
    remove_second_factor,
)
from crm.services.sign_in_mails import mail_sign_in_link
from crm.views.access import HtmxRequest, get_visible, require_capability
from crm.views.fragments import render_part
from crm.views.partners import entered


@require_http_methods(["GET", "HEAD", "POST"])
@require_capability(MANAGE_PEOPLE)
def person_list(request: HtmxRequest) -> HttpResponse:
    """List people and teams; a POST adds a team."""
    form = TeamForm(entered(request))
    if form.is_valid():
        team = create_team(name=form.cleaned_data["name"])
        messages.success(request, _("The team “%(team)s” is made.") % {"team": team.name})
        return redirect("crm:person-list")
    after, before = request.GET.get("after"), request.GET.get("before")
    context = {
        "page": list_people(request.user, after=after, before=before),
        "teams": list_teams(request.user),
        "form": form,
    }
    return render_part(request, "crm/people_list.html", "table", context, 422 if form.errors else 200)


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@require_capability(MANAGE_PEOPLE)
def person_create(request: HtmxRequest) -> HttpResponse:
    """Answer the form with the link itself: after a redirect it would have to be kept somewhere."""
    form = PersonForm(entered(request))
    if form.is_valid():
        return _link_page(request, create_person(details=form.cleaned_data))
    return render(request, "crm/people_form.html", {"form": form}, status=422 if form.errors else 200)


@require_http_methods(["GET", "HEAD", "POST"])
@require_capability(MANAGE_PEOPLE)
def person_detail(request: HtmxRequest, public_id: UUID) -> HttpResponse:
    form = PersonForm(entered(request), instance=_get_person(request, public_id))
    if form.is_valid() and _edit(request, form):
        messages.success(request, _("Saved."))
        return redirect("crm:person-list")
    person = _get_person(request, public_id)  # as it stands, whatever was typed
    context = {
        "form": form,
        "person": person,
        "is_oneself": person == request.user,
        "has_password": person.has_usable_password(),
        "has_second_factor": has_second_factor(person),
    }
    return render(request, "crm/people_form.html", context, status=422 if form.errors else 200)


@never_cache
@require_POST
@require_capability(MANAGE_PEOPLE)
def person_link(request: HtmxRequest, public_id: UUID) -> HttpResponse:
    """Show a new link, unless it would open one's own account without the old password."""
    person = _get_person(request, public_id)
    if person == request.user:
        return redirect("account_change_password")
    return _link_page(request, person)


@require_http_methods(["GET", "HEAD", "POST"])
@require_capability(MANAGE_PEOPLE)
def person_second_factor(request: HtmxRequest, public_id: UUID) -> HttpResponse:
    person = _get_person(request, public_id)
    if person == request.user:
        return redirect("mfa_index")
    if request.method == "POST":
        remove_second_factor(person=person)
        messages.success(request, _("%(person)s signs in by password alone now.") % {"person": person})
        return redirect("crm:person-detail", public_id)
    context = {"person": person, "has_second_factor": has_second_factor(person)}
    return render(request, "crm/people_second_factor.html", context)


def _get_person(request: HtmxRequest, public_id: UUID) -> User:
    people = User.objects.visible_to(request.user).select_related("team")
    return get_visible(people, public_id=public_id)


def _edit(request: HtmxRequest, form: PersonForm) -> bool:
    try:
        edit_person(person=form.instance, changes=form.cleaned_data, by=request.user)
    except OwnAccessError:
        form.add_error(None, _("You can't take your own access away. Ask another administrator to do it."))
        return False
    except LastAdministratorError:
        form.add_error(None, _("This is the last administrator who can sign in. Make another one first."))
        return False
    return True


def _link_page(request: HtmxRequest, person: User) -> HttpResponse:
    uid, _dash, key = make_link_key(person=person).partition("-")
    path = reverse("account_reset_password_from_key", kwargs={"uidb36": uid, "key": key})
    link = request.build_absolute_uri(path)
    context = {"person": person, "link": link, "is_mailed": mail_sign_in_link(person=person, link=link)}
    return render(request, "crm/people_link.html", context)
