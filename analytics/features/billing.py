"""Balances and payment behaviour, counted by statement and not by the calendar.

Some books are scored a month after their last statement and some the day after it; "the last
three statements" means the same in both.
"""

import ibis
import ibis.expr.types as ir
from ibis import _

from analytics.features.known import MONEY_UNITS, Known, days, money, share

CREDIT_LIMIT = "credit_limit"  # key of the attribute, in the account's own currency


def billing_features(known: Known) -> ir.Table:
    """Return one row for every account that was ever sent an invoice."""
    invoices = _with_payments(known)
    counts = invoices.group_by("account_id").aggregate(
        invoices=_.count(),
        balance=_.amount_units.max(where=_.position == 0),
        paid_0=_.paid_units.max(where=_.position == 0),
        owed_0=_.owed_units.max(where=_.position == 0),
        paid_1=_.paid_units.max(where=_.position == 1),
        owed_1=_.owed_units.max(where=_.position == 1),
        n_3=_.count(where=_.position < 3),
        n_6=_.count(where=_.position < 6),
        sum_3=_.amount_units.sum(where=_.position < 3),
        sum_6=_.amount_units.sum(where=_.position < 6),
        size_6=_.amount_units.abs().sum(where=_.position < 6),
        max_6=_.amount_units.max(where=_.position < 6),
        min_6=_.amount_units.min(where=_.position < 6),
        paid_3=_.paid_units.sum(where=_.position < 3),
        paid_6=_.paid_units.sum(where=_.position < 6),
        owed_3=_.owed_units.sum(where=_.position < 3),
        owed_6=_.owed_units.sum(where=_.position < 6),
        unpaid_6=_.count(where=(_.position < 6) & (_.owed_units > 0) & (_.paid_units == 0)),
        due=_.count(where=_.is_due),
        late=_.count(where=_.is_due & _.is_late),
        open=_.count(where=_.is_due & _.is_open),
        open_since=_.due_us.min(where=_.is_due & _.is_open),
        settled=_.count(where=~_.is_open),
        delay=(_.last_paid_us - _.due_us).sum(where=~_.is_open & (_.owed_units > 0)),
    )
    return counts.select(
        "account_id",
        invoices=_.invoices.cast("float64"),
        balance_last=money(_.balance),
        balance_mean_3=share(_.sum_3, _.n_3) / MONEY_UNITS,
        balance_mean_6=share(_.sum_6, _.n_6) / MONEY_UNITS,
        balance_max_6=money(_.max_6),
        balance_min_6=money(_.min_6),
        balance_trend=share(_.balance * _.n_6 - _.sum_6, _.size_6),
        paid_last=money(_.paid_0),
        paid_previous=money(_.paid_1),
        paid_mean_3=share(_.paid_3, _.n_3) / MONEY_UNITS,
        paid_mean_6=share(_.paid_6, _.n_6) / MONEY_UNITS,
        paid_share_last=_paid_share(_.paid_0, _.owed_0),
        paid_share_previous=_paid_share(_.paid_1, _.owed_1),
        paid_share_3=_paid_share(_.paid_3, _.owed_3),
        paid_share_6=_paid_share(_.paid_6, _.owed_6),
        unpaid_statements_6=_.unpaid_6.cast("float64"),
        late_share=share(_.late, _.due),
        open_invoices=_.open.cast("float64"),
        open_days=days(known.since(_.open_since)),
        delay_mean_days=share(_.delay, _.settled) / 86_400_000_000,
    )


def _paid_share(paid: ir.Value, owed: ir.Value) -> ir.Value:
    """Return the share that was paid; beyond twice the bill, how much more says nothing."""
    return share(ibis.least(paid, owed * 2), owed)


def utilisation_features(known: Known) -> ir.Table:
    """Return the balance as a share of the credit limit, both in the account's own currency."""
    definition = known.tables["attribute"].filter(
        _.key == CREDIT_LIMIT, _.type == "number", _.is_known_before
    )
    values = known.attribute_values()
    values = values.semi_join(definition, values.attribute_id == definition.id)
    newest = ibis.window(group_by=values.account_id, order_by=[values.valid_from_us.desc(), values.id.desc()])
    limits = (
        values.mutate(position=ibis.row_number().over(newest))
        .filter(_.position == 0, _.number > 0)
        .select(limit_account=_.account_id, allowed=_.number)
    )
    invoices = _in_order(known.invoices()).filter(_.position < 6)
    counts = invoices.group_by("account_id").aggregate(
        last=_.own_amount_units.max(where=_.position == 0),
        total=_.own_amount_units.sum(),
        most=_.own_amount_units.max(),
        statements=_.count(),
    )
    joined = counts.inner_join(limits, counts.account_id == limits.limit_account)
    whole = _.allowed * MONEY_UNITS
    return joined.select(
        "account_id",
        utilisation_last=_.last.cast("float64") / whole,
        utilisation_mean_6=share(_.total, _.statements) / whole,
        utilisation_max_6=_.most.cast("float64") / whole,
    )


def _in_order(invoices: ir.Table) -> ir.Table:
    """Number an account's invoices from the newest, which is 0, and say when each gave way."""
    newest = ibis.window(
        group_by=invoices.account_id, order_by=[invoices.issued_us.desc(), invoices.id.desc()]
    )
    return invoices.mutate(
        position=ibis.row_number().over(newest), next_issued_us=invoices.issued_us.lag().over(newest)
    )


def _with_payments(known: Known) -> ir.Table:
    invoices = _in_order(known.invoices())
    paid = _payments_by_invoice(known, invoices)
    joined = invoices.left_join(paid, invoices.id == paid.paid_id).mutate(
        paid_units=_.paid_units.fill_null(0),
        owed_units=ibis.greatest(_.amount_units, ibis.literal(0, "int64")),
        is_due=_.due_us < known.moment,
    )
    joined = joined.mutate(is_open=_.paid_units < _.owed_units)
    return joined.mutate(is_late=_.is_open | (_.last_paid_us > _.due_us).fill_null(False))  # noqa: FBT003 (a value, not a switch)


def _payments_by_invoice(known: Known, invoices: ir.Table) -> ir.Table:
    """Sum payments by the invoice they name, or else by the newest one before them."""
    payments = known.payments()
    named = payments.filter(_.invoice_id.notnull()).select(
        paid_id=_.invoice_id, units=_.amount_units, paid_us=_.paid_us
    )
    unnamed = payments.filter(_.invoice_id.isnull()).select(
        payer_id=_.account_id, units=_.amount_units, paid_us=_.paid_us
    )
    spans = invoices.select(
        "account_id", "issued_us", paid_id=_.id, until_us=_.next_issued_us.fill_null(known.moment)
    )
    matched = unnamed.inner_join(
        spans,
        [
            unnamed.payer_id == spans.account_id,
            unnamed.paid_us >= spans.issued_us,
            unnamed.paid_us < spans.until_us,
        ],
    ).select("paid_id", "units", "paid_us")
    both = named.union(matched)
    return both.group_by("paid_id").aggregate(paid_units=_.units.sum(), last_paid_us=_.paid_us.max())
