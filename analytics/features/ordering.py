"""Recency, frequency, money, trend, rhythm, breadth and returns: what the orders say."""

import ibis
import ibis.expr.types as ir
from ibis import _

from analytics.features.known import DAY, Known, days, different, money, share

WINDOWS = (30, 90, 180, 365)


def order_features(known: Known) -> ir.Table:
    """Return one row for every account that ever ordered or returned something."""
    orders = known.orders().mutate(is_sale=_.kind == "sale")
    counts = orders.group_by("account_id").aggregate(
        last_us=_.placed_us.max(where=_.is_sale),
        orders_ever=_.count(where=_.is_sale),
        units_ever=_.amount_units.sum(where=_.is_sale),
        returns=_.count(where=~_.is_sale & (_.placed_us >= known.ago(365))),
        return_units=_.amount_units.sum(where=~_.is_sale & (_.placed_us >= known.ago(365))),
        **{f"n_{n}": _.count(where=_.is_sale & (_.placed_us >= known.ago(n))) for n in WINDOWS},
        **{
            f"units_{n}": _.amount_units.sum(where=_.is_sale & (_.placed_us >= known.ago(n))) for n in WINDOWS
        },
    )
    units = {name: counts[name].fill_null(0) for name in counts.columns if "units" in name}
    return _order_columns(known, counts.mutate(**units))


def _order_columns(known: Known, counts: ir.Table) -> ir.Table:
    before_90 = _.n_180 - _.n_90
    typical = share(_.units_ever, _.orders_ever)  # the size of one order, in units
    recent_money = (_.units_90.cast("float64") + typical / 2).nullif(0.0)
    earlier_money = ((_.units_180 - _.units_90).cast("float64") + typical / 2).nullif(0.0)
    return counts.select(
        "account_id",
        recency_days=days(known.since(_.last_us)),
        orders_ever=_.orders_ever.cast("float64"),
        **{f"orders_{n}": _[f"n_{n}"].cast("float64") for n in WINDOWS},
        **{f"amount_{n}": money(_[f"units_{n}"]) for n in WINDOWS},
        amount_ever=money(_.units_ever),
        amount_mean=typical / 10_000,
        trend_orders=((_.n_90 + 0.5) / (before_90 + 0.5)).ln(),
        trend_amount=(recent_money / earlier_money).ln(),
        return_share=share(_.returns, _.n_365),
        return_money_share=share(-_.return_units, _.units_365),
    )


def rhythm_features(known: Known) -> ir.Table:
    """Return the account's own rhythm, and how long it has been quiet against it.

    Several orders on one day are one purchase. Gaps are whole days between purchases.
    """
    purchase_days = different(known.sales().mutate(day=_.placed_us // DAY), "account_id", "day")
    by_day = ibis.window(group_by=purchase_days.account_id, order_by=purchase_days.day)
    gaps = purchase_days.mutate(gap=purchase_days.day - purchase_days.day.lag().over(by_day))
    summary = (
        gaps.mutate(square=_.gap * _.gap)
        .group_by("account_id")
        .aggregate(
            gaps=_.gap.count(),
            total=_.gap.sum(),
            squares=_.square.sum(),
            median=_.gap.median().cast("float64"),
            last_day=_.day.max(),
        )
    )
    mean = share(_.total, _.gaps)
    spread = (_.squares.cast("float64") - mean * _.total.cast("float64")) / (_.gaps - 1).cast(
        "float64"
    ).nullif(0.0)
    quiet = -(_.last_day - known.moment // DAY)
    return summary.select(
        "account_id",
        purchase_days=(_.gaps + 1).cast("float64"),
        gap_mean_days=mean,
        gap_usual_days=_.median,
        gap_variation=ibis.greatest(spread, ibis.literal(0.0)).sqrt() / mean,
        overdue_ratio=share(quiet, _.median),
        overdue_days=quiet.cast("float64") - _.median,
    )


def breadth_features(known: Known) -> ir.Table:
    """Return how many different products an account buys, and how many it comes back to."""
    products = (
        known.sale_lines()
        .group_by("account_id", "product_id")
        .aggregate(last_us=_.placed_us.max(), first_us=_.placed_us.min())
    )
    counts = products.group_by("account_id").aggregate(
        ever=_.count(),
        recent=_.count(where=_.last_us >= known.ago(180)),
        new=_.count(where=_.first_us >= known.ago(180)),
        again=_.count(where=_.last_us > _.first_us),
    )
    return counts.select(
        "account_id",
        products=_.ever.cast("float64"),
        products_180=_.recent.cast("float64"),
        products_new_share=share(_.new, _.recent),
        products_again_share=share(_.again, _.ever),
    )
