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
from crm.templatetags.formats import percent

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
LEFT, TOP, SIZE = 44.0, 22.0, 300.0


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
    places = " ".join(f"{LEFT + SIZE * x:.2f},{TOP + SIZE * (1 - y):.2f}" for x, y in points)
    ticks = [step / 4 for step in range(5)]
    context = {
        "points": places,
        "x_ticks": [(f"{LEFT + SIZE * tick:.2f}", percent(tick, 0)) for tick in ticks],
        "y_ticks": [(f"{TOP + SIZE * (1 - tick):.2f}", percent(tick, 0)) for tick in ticks],
        "rows": points[:: max(1, len(points) // 10)],
        "area": area,
    }
    return render_to_string("analytics/_roc_plot.html", context)
