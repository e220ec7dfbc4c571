"""Who is in a campaign, and in which arm: drawn once, stored with its propensity, for good."""

from datetime import datetime
from typing import Any

from django.db import connection, transaction

from campaigns.models import Campaign
from crm.models import Score
from crm.services.feed import record_change

# Contacts of one account share its arm, since the account is what is drawn.
_ENROL = """
    INSERT INTO campaigns_enrolment
        (campaign_id, account_id, arm, propensity, enrolled_at, scores, values)
    SELECT %(campaign)s, a.id,
           CASE WHEN sextant_hashed_share(%(salt)s || ':' || a.id) < %(holdout)s
                THEN 'holdout' ELSE 'treated' END,
           1 - %(holdout)s, %(at)s,
           coalesce((SELECT jsonb_object_agg(s.kind, s.value) FROM crm_score s
                     WHERE s.account_id = a.id), '{}'),
           coalesce((SELECT jsonb_object_agg(v.kind, v.amount) FROM crm_value v
                     WHERE v.account_id = a.id), '{}')
    FROM crm_account a
    JOIN crm_score chosen ON chosen.account_id = a.id AND chosen.kind = %(kind)s
    WHERE a.book_id = %(book)s AND chosen.value >= %(least)s
    ORDER BY a.id
    ON CONFLICT (campaign_id, account_id) DO NOTHING
"""


@transaction.atomic
def enrol_audience(*, campaign: Campaign, score: Score.Kind, at_least: float, at: datetime) -> int:
    """Enrol every account of the book whose score is at least this, and return how many are new.

    Both arms are drawn by the campaign's salt before anything is sent; calling it again adds
    only accounts that have become eligible, and moves nobody to the other arm.
    """
    parameters: dict[str, Any] = {
        "campaign": campaign.pk,
        "salt": campaign.salt,
        "holdout": campaign.holdout_share,
        "at": at,
        "kind": score,
        "book": campaign.book_id,
        "least": at_least,
    }
    with connection.cursor() as cursor:
        cursor.execute(_ENROL, parameters)
        enrolled = int(cursor.rowcount)
    record_change(kind="campaign.enrolled", object_id=campaign.pk, data={"accounts": enrolled})
    return enrolled
