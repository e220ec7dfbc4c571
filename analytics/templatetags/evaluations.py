"""Words and plots of what an evaluation found, made when the page is read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django import template
from django.template.loader import render_to_string
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from analytics.models import Evaluation
from analytics.selectors.evaluation_words import finding_sentence, problem_sentence
from crm.templatetags.charts import plot_axes, plot_place

register = template.Library()

TONES = {"done": "good", "failed": "bad", "running": "accent", "reading": "accent", "read": "watch"}
METHODS = {
    "ours": gettext_lazy("Ours"),
    "recency_frequency": gettext_lazy("Recency and frequency"),
    "majority": gettext_lazy("The base rate for everybody"),
    "logistic": gettext_lazy("Logistic regression"),
    "hgb_default": gettext_lazy("Gradient boosting, as it comes"),
    "random_forest": gettext_lazy("Random forest"),
    "neural_network": gettext_lazy("Small neural network"),
}
FIGURES = {
    "auc": gettext_lazy("AUC"),
    "auc_std": gettext_lazy("AUC, spread over the folds"),
    "average_precision": gettext_lazy("Average precision"),
    "log_loss": gettext_lazy("Log-loss"),
    "brier": gettext_lazy("Brier score"),
    "ece": gettext_lazy("Calibration error (ECE)"),
    "fit_seconds": gettext_lazy("Seconds to fit"),
    "recall_at_10": gettext_lazy("Recall at 10"),
    "recall_at_20": gettext_lazy("Recall at 20"),
    "ndcg_at_10": gettext_lazy("NDCG at 10"),
    "hit_rate_at_10": gettext_lazy("Hit rate at 10"),
    "coverage_at_10": gettext_lazy("Coverage at 10"),
    "accounts_per_second": gettext_lazy("Accounts a second"),
    "mae": gettext_lazy("Mean absolute error"),
    "rmse": gettext_lazy("Root mean square error"),
    "bias": gettext_lazy("Bias"),
    "spearman": gettext_lazy("Rank correlation"),
    "top_decile_share": gettext_lazy("Share of the top tenth"),
}
DIRECTIONS = {
    "up": gettext_lazy("the more, the likelier"),
    "down": gettext_lazy("the more, the less likely"),
    "mixed": gettext_lazy("not in one direction"),
}
FILES = {
    "json": gettext_lazy("Figures (JSON)"),
    "predictions": gettext_lazy("Scored rows (CSV)"),
    "pdf": gettext_lazy("Report (PDF)"),
}


@register.filter
def evaluation_tone(evaluation: Evaluation) -> str:
    return TONES.get(evaluation.state, "neutral")


@register.filter
def problem_words(problem: Mapping[str, Any]) -> str:
    return problem_sentence(str(problem["code"]), problem.get("data") or {})


@register.filter
def finding_words(finding: Mapping[str, Any]) -> str:
    return finding_sentence(finding)


@register.filter
def method_words(name: str) -> str:
    return str(METHODS.get(name) or name.replace("_", " ").capitalize())


@register.filter
def figure_words(name: str) -> str:
    return str(FIGURES.get(name) or name)


@register.filter
def file_words(name: str) -> str:
    return str(FILES[name])


@register.filter
def direction_words(feature: Mapping[str, Any]) -> str:
    if feature["direction"] == "levels":
        return _("highest for %(highest)s, lowest for %(lowest)s") % dict(feature)
    return str(DIRECTIONS[feature["direction"]])


@register.simple_tag
def roc_plot(points: Sequence[Sequence[float]], area: float | None) -> SafeString:
    """Found against false alarms, from nobody to everybody acted on."""
    context = {
        **plot_axes(),
        "points": " ".join(",".join(plot_place(x, y)) for x, y in points),
        "rows": points[:: max(1, len(points) // 10)],
        "area": area,
    }
    return render_to_string("analytics/_roc_plot.html", context)
