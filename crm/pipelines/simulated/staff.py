"""Who looks after which account: drawn among a book's simulated salespeople, the same every time."""

from psycopg.sql import SQL, Composable, Literal

from crm.pipelines.simulated.names import spread
from crm.services.demo_staff import TEAMS_OF_BOOK


def owners(book: str, number: str = "number") -> Composable:
    """Return a lateral SQL item with `owner_id` and `team_id` for a row's number, null without staff."""
    return SQL("""
        LATERAL (
            SELECT ids[1 + {draw} % greatest(seats, 1)] AS owner_id,
                teams[1 + {draw} % greatest(seats, 1)] AS team_id
            FROM (
                SELECT array_agg(seat.id ORDER BY username) AS ids, count(*) AS seats,
                    array_agg(seat.team_id ORDER BY username) AS teams
                FROM crm_user AS seat JOIN crm_team AS team ON team.id = seat.team_id
                WHERE seat.is_simulated AND seat.role = 'sales' AND team.name = ANY({teams})
            ) AS staff
        ) AS owner
    """).format(draw=SQL(spread(number, "owner")), teams=Literal(list(TEAMS_OF_BOOK[book])))
