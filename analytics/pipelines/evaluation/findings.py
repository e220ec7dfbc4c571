"""What the guards of the estimators find in a stranger's table, before anything is learnt from it."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analytics.ml.guards import Finding, check_table
from analytics.pipelines.evaluation.reading import BadInput

LEFT_OUT = ("refuse", "leave_out")


def guard(
    frame: pd.DataFrame, label: NDArray[np.int64], *, order: NDArray[np.float64] | None = None
) -> tuple[pd.DataFrame, list[Finding]]:
    """Return the table without the columns that must not or cannot be used, and all that was found.

    :raises BadInput: when there are too few rows of one outcome to learn anything.
    """
    found = check_table(frame, label, order=None if order is None else list(order))
    for each in found:
        if each.severity == "abstain":
            raise BadInput(each.code, **each.data)
    columns = {each.column for each in found if each.severity in LEFT_OUT}
    return frame[[name for name in frame.columns if name not in columns]], found
