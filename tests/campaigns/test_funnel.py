"""The funnel of a campaign: each share says what it is a share of."""

import re
from uuid import uuid4

from campaigns.models import Campaign
from campaigns.selectors.reports import CampaignReport
from campaigns.templatetags.campaigns import funnel_steps
from crm.templatetags.charts import funnel

COUNTS = {
    "enrolled": 1000, "holdout": 200, "treated": 800, "sent": 780, "delivered": 750, "opened": 300,
    "clicked": 75, "converted": 240,
}  # fmt: skip


def shares_of(**counts: int) -> list[str]:
    report = CampaignReport(
        Campaign(public_id=uuid4(), channel="email"), lift=None, counts=COUNTS | counts, scores={}, values={},
        offers=[], offered=0, bought=0,
    )  # fmt: skip
    html = funnel(funnel_steps(report))
    assert '<th scope="col">Share</th>' in html
    found = re.findall(r'<th scope="row">(\w[\w ]*).*?<td class="num muted">([^<]*)</td>', html, re.DOTALL)
    return [f"{label}: {share}".replace("\u202f", " ") for label, share in found]


def test_each_share_names_its_base():
    assert shares_of() == [
        "Enrolled: ",
        "Held out: 20.0 % of enrolled",
        "Treated: 80.0 % of enrolled",
        "Sent: 97.5 % of treated",
        "Delivered: 96.2 % of sent",
        "Opened: 40.0 % of delivered",
        "Clicked: 10.0 % of delivered",
        "Responded: 30.0 % of treated",
    ]


def test_nobody_treated_is_no_share():
    nobody = dict.fromkeys(("treated", "sent", "delivered", "opened", "clicked", "converted"), 0)

    assert shares_of(**nobody)[-1] == "Responded: "
