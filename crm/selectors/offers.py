"""What to offer an account, as its page shows it: one round trip, and no models for five rows."""

from __future__ import annotations

import json
from typing import Any, NamedTuple

from django.db import connection

from crm.models import Account, OfferAnswer
from crm.selectors.offer_answers import QUIET_DAYS

SHOWN = 5
_OFFERS = """
    SELECT offer.kind, offer.reason, product.public_id::text, product.name, newest.answer,
           named.id, named.name
    FROM crm_recommendation AS offer
    JOIN crm_product AS product ON product.id = offer.product_id
    LEFT JOIN crm_product AS named ON named.id = (offer.reason ->> 'product_id')::bigint
    LEFT JOIN LATERAL (
        SELECT answer FROM crm_offeranswer
        WHERE account_id = offer.account_id AND product_id = offer.product_id
          AND at >= now() - make_interval(days => %(quiet)s)
        ORDER BY at DESC, id DESC LIMIT 1
    ) AS newest ON true
    WHERE offer.account_id = %(account)s AND (newest.answer IS NULL OR newest.answer <> ALL(%(settled)s))
    ORDER BY offer.rank LIMIT %(shown)s
"""


class Offer(NamedTuple):
    kind: str
    reason: dict[str, Any]
    product_id: str  # the public one
    product_name: str
    said: str | None  # what came of it, if anything did
    mentioned_id: int | None  # the product that the reason speaks of
    mentioned_name: str | None

    @property
    def product_url(self) -> str:
        return f"/products/{self.product_id}/"

    @property
    def mentioned(self) -> dict[int, str]:
        return {} if self.mentioned_id is None else {self.mentioned_id: self.mentioned_name or ""}


def list_offers(account: Account) -> list[Offer]:
    """Return the best recommendations, without what was accepted or not wanted in the last 90 days."""
    wanted: dict[str, Any] = {
        "account": account.pk, "quiet": QUIET_DAYS, "settled": [*OfferAnswer.SETTLED], "shown": SHOWN,
    }  # fmt: skip
    with connection.cursor() as cursor:
        cursor.execute(_OFFERS, wanted)
        return [Offer(kind, json.loads(reason), *rest) for kind, reason, *rest in cursor]
