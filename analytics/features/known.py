"""The facts of one book as they were known at one moment. Every feature reads through this."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import ibis
import ibis.expr.types as ir
import pyarrow as pa
from ibis import _

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
Tables = Mapping[str, ir.Table]
DAY = 86_400_000_000  # microseconds
MONEY_UNITS = 10_000
QUANTITY_UNITS = 1_000
NUMBER_UNITS = 1_000_000


def microseconds(at: datetime) -> int:
    """Return the instant as the lake writes it.

    :raises ValueError: for a moment without a time zone, which would be nobody's midnight.
    """
    if at.tzinfo is None:
        raise ValueError("A moment needs a time zone")
    return (at - EPOCH) // timedelta(microseconds=1)


def days(microseconds_: ir.Value) -> ir.Value:
    return microseconds_.cast("float64") / DAY


def money(units: ir.Value) -> ir.Value:
    return units.cast("float64") / MONEY_UNITS


def share(part: ir.Value, whole: ir.Value) -> ir.Value:
    """Return the ratio, or null where there is nothing to have a share of."""
    return part.cast("float64") / whole.cast("float64").nullif(0.0)


def different(table: ir.Table, *columns: str) -> ir.Table:
    """Return the different values of the columns.

    Not by `distinct()`: for PostgreSQL and Spark, Ibis 12 then compares the columns that earlier
    filters used as well, and gives rows twice.
    """
    return table.group_by(*columns).aggregate(times=_.count()).select(*columns)


def as_known(table: ir.Table, moment: int | ir.IntegerScalar) -> ir.Table:
    """Return the versions that were known just before the moment."""
    return table.filter(_.known_from_us < moment, _.known_to_us.isnull() | (_.known_to_us >= moment))


@dataclass(frozen=True)
class Known:
    """A book at a moment, restricted to some accounts if they are named.

    Book and moment are numbers, or parameters of a query that is written for all of them; the
    accounts are named one by one or by a table with `wanted_id`.
    """

    tables: Tables
    book_id: int | ir.IntegerScalar
    moment: int | ir.IntegerScalar
    account_ids: Sequence[int] | ir.Table | None = None

    def ago(self, number: int) -> int | ir.IntegerScalar:
        """Return the moment so many days earlier."""
        return self.moment - number * DAY

    def since(self, instant: ir.Value) -> ir.Value:
        """Return the microseconds from the instant to the moment."""
        return -(instant - self.moment)

    def orders(self) -> ir.Table:
        """Sales and returns that stood at the moment: one cancelled later is not yet cancelled."""
        orders = as_known(self.tables["order"], self.moment).filter(
            _.book_id == self.book_id,
            _.placed_us < self.moment,
            _.cancelled_us.isnull() | (_.cancelled_us >= self.moment),
        )
        return self._restricted(orders)

    def sales(self) -> ir.Table:
        return self.orders().filter(_.kind == "sale")

    def sale_lines(self) -> ir.Table:
        """Lines of sales, with account_id and placed_us of their order."""
        orders = self.sales().select(sale_id=_.id, account_id=_.account_id, placed_us=_.placed_us)
        lines = as_known(self.tables["order_line"], self.moment).select(
            "order_id", "product_id", "quantity_units", "amount_units"
        )
        return lines.inner_join(orders, lines.order_id == orders.sale_id).drop("sale_id")

    def invoices(self) -> ir.Table:
        invoices = as_known(self.tables["invoice"], self.moment)
        return self._restricted(invoices.filter(_.book_id == self.book_id, _.issued_us < self.moment))

    def payments(self) -> ir.Table:
        return self._of_book(as_known(self.tables["payment"], self.moment).filter(_.paid_us < self.moment))

    def subscriptions(self) -> ir.Table:
        known = as_known(self.tables["subscription"], self.moment)
        return self._of_book(known.filter(_.started_us < self.moment))

    def events(self) -> ir.Table:
        known = as_known(self.tables["event"], self.moment)
        return self._of_book(known.filter(_.at_us < self.moment, ~_.is_bot))

    def tickets(self) -> ir.Table:
        known = as_known(self.tables["ticket"], self.moment)
        return self._of_book(known.filter(_.opened_us < self.moment, ~_.is_simulated))

    def attribute_values(self) -> ir.Table:
        known = as_known(self.tables["attribute_value"], self.moment)
        return self._of_book(known.filter(_.valid_from_us < self.moment))

    def _of_book(self, facts: ir.Table) -> ir.Table:
        """Keep facts of the book's accounts, for facts that do not name their book."""
        accounts = self.tables["account"].filter(_.book_id == self.book_id)
        return self._restricted(facts.semi_join(accounts, facts.account_id == accounts.id))

    def _restricted(self, facts: ir.Table) -> ir.Table:
        if self.account_ids is None:
            return facts
        wanted = self.account_ids
        if not isinstance(wanted, ir.Table):
            wanted = ibis.memtable(pa.table({"wanted_id": pa.array(wanted, pa.int64())}))
        return facts.semi_join(wanted, facts.account_id == wanted.wanted_id)
