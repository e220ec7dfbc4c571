"""People and teams, as administrators see them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from allauth.mfa.models import Authenticator
from django.db.models import Count, Exists, OuterRef

from crm.models import Account, Team, User
from crm.models.access import Principal
from crm.selectors.keyset import Column, Order, Page, keyset_page
from crm.selectors.lately import lately

BY_NAME = Order(
    "people-by-name", tuple(Column(name) for name in ("first_name", "last_name", "username", "pk"))
)


@dataclass(frozen=True, slots=True)
class TeamRow:
    team: Team
    people: int
    has_accounts: bool

    @property
    def is_free(self) -> bool:
        """Say whether nobody and nothing belongs to it."""
        return not (self.people or self.has_accounts)


def list_people(principal: Principal, *, after: str | None = None, before: str | None = None) -> Page[User]:
    people = User.objects.visible_to(principal).select_related("team")
    return keyset_page(people, order=BY_NAME, after=after, before=before)


def list_teams(principal: Principal) -> Sequence[TeamRow]:
    """Return every team. That it has accounts is asked, not how many: there may be a million."""
    teams = Team.objects.visible_to(principal).order_by("name")
    sizes = dict(teams.values_list("pk", Count("members")))
    owning = set(
        teams.filter(Exists(Account.objects.filter(team=OuterRef("pk")))).values_list("pk", flat=True)
    )
    return [TeamRow(team, sizes.get(team.pk, 0), team.pk in owning) for team in teams]


def team_names() -> dict[int, str]:
    """Return the names of teams by their number, which may be a minute old."""
    return lately("team names", lambda: dict(Team.objects.values_list("pk", "name")))


def is_free(team: Team) -> bool:
    """Say whether nobody and nothing belongs to the team."""
    return not (User.objects.filter(team=team).exists() or Account.objects.filter(team=team).exists())


def has_second_factor(person: User) -> bool:
    return bool(Authenticator.objects.filter(user=person, type=Authenticator.Type.TOTP).exists())
