"""Purchases as the value model and the recommenders want them."""

from collections.abc import Sequence
from datetime import datetime

import ibis
import ibis.expr.types as ir
from ibis import _

from analytics.features.known import (
    DAY,
    QUANTITY_UNITS,
    Known,
    Tables,
    as_known,
    different,
    microseconds,
    money,
    share,
)


def repeat_summary(
    tables: Tables, *, book_id: int, as_of: datetime, account_ids: Sequence[int] | None = None
) -> ir.Table:
    """Return `account_id, frequency, recency_days, t_days` as BG/NBD counts them, and amounts.

    Purchases on one day are one. `frequency` counts purchases after the first, `recency_days`
    runs from the first to the last, `t_days` from the first to `as_of`. `mean_amount` is the mean
    of the repeated purchases (null without any), `mean_order_amount` that of all of them.
    Purchases of nothing are left out.
    """
    known = Known(tables, book_id, microseconds(as_of), account_ids)
    sales = known.sales().mutate(day=_.placed_us // DAY)
    purchases_ = sales.group_by("account_id", "day").aggregate(units=_.amount_units.sum())
    paid = purchases_.filter(_.units > 0)
    firsts = paid.group_by("account_id").aggregate(first_day=_.day.min())
    keyed = firsts.rename(first_id="account_id")
    joined = paid.inner_join(keyed, paid.account_id == keyed.first_id)
    summary = joined.group_by("account_id").aggregate(
        purchases=_.count(),
        first=_.day.min(),
        last=_.day.max(),
        units=_.units.sum(),
        repeated_units=_.units.sum(where=_.day > _.first_day),
    )
    return summary.select(
        "account_id",
        frequency=(_.purchases - 1).cast("float64"),
        recency_days=(_.last - _.first).cast("float64"),
        t_days=(known.moment // DAY - _.first).cast("float64"),
        mean_amount=share(_.repeated_units, _.purchases - 1) / 10_000,
        mean_order_amount=share(_.units, _.purchases) / 10_000,
    )


def purchases(
    tables: Tables,
    *,
    book_id: int,
    as_of: datetime,
    days_back: int = 365,
    account_ids: Sequence[int] | None = None,
) -> ir.Table:
    """Return `account_id, product_id, age_days, quantity, amount`: one row a purchase day.

    `age_days` is whole days before `as_of`; `amount` is in the reporting currency.
    """
    known = Known(tables, book_id, microseconds(as_of), account_ids)
    lines = known.sale_lines().filter(_.placed_us >= known.ago(days_back), _.quantity_units > 0)
    bought = lines.mutate(age=(known.moment - _.placed_us) // DAY)
    grouped = bought.group_by("account_id", "product_id", "age").aggregate(
        quantity=_.quantity_units.sum(), units=_.amount_units.sum()
    )
    return grouped.select(
        "account_id",
        "product_id",
        age_days=_.age.cast("float64"),
        quantity=_.quantity.cast("float64") / QUANTITY_UNITS,
        amount=money(_.units),
    )


def daily_purchases(tables: Tables, *, book_id: int, as_of: datetime) -> ir.Table:
    """Return `day, purchases, newcomers` of the book, purchases counted as in `repeat_summary`.

    `day` is whole days since 1970; `newcomers` are those whose first purchase it was.
    """
    known = Known(tables, book_id, microseconds(as_of))
    sales = known.sales().mutate(day=_.placed_us // DAY)
    bought = sales.group_by("account_id", "day").aggregate(units=_.amount_units.sum()).filter(_.units > 0)
    totals = bought.group_by("day").aggregate(purchases=_.count())
    firsts = bought.group_by("account_id").aggregate(first_day=_.day.min())
    came = firsts.group_by("first_day").aggregate(newcomers=_.count())
    joined = totals.left_join(came, totals.day == came.first_day)
    return joined.select("day", "purchases", newcomers=_.newcomers.fill_null(0)).order_by("day")


def contracts(
    tables: Tables, *, book_id: int, as_of: datetime, account_ids: Sequence[int] | None = None
) -> ir.Table:
    """Return `account_id, amount_30, run_days, ended`: one row a subscription ever known.

    `amount_30` is what it brings in 30 days, in the reporting currency; `run_days` how long it
    has run until it was cancelled, or until `as_of`.
    """
    known = Known(tables, book_id, microseconds(as_of), account_ids)
    ran = known.subscriptions().mutate(
        ended=_.cancelled_us.notnull() & (_.cancelled_us < known.moment),
        period=ibis.greatest(_.period_days, ibis.literal(1, "int64")),
    )
    until = ran.mutate(last_us=ibis.ifelse(_.ended, _.cancelled_us, known.moment))
    return until.select(
        "account_id",
        amount_30=money(_.amount_units) * 30 / _.period,
        run_days=(_.last_us - _.started_us).cast("float64") / DAY,
        ended=_.ended.cast("float64"),
    )


def baskets(
    tables: Tables,
    *,
    book_id: int,
    as_of: datetime,
    days_back: int,
    account_ids: Sequence[int] | None = None,
) -> ir.Table:
    """Return `account_id, product_id`: the different products that each account bought."""
    known = Known(tables, book_id, microseconds(as_of), account_ids)
    lines = known.sale_lines().filter(_.placed_us >= known.ago(days_back), _.quantity_units > 0)
    return different(lines, "account_id", "product_id")


def product_figures(tables: Tables, *, book_id: int, as_of: datetime, days_back: int) -> ir.Table:
    """Return how each product sold, returns apart; one row for each that was sold or came back.

    `buyers` are accounts of the last `days_back` days, `orders_year` sales of 365 days, and
    `sold_90_units`, `sold_year_units`, `returned_year_units` thousandths of a piece.
    """
    known = Known(tables, book_id, microseconds(as_of))
    orders = known.orders().filter(_.placed_us >= known.ago(days_back))
    placed = orders.select(placed_id=_.id, account_id=_.account_id, placed_us=_.placed_us, kind=_.kind)
    lines = as_known(tables["order_line"], known.moment).select("order_id", "product_id", "quantity_units")
    joined = lines.inner_join(placed, lines.order_id == placed.placed_id).drop("placed_id")
    marked = joined.mutate(
        is_sale=(_.kind == "sale") & (_.quantity_units > 0),
        is_return=(_.kind == "return") & (_.quantity_units < 0),
        in_year=_.placed_us >= known.ago(365),
        in_quarter=_.placed_us >= known.ago(90),
    )
    counted = marked.group_by("product_id").aggregate(
        buyers=_.account_id.nunique(where=_.is_sale),
        orders_year=_.order_id.nunique(where=_.is_sale & _.in_year),
        sold_90_units=_.quantity_units.sum(where=_.is_sale & _.in_quarter),
        sold_year_units=_.quantity_units.sum(where=_.is_sale & _.in_year),
        returned_year_units=_.quantity_units.sum(where=_.is_return & _.in_year),
    )
    return counted.select(
        "product_id",
        "buyers",
        "orders_year",
        sold_90_units=_.sold_90_units.fill_null(0).cast("int64"),
        sold_year_units=_.sold_year_units.fill_null(0).cast("int64"),
        returned_year_units=-_.returned_year_units.fill_null(0).cast("int64"),
    )


def sold_products(tables: Tables, *, book_id: int) -> ir.Table:
    """Return `product_id` of what is sold today. Never a feature: it has no history."""
    return tables["product"].filter(_.book_id == book_id, _.is_sold).select(product_id=_.id)
