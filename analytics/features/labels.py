"""What really happened after a cut-off, for training and for holding predictions against."""

from datetime import UTC, datetime, timedelta

import ibis.expr.types as ir
from ibis import _

from analytics.features.known import DAY, EPOCH, Known, Tables, as_known, different, microseconds


def active_accounts(tables: Tables, *, book_id: int, as_of: datetime, within_days: int = 365) -> ir.Table:
    """Return `account_id` of those who ordered in the days before: whom churn can be said of."""
    known = Known(tables, book_id, microseconds(as_of))
    sales = known.sales().filter(_.placed_us >= known.ago(within_days))
    return different(sales, "account_id")


def order_within(
    tables: Tables, *, book_id: int, cutoff: datetime, horizon_days: int, known_at: datetime
) -> ir.Table:
    """Return `account_id, label` for every account active at the cut-off.

    `label` is true if the account ordered in the `horizon_days` from the cut-off on, as far as
    that was known at `known_at`; an order cancelled before the horizon ended is none. An account
    that had been merged into another by then ordered if that one did: they are one customer.

    :raises ValueError: if the horizon had not ended at `known_at`.
    """
    start, seen = microseconds(cutoff), microseconds(known_at)
    end = start + horizon_days * DAY
    if seen < end:
        raise ValueError("The horizon had not ended, so what happened in it was not known")
    accounts = active_accounts(tables, book_id=book_id, as_of=cutoff)
    bought = as_known(tables["order"], seen).filter(
        _.book_id == book_id,
        _.kind == "sale",
        (_.placed_us >= start) & (_.placed_us < end),
        _.cancelled_us.isnull() | (_.cancelled_us >= end),
    )
    buyers = different(_also_merged(tables, bought, seen), "account_id").rename(buyer_id="account_id")
    joined = accounts.left_join(buyers, accounts.account_id == buyers.buyer_id)
    return joined.select("account_id", label=_.buyer_id.notnull())


def _also_merged(tables: Tables, orders: ir.Table, seen: int) -> ir.Table:
    """Return `account_id` of the orders, and with a survivor those that were merged into it."""
    merged = tables["account"].filter(_.survivor_id.notnull(), _.merged_us < seen)
    away = merged.select(gone_id=_.id, into_id=_.survivor_id)
    buyers = orders.select("account_id")
    theirs = buyers.inner_join(away, buyers.account_id == away.into_id)
    return buyers.union(theirs.select(account_id=_.gone_id))


def no_order_within(
    tables: Tables, *, book_id: int, cutoff: datetime, horizon_days: int, known_at: datetime
) -> ir.Table:
    """Return `account_id, label`; true if an active account did not order again: it churned."""
    ordered = order_within(
        tables, book_id=book_id, cutoff=cutoff, horizon_days=horizon_days, known_at=known_at
    )
    return ordered.mutate(label=~_.label)


def outcomes(tables: Tables, *, book_id: int, kind: str, cutoff: datetime, known_at: datetime) -> ir.Table:
    """Return `account_id, label` of outcomes of this kind and cut-off settled before `known_at`."""
    found = _settled(tables, book_id=book_id, kind=kind, known_at=known_at)
    return found.filter(_.cutoff_us == microseconds(cutoff)).select("account_id", label=_.happened)


def outcome_cutoffs(tables: Tables, *, book_id: int, kind: str, known_at: datetime) -> list[datetime]:
    """Return the cut-offs for which outcomes were settled before `known_at`, oldest first."""
    found = _settled(tables, book_id=book_id, kind=kind, known_at=known_at)
    moments = different(found, "cutoff_us").order_by("cutoff_us").to_pyarrow()["cutoff_us"]
    return [(EPOCH + timedelta(microseconds=moment)).astimezone(UTC) for moment in moments.to_pylist()]


def _settled(tables: Tables, *, book_id: int, kind: str, known_at: datetime) -> ir.Table:
    seen = microseconds(known_at)
    found = as_known(tables["outcome"], seen).filter(_.kind == kind, _.observed_us < seen)
    accounts = tables["account"].filter(_.book_id == book_id)
    return found.semi_join(accounts, found.account_id == accounts.id)
