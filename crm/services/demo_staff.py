"""The people of the demo: one for each role to sign in as, and colleagues who own accounts."""

import hashlib
import hmac
from dataclasses import dataclass

from django.conf import settings
from django.contrib.auth.hashers import check_password, make_password
from django.db import transaction

from crm.models import Team, User

NORTH, SOUTH, PRIVATE = "Wholesale North", "Wholesale South", "Private clients"
TEAMS_OF_BOOK = {"wholesale": (NORTH, SOUTH), "bank": (PRIVATE,)}
Role = User.Role

# User name, first name, family name, role, team. The order is the one in which they are shown.
CAST = (
    ("sara", "Sara", "Lindqvist", Role.SALES, NORTH),
    ("sam", "Sam", "Okafor", Role.SUPPORT, None),
    ("mia", "Mia", "Castellan", Role.MARKETING, None),
    ("ana", "Ana", "Moreau", Role.ANALYST, None),
    ("paul", "Paul", "Brandt", Role.PARTNER_MANAGER, None),
    ("ada", "Ada", "Whitfield", Role.ADMINISTRATOR, None),
)
COLLEAGUES = {
    NORTH: (
        "Alice Ashdown", "Ben Calder", "Clara Denby", "Daniel Easton", "Ellen Farrow", "Felix Garside",
        "Grace Holt", "Harry Ingham", "Irene Jessop", "Jack Kirby",
    ),
    SOUTH: (
        "Kate Lomax", "Leo Marsden", "Maria Norris", "Noah Oakes", "Olive Pell", "Peter Quayle",
        "Rosa Rudd", "Simon Selby", "Tessa Tarrant", "Victor Unwin",
    ),
    PRIVATE: ("Wendy Verity", "Zoe Whitlow", "Adam Yates", "Bella Birtle", "Colin Croft"),
}  # fmt: skip
_WORDS = (
    "amber", "birch", "cedar", "dune", "ember", "fjord", "grove", "heron", "iris", "jade", "kelp",
    "larch", "maple", "north", "otter", "pearl", "quartz", "river", "sage", "tide", "umber", "vale",
    "willow", "yarrow",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class SignIn:
    role: str
    username: str
    password: str  # empty when somebody changed it


def demo_password() -> str:
    """Return the password of the demo's cast: another one in each installation, stored nowhere."""
    digest = hmac.new(settings.SECRET_KEY.encode(), b"demo sign-ins", hashlib.sha256).digest()
    words = [_WORDS[byte % len(_WORDS)] for byte in digest[:3]]
    return "-".join([*words, str(1000 + int.from_bytes(digest[3:6]) % 9000)])


@transaction.atomic
def ensure_staff() -> int:
    """Make the teams and people that are missing, and return how many people that were."""
    teams = {name: Team.objects.get_or_create(name=name)[0] for name in COLLEAGUES}
    known = set(User.objects.values_list("username", flat=True))
    cast = [_cast_member(*member, teams=teams) for member in CAST if member[0] not in known]
    if cast:
        password = make_password(demo_password())  # hashed once: it is meant to be slow
        for user in cast:
            user.password = password
    colleagues = [_colleague(name, team=teams[team]) for team, names in COLLEAGUES.items() for name in names]
    missing = [user for user in colleagues if user.username not in known]
    User.objects.bulk_create([*cast, *missing])
    return len(cast) + len(missing)


def list_sign_ins() -> list[SignIn]:
    """Return who can sign in to the demo, in the order of the cast, with the password if it holds."""
    users = {user.username: user for user in User.objects.filter(username__in=[who[0] for who in CAST])}
    password = demo_password()
    holds = {encoded: check_password(password, encoded) for encoded in {u.password for u in users.values()}}
    return [
        SignIn(str(user.get_role_display()), user.username, password if holds[user.password] else "")
        for username, *_ in CAST
        if (user := users.get(username))
    ]


def _cast_member(
    username: str, first: str, last: str, role: User.Role, team: str | None, *, teams: dict[str, Team]
) -> User:
    return User(
        username=username,
        first_name=first,
        last_name=last,
        email=f"{username}@example.com",
        role=role,
        team=teams[team] if team else None,
        is_simulated=True,
    )


def _colleague(name: str, *, team: Team) -> User:
    first, last = name.split()
    username = f"{first}.{last}".lower()
    return User(
        username=username,
        password=make_password(None),  # nobody signs in as them
        first_name=first,
        last_name=last,
        email=f"{username}@example.com",
        role=Role.SALES,
        team=team,
        is_simulated=True,
    )
