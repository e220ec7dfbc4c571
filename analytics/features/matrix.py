"""From an expression to a matrix."""

from collections.abc import Sequence
from dataclasses import dataclass

import ibis.expr.types as ir
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray


@dataclass(frozen=True)
class Matrix:
    account_ids: NDArray[np.int64]
    names: list[str]
    values: NDArray[np.float64]  # (accounts, names), NaN is unknown

    def row(self, position: int) -> dict[str, float]:
        return dict(zip(self.names, self.values[position].tolist(), strict=True))


def collect(expression: ir.Table) -> pa.Table:
    """Compute the expression, sorted by its accounts."""
    return in_order(expression).to_pyarrow()


def in_order(expression: ir.Table) -> ir.Table:
    keys = [name for name in expression.columns if name.endswith("_id") or name == "age_days"]
    return expression.order_by(keys)


def to_matrix(table: pa.Table, *, names: Sequence[str] | None = None) -> Matrix:
    """Return the features as numbers; with `names` exactly those, a missing one all unknown."""
    wanted = [name for name in table.column_names if name != "account_id"] if names is None else list(names)
    values = np.full((table.num_rows, len(wanted)), np.nan)
    for position, name in enumerate(wanted):
        if name in table.column_names:
            column = table[name].cast(pa.float64()).to_numpy()
            values[:, position] = column
    ids = table["account_id"].to_numpy().astype(np.int64)
    return Matrix(ids, wanted, values)
