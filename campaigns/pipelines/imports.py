"""Files about campaigns: who responded, and what channels report of their advertisements."""

from typing import Any

from crm.pipelines.imports import check_file, commit_file
from crm.pipelines.imports.kinds.one_table import one_table
from crm.pipelines.imports.kinds.spec import (
    ACCOUNT_CHECKS,
    ACCOUNT_FOUND,
    ACCOUNT_JOIN,
    CURRENCY,
    Check,
    KindSql,
    Target,
    money_checks,
)
from crm.services.jobs import RunningJob

AMOUNT = "coalesce(found.amount, 0)"
RESPONSE = Target(
    table="campaigns_response",
    row_id="standing.id",
    joins=ACCOUNT_JOIN
    + """
    LEFT JOIN campaigns_campaign AS campaign ON campaign.code = s.campaign AND campaign.book_id = {book}
    LEFT JOIN campaigns_enrolment AS enrolment ON enrolment.campaign_id = campaign.id
        AND enrolment.account_id = account.id
    LEFT JOIN campaigns_response AS standing ON standing.enrolment_id = enrolment.id
        AND standing.kind = s.kind
    """,
    found={**ACCOUNT_FOUND, "campaign_id": "campaign.id", "enrolment_id": "enrolment.id"},
    values={
        "enrolment_id": "found.enrolment_id",
        "kind": "found.kind",
        "at": "least(found.at, kept.at)",  # the first response of each kind is the one that is kept
        "amount_reporting": f"greatest(round({AMOUNT} * r.rate, 4), kept.amount_reporting)",
    },
    always={"is_simulated": "false"},
    checks=(
        *ACCOUNT_CHECKS,
        Check("unknown_campaign", "campaign", "found.campaign IS NOT NULL AND found.campaign_id IS NULL"),
        Check(
            "not_enrolled",
            "account",
            "found.campaign_id IS NOT NULL AND found.account_id IS NOT NULL AND found.enrolment_id IS NULL",
        ),
        *money_checks(AMOUNT, field="amount", currency=CURRENCY, at="found.at"),
    ),
    money=(CURRENCY, "found.at"),
    updated={"source_import_id": "{import_id}"},
    is_record=False,
)
RESPONSES = one_table(
    "responses",
    RESPONSE,
    key="concat_ws(' ', campaign, account, kind)",
    blamed="account",
    repeats_are_skipped=True,
)

DAY = "(found.on_date::timestamp AT TIME ZONE {zone})"
COST_CURRENCY = "coalesce(found.currency, {currency})"
CLICKS = "coalesce(found.clicks, kept.clicks, 0)"
IMPRESSIONS = f"coalesce(found.impressions, kept.impressions, {CLICKS})"
AD_RESULT = Target(
    table="campaigns_adresult",
    row_id="standing.id",
    joins="""
    LEFT JOIN campaigns_campaign AS campaign ON campaign.code = s.campaign AND campaign.book_id = {book}
    LEFT JOIN campaigns_adresult AS standing ON standing.book_id = {book} AND standing.source = {source}
        AND standing.ad_code = s.ad_code AND standing.on_date = s.on_date
    """,
    found={"campaign_id": "campaign.id"},
    values={
        "ad_code": "found.ad_code",
        "on_date": "found.on_date",
        "campaign_id": "coalesce(found.campaign_id, kept.campaign_id)",
        "impressions": IMPRESSIONS,
        "clicks": CLICKS,
        "conversions": "coalesce(found.conversions, kept.conversions, 0)",
        "currency": COST_CURRENCY,
        "cost_amount": "round(found.cost_amount, 4)",
        "rate": "r.rate",
        "cost_reporting": "round(found.cost_amount * r.rate, 4)",
    },
    always={"book_id": "{book}", "source": "{source}"},
    checks=(
        Check("unknown_campaign", "campaign", "found.campaign IS NOT NULL AND found.campaign_id IS NULL"),
        *(
            Check("is_negative", name, f"found.{name} < 0")
            for name in ("impressions", "clicks", "conversions", "cost_amount")
        ),
        Check("more_clicks_than_impressions", "clicks", f"{CLICKS} > {IMPRESSIONS}"),
        *money_checks("found.cost_amount", field="cost_amount", currency=COST_CURRENCY, at=DAY),
    ),
    money=(COST_CURRENCY, DAY),
    updated={"source_import_id": "{import_id}"},
    is_record=False,
)
AD_RESULTS = one_table("ad_results", AD_RESULT, key="concat_ws(' ', on_date, ad_code)", blamed="ad_code")

SPECS: dict[str, KindSql] = {spec.code: spec for spec in (RESPONSES, AD_RESULTS)}


def check(job: RunningJob) -> dict[str, Any]:
    return check_file.run(job, SPECS)


def commit(job: RunningJob) -> dict[str, Any]:
    return commit_file.run(job, SPECS)
