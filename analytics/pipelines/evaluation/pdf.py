"""A result as PDF. The layout is `report.typ`; what stands in it goes in as data, never as markup."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import typst

from analytics.pipelines.evaluation.report import feature_rows, figure_rows, method_rows

TEMPLATE = Path(__file__).with_name("report.typ")
MOST_COLUMNS = 20


def write_pdf(path: Path, kind: str, name: str, result: Mapping[str, Any]) -> None:
    """Write the report of one result beside the file that it is about."""
    curves = result.get("curves") or {}
    bins = [[each["mean_predicted"], each["share"], each["ci_low"], each["ci_high"]]
            for each in curves.get("reliability", [])]  # fmt: skip
    report = {
        "title": f"Evaluation of {name}",
        "subtitle": f"{kind}, protocol: {result.get('protocol', 'cut-offs in time')}",
        "figures": [["Figure", "Value"], *figure_rows(result)],
        "bins": bins,
        "roc": curves.get("roc", []),
        "methods": method_rows(result),
        "columns": [["Column", "Points", "Direction"], *feature_rows(result)[:MOST_COLUMNS]],
        "warnings": list(result.get("warnings", [])),
    }
    path.write_bytes(typst.compile(str(TEMPLATE), sys_inputs={"report": json.dumps(report)}))
