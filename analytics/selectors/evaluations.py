"""What the pages about evaluated files show."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from analytics.models import Evaluation
from crm.models import Job
from crm.models.access import Principal
from crm.selectors.keyset import Column, Order, Page, keyset_page

NEWEST_FIRST = Order("evaluations", (Column("pk", descending=True),))
State = Evaluation.State
# The database keeps no order of keys: figures and methods stand in this one, others after them by name.
ORDER = (
    "ours", "recency_frequency", "majority", "logistic", "hgb_default", "random_forest", "neural_network",
    "popularity", "auc", "auc_std", "auc_pooled", "average_precision", "log_loss", "brier", "ece",
    "ece_floor", "ece_floor_p95", "lift_at_10", "base_rate", "accuracy", "majority_accuracy", "precision",
    "recall", "f1", "threshold", "mae", "rmse", "bias", "spearman", "top_decile_share", "ndcg_at_10",
    "recall_at_10", "recall_at_20", "hit_rate_at_10", "coverage_at_10", "fit_seconds", "rows_per_second",
    "accounts_per_second",
)  # fmt: skip
ELSEWHERE = ("rows", "rows_dropped", "seed")  # they have words of their own on the page, or say nothing


@dataclass(frozen=True)
class EvaluationPage:
    """One evaluation: `stage` is reading, read, running, done, failed or broken (its job ended early)."""

    evaluation: Evaluation
    stage: str
    job: Job | None
    may_run: bool
    figures: list[tuple[str, float | None]]
    method_names: list[str]
    methods: list[tuple[str, list[tuple[str, float | None]]]]
    reliability: list[dict[str, Any]]
    roc: list[list[float]]


def list_evaluations(
    principal: Principal, *, after: str | None = None, before: str | None = None
) -> Page[Evaluation]:
    evaluations = Evaluation.objects.visible_to(principal).select_related("owner").defer("result", "columns")
    return keyset_page(evaluations, order=NEWEST_FIRST, after=after, before=before)


def get_evaluation_page(evaluation: Evaluation) -> EvaluationPage:
    job = Job.objects.with_timing().filter(pk=evaluation.job_id or 0).first()
    is_live = job is not None and job.is_live
    at_work = evaluation.state in (State.READING, State.RUNNING)
    result = evaluation.result
    names, methods = _methods(result)
    curves = result.get("curves") or {}
    return EvaluationPage(
        evaluation=evaluation,
        stage="broken" if at_work and not is_live else str(evaluation.state),
        job=job,
        may_run=bool(evaluation.stored_name and evaluation.columns) and not is_live,
        figures=_figures(result),
        method_names=names,
        methods=methods,
        reliability=[_bin(each) for each in curves.get("reliability", [])],
        roc=curves.get("roc", []),
    )


def _figures(result: dict[str, Any]) -> list[tuple[str, float | None]]:
    """Return what is a single number, parameters of a model among them."""
    flat = {**result, **(result.get("parameters") or {})}
    return [
        (name, value)
        for name, value in sorted(flat.items(), key=_place)
        if name not in ELSEWHERE
        and (value is None or (isinstance(value, int | float) and not isinstance(value, bool)))
    ]


def _methods(result: dict[str, Any]) -> tuple[list[str], list[tuple[str, list[tuple[str, float | None]]]]]:
    baselines: dict[str, dict[str, float | None]] = result.get("baselines") or {}
    if not baselines:
        return [], []
    names = [name for name, _ in sorted(next(iter(baselines.values())).items(), key=_place)]
    rows = sorted({"ours": result.get("ours") or result, **baselines}.items(), key=_place)
    return names, [(method, [(name, figures.get(name)) for name in names]) for method, figures in rows]


def _place(named: tuple[str, Any]) -> tuple[int, str]:
    name = named[0]
    return (ORDER.index(name) if name in ORDER else len(ORDER), name)


def _bin(each: dict[str, Any]) -> dict[str, Any]:
    names = {"predicted": "mean_predicted", "observed": "share", "low": "ci_low", "high": "ci_high", "n": "n"}
    return {ours: each[theirs] for ours, theirs in names.items()}
