"""Events, subscriptions and tenure."""

import ibis
import ibis.expr.types as ir
from ibis import _

from analytics.features.known import Known, days, money

EVENT_KINDS = ("visit", "search", "view", "use")


def event_features(known: Known) -> ir.Table:
    """Return one row for every account that was ever seen; of the others we know nothing."""
    counts = (
        known.events()
        .group_by("account_id")
        .aggregate(
            events_30=_.count(where=_.at_us >= known.ago(30)).cast("float64"),
            events_90=_.count(where=_.at_us >= known.ago(90)).cast("float64"),
            **{
                f"events_{kind}_{n}": _.count(where=(_.kind == kind) & (_.at_us >= known.ago(n))).cast(
                    "float64"
                )
                for kind in EVENT_KINDS
                for n in (30, 90)
            },
            events_days=_.at_us.max(),
            **{f"events_{kind}_days": _.at_us.max(where=_.kind == kind) for kind in EVENT_KINDS},
        )
    )
    since = {name: days(known.since(counts[name])) for name in counts.columns if name.endswith("_days")}
    return counts.mutate(**since)


def subscription_features(known: Known) -> ir.Table:
    """Return one row for every account that ever subscribed to something."""
    subscriptions = known.subscriptions().mutate(
        is_active=_.cancelled_us.isnull() | (_.cancelled_us >= known.moment),
        monthly_units=_.amount_units * 30 // ibis.greatest(_.period_days, ibis.literal(1, "int64")),
    )
    counts = subscriptions.group_by("account_id").aggregate(
        active=_.count(where=_.is_active),
        ended=_.count(where=~_.is_active),
        units=_.monthly_units.sum(where=_.is_active),
        ended_us=_.cancelled_us.max(where=~_.is_active),
    )
    return counts.select(
        "account_id",
        subscriptions_active=_.active.cast("float64"),
        subscriptions_ended=_.ended.cast("float64"),
        subscriptions_amount_30=money(_.units.fill_null(0)),
        subscriptions_ended_days=days(known.since(_.ended_us)),
    )


def tenure_features(known: Known) -> ir.Table:
    """Return every account of which anything was known, and how long it had been a customer.

    An account without a single fact has no row anywhere: there is nothing to say about it.
    """
    seen = [
        known.sales().select("account_id", first_us=_.placed_us),
        known.invoices().select("account_id", first_us=_.issued_us),
        known.subscriptions().select("account_id", first_us=_.started_us),
        known.events().select("account_id", first_us=_.at_us),
    ]
    unseen = [
        known.orders().filter(_.kind == "return").select("account_id", first_us=ibis.null("int64")),
        known.payments().select("account_id", first_us=ibis.null("int64")),
        known.attribute_values().select("account_id", first_us=ibis.null("int64")),
        known.tickets().select("account_id", first_us=ibis.null("int64")),
    ]
    firsts = [facts.group_by("account_id").aggregate(first_us=_.first_us.min()) for facts in [*seen, *unseen]]
    first = ibis.union(*firsts).group_by("account_id").aggregate(first_us=_.first_us.min())
    return first.select("account_id", tenure_days=days(known.since(_.first_us)))
