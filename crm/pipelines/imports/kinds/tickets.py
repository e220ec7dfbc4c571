"""Tickets: a solved one says when."""

from crm.pipelines.imports.kinds.one_table import one_table
from crm.pipelines.imports.kinds.spec import ACCOUNT_CHECKS, ACCOUNT_FOUND, ACCOUNT_JOIN, Check, Link, Target

STATE = "coalesce(found.state, CASE WHEN found.solved_at IS NOT NULL THEN 'solved' END, kept.state, 'open')"
SOLVED = f"{STATE} IN ('solved', 'closed')"

TICKET = Target(
    table="crm_ticket",
    row_id="coalesce(linked.row_id, standing.id)",
    joins=ACCOUNT_JOIN
    + """
    LEFT JOIN LATERAL (
        SELECT known.id FROM crm_ticket AS known WHERE s.external_id IS NULL
            AND known.account_id = account.id AND known.opened_at = s.opened_at AND known.subject = s.subject
        ORDER BY known.id LIMIT 1
    ) AS standing ON true
    """,
    found=ACCOUNT_FOUND,
    values={
        "account_id": "found.account_id",
        "kind": "coalesce(found.kind, kept.kind, 'question')",
        "state": STATE,
        "priority": "coalesce(found.priority::int, kept.priority, 2)",
        "subject": "coalesce(found.subject, kept.subject)",
        "text": "coalesce(found.text, kept.text, '')",
        "opened_at": "found.opened_at",
        "solved_at": f"CASE WHEN {SOLVED} THEN coalesce(found.solved_at, kept.solved_at) END",
    },
    always={"is_simulated": "false"},
    checks=(
        *ACCOUNT_CHECKS,
        Check(
            "required",
            "solved_at",
            f"found.errors IS NULL AND {SOLVED} AND coalesce(found.solved_at, kept.solved_at) IS NULL",
        ),
        Check(
            "open_and_solved", "state", "found.state IN ('open', 'pending') AND found.solved_at IS NOT NULL"
        ),
        Check("before_start", "solved_at", "found.solved_at < found.opened_at"),
    ),
    link=Link("ticket"),
    happened="opened_at",
)
TICKETS = one_table(
    "tickets",
    TICKET,
    key="""CASE WHEN external_id IS NOT NULL THEN 'number ' || external_id
        ELSE concat_ws(' ', 'opened', account, opened_at, subject) END""",
    blamed="external_id",
)
