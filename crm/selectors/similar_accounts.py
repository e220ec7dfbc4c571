"""Accounts that buy what an account buys, compared when somebody looks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db import connection

from crm.models import Account
from crm.models.access import Principal, sees_every_account

SHOWN = 6
NAMED = 3  # of the products that two accounts share
LEAST_SHARED = 2  # one product in common says little
# With so few accounts to choose from, all of them are compared.
FEW = 1_000
# Otherwise those are that bought one of the account's rarest products, as many as so many bought.
MOST_COMPARED = 10_000

_WEIGHT = "ln((1.0::float8 + figures.of_buyers) / (1 + figures.buyers))"
_MINE = f"""
    WITH mine AS MATERIALIZED (
        SELECT figures.product_id, figures.buyers, {_WEIGHT} AS weight
        FROM crm_basket AS basket CROSS JOIN LATERAL unnest(basket.products) AS bought (product_id)
        JOIN crm_productfigures AS figures ON figures.product_id = bought.product_id
        WHERE basket.account_id = %(account)s
    ),
"""
_EVERYBODY = """
    candidates AS MATERIALIZED (
        SELECT account_id, products FROM crm_basket
        WHERE account_id = ANY(%(visible)s) AND account_id <> %(account)s
    ),
"""
_BY_RAREST = """
    rarest AS MATERIALIZED (
        SELECT product_id
        FROM (SELECT mine.*, sum(buyers) OVER (ORDER BY buyers, product_id) AS reached FROM mine) AS ordered
        WHERE reached - buyers < %(most)s
    ),
    candidates AS MATERIALIZED (
        SELECT account_id, products FROM crm_basket
        WHERE products && (SELECT array_agg(product_id) FROM rarest) AND account_id <> %(account)s {who}
        LIMIT 2 * %(most)s
    ),
"""
_COMPARE = f"""
    alike AS MATERIALIZED (
        SELECT candidates.account_id,
               sum(weights.weight * weights.weight) FILTER (WHERE mine.weight > 0)
                   / sqrt(sum(weights.weight * weights.weight) * (SELECT sum(weight * weight) FROM mine))
                   AS cosine,
               count(mine.product_id) AS shared
        FROM candidates CROSS JOIN LATERAL unnest(candidates.products) AS bought (product_id)
        JOIN (SELECT product_id, {_WEIGHT} AS weight FROM crm_productfigures AS figures) AS weights
          ON weights.product_id = bought.product_id
        LEFT JOIN mine ON mine.product_id = bought.product_id
        GROUP BY candidates.account_id
        HAVING count(*) FILTER (WHERE mine.weight > 0) >= %(least)s
        ORDER BY cosine DESC, candidates.account_id LIMIT %(shown)s
    )
    SELECT account.public_id, account.name, account.stage, alike.cosine, alike.shared,
           (SELECT json_agg(json_build_array(public_id, named.name) ORDER BY named.weight DESC, named.id)
            FROM (SELECT product.id, product.public_id, product.name, mine.weight
                  FROM mine JOIN crm_product AS product ON product.id = mine.product_id
                  WHERE mine.product_id = ANY(basket.products)
                  ORDER BY mine.weight DESC, product.id LIMIT %(named)s) AS named)
    FROM alike JOIN crm_account AS account ON account.id = alike.account_id
    JOIN crm_basket AS basket ON basket.account_id = alike.account_id
    ORDER BY alike.cosine DESC, alike.account_id
"""


@dataclass(frozen=True, slots=True)
class SharedProduct:
    public_id: str
    name: str


@dataclass(frozen=True, slots=True)
class SimilarAccount:
    public_id: UUID
    name: str
    stage: str
    cosine: float  # of the two baskets, 0..1
    shared: int  # different products that both bought
    products: Sequence[SharedProduct]  # the most telling of them

    @property
    def stage_label(self) -> str:
        return str(Account.Stage(self.stage).label)


def list_similar(account: Account, principal: Principal) -> list[SimilarAccount]:
    """Return the accounts, among those that this person may see, whose baskets are most like its own.

    A basket is what an account bought within 24 months, each product once, weighted by how rare it
    is (the logarithm of the buyers of anything over its own); likeness is the cosine. Products
    belong to one book, so all of them are of the account's own.

    Only baskets are kept, one short row an account. Lists of neighbours made each night would have
    to be very long: a salesperson sees a few hundred of a million accounts, so that hardly any of
    an account's nearest 20 or 100 would be left. Compared when asked for, the answer is exact
    wherever 1,000 accounts or fewer are visible. Among more, everybody is compared who bought one
    of the account's rarest products, taken up to 10,000 buyers: for an account whose products have
    fewer in all that is again everybody who shares anything, and otherwise leaves out those who
    share nothing but what many buy.
    """
    told = {
        "account": account.pk, "most": MOST_COMPARED, "named": NAMED, "least": LEAST_SHARED, "shown": SHOWN
    }  # fmt: skip
    candidates, parameters = _candidates(account, principal)
    with connection.cursor() as cursor:
        cursor.execute(_MINE + candidates + _COMPARE, {**told, **parameters})
        return [
            SimilarAccount(public_id, name, stage, cosine, shared, [SharedProduct(*one) for one in products])
            for public_id, name, stage, cosine, shared, products in cursor.fetchall()
        ]


def _candidates(account: Account, principal: Principal) -> tuple[str, dict[str, Any]]:
    """Return how to find who may be alike: all that are visible where they are few."""
    visible = Account.objects.visible_to(principal).filter(book=account.book_id).order_by()
    ids = list(visible.values_list("pk", flat=True)[: FEW + 1])
    if len(ids) <= FEW:
        return _EVERYBODY, {"visible": ids}
    if sees_every_account(principal):
        return _BY_RAREST.format(who=""), {}
    where, parameters = visible.values("pk").query.sql_with_params()
    named = {f"visible_{place}": value for place, value in enumerate(parameters)}
    return _BY_RAREST.format(who=f"AND account_id IN ({where % _names(named)})"), named


def _names(parameters: dict[str, Any]) -> tuple[str, ...]:
    return tuple(f"%({name})s" for name in parameters)
