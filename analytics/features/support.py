"""What accounts ask of us, and how long they wait for it."""

from collections.abc import Sequence

import ibis.expr.types as ir
from ibis import _

from analytics.features.known import DAY, Known, days, share

TICKETS = "tickets_"  # what the names of these features begin with
# Where tickets are kept, an account without any has none of these; that is known, and no gap.
COUNTS = ("tickets_90", "tickets_365", "tickets_complaints_365", "tickets_open")


def has_tickets(known: Known, names: Sequence[str] | None) -> bool:
    """Say whether tickets become columns: where a model was trained on them, or else where there are any.

    Of a book that keeps none nothing can be learnt, and its models are to be those of before.
    """
    if names is not None:
        return any(name.startswith(TICKETS) for name in names)
    everybody = Known(known.tables, known.book_id, known.moment)
    return bool(everybody.tickets().limit(1).count().to_pyarrow().as_py())


def ticket_features(known: Known) -> ir.Table:
    """Return one row for every account that ever opened a ticket.

    One that is solved later is open at the moment, whatever is known about it by now.
    """
    tickets = known.tickets().mutate(is_solved=(_.solved_us < known.moment).fill_null(False))  # noqa: FBT003 (a value, not a switch)
    tickets = tickets.mutate(is_solved_lately=_.is_solved & (_.solved_us >= known.ago(365)))
    counts = tickets.group_by("account_id").aggregate(
        n_90=_.count(where=_.opened_us >= known.ago(90)),
        n_365=_.count(where=_.opened_us >= known.ago(365)),
        complaints=_.count(where=(_.kind == "complaint") & (_.opened_us >= known.ago(365))),
        open=_.count(where=~_.is_solved),
        last_us=_.opened_us.max(),
        solved=_.count(where=_.is_solved_lately),
        waited=(_.solved_us - _.opened_us).sum(where=_.is_solved_lately),
    )
    return counts.select(
        "account_id",
        tickets_90=_.n_90.cast("float64"),
        tickets_365=_.n_365.cast("float64"),
        tickets_complaints_365=_.complaints.cast("float64"),
        tickets_open=_.open.cast("float64"),
        tickets_days=days(known.since(_.last_us)),
        tickets_solved_mean_days=share(_.waited, _.solved) / DAY,
    )


def without_gaps(features: ir.Table) -> ir.Table:
    """Count nothing for accounts without a ticket."""
    return features.mutate(**{name: features[name].fill_null(0.0) for name in COUNTS})
