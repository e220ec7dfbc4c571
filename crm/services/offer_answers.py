"""What came of a recommendation, kept beside the recommendation as it was."""

from __future__ import annotations

from uuid import UUID

from django.db import transaction

from crm.models import Account, OfferAnswer, Recommendation, User
from crm.services.feed import record_change


class NoSuchOfferError(Exception):
    """The product doesn't stand in the account's list, or not any more."""


@transaction.atomic
def answer_offer(*, account: Account, product_id: UUID, user: User, answer: str) -> OfferAnswer:
    """Log what came of an offer. Answering again changes one's mind: the newest answer counts.

    :raises NoSuchOfferError: when the product, by its public id, is not recommended to the account.
    :raises ValueError: when the answer is none of ours.
    """
    meant = OfferAnswer.Answer(answer)
    offers = Recommendation.objects.filter(account=account, product__public_id=product_id)
    offer = offers.select_related("product").first()
    if offer is None:
        raise NoSuchOfferError
    logged = OfferAnswer.objects.create(
        account=account, product=offer.product, user=user, answer=meant, kind=offer.kind, rank=offer.rank,
        model_version=offer.model_version, as_of=offer.as_of,
    )  # fmt: skip
    data = {"what": "offer", "answer": meant}
    record_change(kind="activity.logged", object_id=logged.pk, account_id=account.pk, data=data)
    return logged
