"""Which accounts a list is about: the one place where filters become SQL.

Page, partner API, export job and campaign audience use it. Criteria are plain JSON values, so that
a job or a campaign can keep them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.search import SearchQuery, SearchVector
from django.db.models import (
    BigIntegerField,
    BooleanField,
    Exists,
    F,
    FilteredRelation,
    Func,
    OuterRef,
    Q,
    QuerySet,
    Value,
)
from django.db.models.functions import Cast, Now

from crm.models import Account, ExternalId, PartnerAccount, Score, Ticket
from crm.models import Value as PublishedValue
from crm.selectors.lately import lately

Criteria = Mapping[str, Any]

SCORE_KINDS = ("churn", "purchase", "payment_risk")
VALUE_KINDS = {"value": "customer_value", "expected_loss": "expected_loss"}
EQUAL = {
    "book": "book_id", "country": "country", "stage": "stage", "industry": "industry",
    "owner": "owner_id", "team": "team_id", "kind": "kind",
}  # fmt: skip
EMPTY: tuple[Any, ...] = ("", [], {})
SEARCH_TERMS = 6
RARE = 1_000  # up to so many matches are named one by one


def with_numbers(accounts: QuerySet[Account], names: Iterable[str]) -> QuerySet[Account]:
    """Name the joins to these published numbers, once each."""
    relations = {}
    for name in names:
        if name in SCORE_KINDS:
            condition = Q(scores__kind=name)
            relations[f"{name}_score"] = FilteredRelation("scores", condition=condition)
        elif name in VALUE_KINDS:
            condition = Q(values__kind=VALUE_KINDS[name])
            relations[f"{name}_amount"] = FilteredRelation("values", condition=condition)
    missing = {name: relation for name, relation in relations.items() if not _is_named(accounts, name)}
    return accounts.alias(**missing) if missing else accounts


def _is_named(accounts: QuerySet[Account], relation: str) -> bool:
    return relation in accounts.query._filtered_relations  # type: ignore[attr-defined]  # not in the stubs


def matching(accounts: QuerySet[Account], criteria: Criteria) -> QuerySet[Account]:
    """Return those of `accounts` that fit every criterion; unknown ones are refused.

    :raises KeyError: for a criterion that doesn't exist, rather than ignoring a filter.
    """
    given = {name: wanted for name, wanted in criteria.items() if wanted is not None and wanted not in EMPTY}
    conditions = [condition for name, wanted in given.items() for condition in _conditions(name, wanted)]
    numbers = {name[:-4] for name in given if name.endswith(("_min", "_max"))}
    return with_numbers(accounts, numbers).filter(*conditions)


def _conditions(name: str, wanted: Any) -> list[Any]:
    if name in EQUAL:
        return [Q(**{EQUAL[name]: wanted})]
    if name.endswith(("_min", "_max")):
        return [_bound(name, wanted)]
    return OTHERS[name](wanted)


def _bound(name: str, wanted: float) -> Q:
    number, step = name[:-4], "gte" if name.endswith("_min") else "lte"
    if number in SCORE_KINDS:
        return Q(**{f"{number}_score__value__{step}": wanted})
    if number not in VALUE_KINDS:
        raise KeyError(name)
    return Q(**{f"{number}_amount__amount__{step}": wanted})


def _words(text: str) -> list[Any]:
    """Names with words that begin like these, or the account that somebody else calls so."""
    known = ExternalId.objects.filter(kind="account", value=text.strip()).values_list("row_id", flat=True)
    ids = set(known[:20])
    terms = [term for term in text.split() if re.search(r"\w", term)][:SEARCH_TERMS]
    if not terms:
        return [_one_of(ids)]
    # Quoted, so that PostgreSQL cuts "O'Brien" or "example.com" like it cut the name.
    quoted = " & ".join("'" + re.sub(r"(['\\])", r"\1\1", term) + "':*" for term in terms)
    vector = SearchVector("name", config="simple")
    matches = _Matches(vector, SearchQuery(quoted, search_type="raw", config="simple"))
    few = _few(Q(matches), "words", quoted)
    return [Q(pk__in=ids) | Q(matches)] if few is None else [_one_of(ids.union(few))]


def _few(condition: Q, *about: str) -> list[int] | None:
    """Return the accounts that fit when they are few, and None when they are many.

    An index finds the rows of a rare word or value at once; those of a common one turn up soon enough
    on the way through the list's own order. A capped probe says which it is, since the planner can't.
    Only that matches are many is remembered for a while: few may have become others.
    """
    found: list[int] = []

    def are_many() -> bool:
        found.extend(Account.objects.filter(condition).order_by().values_list("pk", flat=True)[: RARE + 1])
        return len(found) > RARE

    return None if lately(("many", *about), are_many, keep=bool) else found


def _one_of(ids: Collection[int]) -> Any:
    """In one array, as one text: hundreds of literals take longer to write and read than their rows."""
    if not ids:
        return Q(pk__in=())  # for which nobody asks the database
    array = "{" + ",".join(map(str, ids)) + "}"
    return _AnyOf(F("pk"), Cast(Value(array), ArrayField(BigIntegerField())))


class _AnyOf(Func):
    template = "%(expressions)s)"
    arg_joiner = " = ANY("
    output_field = BooleanField()
    conditional = True


class _Matches(Func):
    template = "%(expressions)s"
    arg_joiner = " @@ "
    output_field = BooleanField()
    conditional = True


def _has_open_ticket(wanted: Any) -> list[Any]:
    tickets = Ticket.objects.filter(account_id=OuterRef("pk"), state__in=["open", "pending"])
    return [Exists(tickets) if wanted else ~Exists(tickets)]


def _partner(partner_id: int) -> list[Any]:
    links = PartnerAccount.objects.filter(partner_id=partner_id, since__lte=Now())
    current = links.filter(Q(until__isnull=True) | Q(until__gt=Now()))
    return [Q(pk__in=current.values("account_id"))]


def _without(number: str) -> list[Any]:
    """Those for whom a number is missing, since sorting by it leaves them out."""
    if number in VALUE_KINDS:
        published = PublishedValue.objects.filter(account_id=OuterRef("pk"), kind=VALUE_KINDS[number])
        return [~Exists(published)]
    return [~Exists(Score.objects.filter(account_id=OuterRef("pk"), kind=number))]


def _attributes(wanted: Mapping[str, Mapping[str, Any]]) -> list[Any]:
    """`{"size": {"exact": 3}}`, or `min` and `max` for numbers."""
    conditions: list[Any] = []
    for key, tests in wanted.items():
        if "exact" in tests:
            equal = Q(attributes__contains={key: tests["exact"]})
            few = _few(equal, "attribute", key, repr(tests["exact"]))
            conditions.append(equal if few is None else _one_of(few))
        for test, sign in (("min", ">="), ("max", "<=")):
            if test in tests:
                path = f'$."{key}" ? (@ {sign} {float(tests[test])!r})'
                conditions.append(_path_exists(path))
    return conditions


def _path_exists(path: str) -> Func:
    """A JSON path compares numbers only: text under the same key is no error, and no match."""
    return Func(
        F("attributes"), Value(path), function="jsonb_path_exists",
        template="%(function)s(%(expressions)s::jsonpath)", output_field=BooleanField(),
    )  # fmt: skip


def _ids(wanted: list[int]) -> list[Any]:
    return [Q(pk__in=wanted)]


OTHERS: dict[str, Callable[[Any], list[Any]]] = {
    "q": _words,
    "has_open_ticket": _has_open_ticket,
    "partner": _partner,
    "without": _without,
    "attributes": _attributes,
    "ids": _ids,
    "no_owner": lambda wanted: [Q(owner__isnull=bool(wanted))],
}
