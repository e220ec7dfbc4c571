"""What administrators do with people and teams: who may sign in, and what they may do there."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from allauth.account.forms import default_token_generator
from allauth.account.models import EmailAddress
from allauth.account.utils import user_pk_to_url_str
from allauth.mfa.models import Authenticator
from django.contrib.auth import SESSION_KEY
from django.contrib.sessions.models import Session
from django.db import transaction
from django.db.models.functions import Now

from crm.models import Team, User
from crm.selectors.people import is_free


class OwnAccessError(Exception):
    """Somebody would take away their own access."""


class LastAdministratorError(Exception):
    """Nobody would be left who can make people and give roles."""


class TeamInUseError(Exception):
    """People or accounts belong to the team."""


def create_person(*, details: Mapping[str, Any]) -> User:
    """Make somebody who has no password yet: they choose it by the link of `make_link_key`."""
    person = User(**details)
    person.set_unusable_password()
    person.save(force_insert=True)
    return person


@transaction.atomic
def edit_person(*, person: User, changes: Mapping[str, Any], by: User) -> None:
    """Store the changes; who is switched off is signed out everywhere.

    :raises OwnAccessError: if `by` would switch themselves off, or stop being an administrator.
    :raises LastAdministratorError: if no administrator who may sign in would be left.
    """
    # Locked together, so that two who demote each other at once can't both succeed.
    active = User.objects.filter(role=User.Role.ADMINISTRATOR, is_active=True)
    administrators = set(active.select_for_update().order_by("pk").values_list("pk", flat=True))
    before = User.objects.select_for_update(of=("self",)).get(pk=person.pk)
    role = changes.get("role", before.role)
    is_active = changes.get("is_active", before.is_active)
    if before.pk in administrators and not (is_active and role == User.Role.ADMINISTRATOR):
        if before.pk == by.pk:
            raise OwnAccessError
        if administrators == {before.pk}:
            raise LastAdministratorError
    User.objects.filter(pk=before.pk).update(**changes)
    if changes.get("email", before.email) != before.email:
        # The sign-in keeps addresses of its own: the old one would go on opening this account.
        EmailAddress.objects.filter(user=before).delete()
    if before.is_active and not is_active:
        end_sessions(person=before)


@transaction.atomic
def make_link_key(*, person: User) -> str:
    """Return the key of a link by which the person chooses a password, once and for three days.

    Links made before die with it, unless the person has a password already: that one goes on holding
    until the link is used.
    """
    person = User.objects.select_for_update(of=("self",)).get(pk=person.pk)
    if not person.has_usable_password():
        person.set_unusable_password()
        User.objects.filter(pk=person.pk).update(password=person.password)
    User.objects.filter(pk=person.pk).update(link_made_at=Now())
    return f"{user_pk_to_url_str(person)}-{default_token_generator.make_token(person)}"


@transaction.atomic
def remove_second_factor(*, person: User) -> None:
    """Let the person sign in by password alone, and end the sessions a lost device may hold."""
    Authenticator.objects.filter(user=person).delete()
    User.objects.filter(pk=person.pk).update(second_factor_reset_at=Now())
    end_sessions(person=person)


def end_sessions(*, person: User) -> None:
    """Sign the person out everywhere. A session tells whose it is only when it is read, so all are."""
    sessions = Session.objects.filter(expire_date__gt=Now()).iterator()
    ended = [row.pk for row in sessions if row.get_decoded().get(SESSION_KEY) == str(person.pk)]
    Session.objects.filter(pk__in=ended).delete()


def create_team(*, name: str) -> Team:
    return Team.objects.create(name=name)


def rename_team(*, team: Team, name: str) -> None:
    Team.objects.filter(pk=team.pk).update(name=name)


@transaction.atomic
def delete_team(*, team: Team) -> None:
    """Delete a team to which nobody and nothing belongs.

    :raises TeamInUseError: if somebody or something does.
    """
    # Whoever joins it meanwhile waits for this lock, and is then told that there is no such team.
    list(Team.objects.select_for_update().filter(pk=team.pk))
    if not is_free(team):
        raise TeamInUseError
    Team.objects.filter(pk=team.pk).delete()
