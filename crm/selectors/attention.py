"""The one thing about an account that wants attention now, made of facts that its page shows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from crm.models import Account
from crm.selectors.account_overview import AccountOverview
from crm.selectors.score_panel import Published, strongest

HIGH_CHURN = 0.5
HIGH_PAYMENT_RISK = 0.4

Code = Literal["urgent_ticket", "may_leave", "may_not_pay", "overdue_tasks"]


@dataclass(frozen=True, slots=True)
class Attention:
    code: Code
    share: float | None = None
    amount: float | None = None
    currency: str = ""
    reason: dict[str, Any] | None = None
    words: str = ""
    count: int = 0


def what_needs_attention(
    account: Account, overview: AccountOverview, published: Published
) -> Attention | None:
    """Return the most pressing fact, or None when nothing is wrong."""
    if overview.has_urgent_ticket:
        return Attention("urgent_ticket", words=overview.worst_ticket, count=overview.open_tickets)
    for code, kind, limit, value_kind in (
        ("may_not_pay", "payment_risk", HIGH_PAYMENT_RISK, "expected_loss"),
        ("may_leave", "churn", HIGH_CHURN, "customer_value"),
    ):
        score = published.scores.get(kind)
        if score is not None and score.value >= limit:
            value = published.value(value_kind)
            shown, _rest = strongest(score.reasons)
            worst = shown[0].reason if shown and shown[0].points > 0 else None
            return Attention(
                code, share=score.value, reason=worst,  # type: ignore[arg-type] # one of the two above
                amount=float(value.amount) if value else None, currency=value.currency if value else "",
            )  # fmt: skip
    if overview.overdue_tasks:
        return Attention("overdue_tasks", count=overview.overdue_tasks)
    return None
