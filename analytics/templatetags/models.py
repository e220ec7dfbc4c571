"""Words for what the gate decided, made when the page is read."""

from collections.abc import Mapping
from typing import Any

from django import template
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from analytics.models import ModelVersion
from analytics.selectors.evaluation_words import note_sentence
from crm.models import Book
from crm.models.access import can
from crm.selectors.words import reason_label
from crm.templatetags.formats import percent

register = template.Library()

STATE_TONES = {"live": "good", "rejected": "bad", "shadow": "accent", "evaluated": "accent"}
PROTOCOLS = {
    "temporal": gettext_lazy("trained on earlier cut-off dates, tested on the last one"),
    "accounts": gettext_lazy("one cut-off date only: tested on accounts left out of the training"),
    "recalibrated": gettext_lazy("on accounts left alone or held out, by lines that had not seen them"),
    "orders": gettext_lazy("fitted before a cut-off date, tested on the orders after it"),
}
# Names of publications, the same in every language.
VALUE_MODELS = {"pareto_nbd": "Pareto/NBD", "mbg_nbd": "MBG/NBD", "bg_nbd": "BG/NBD"}


@register.filter
def state_tone(version: ModelVersion) -> str:
    return STATE_TONES.get(version.state, "neutral")


@register.filter
def protocol_words(code: str) -> str:
    return str(PROTOCOLS.get(code, code))


@register.filter
def value_model_words(code: str) -> str:
    return VALUE_MODELS.get(code, code)


@register.filter
def value_warning_words(warning: dict[str, Any]) -> str:
    """Return what speaks against a value forecast, as a sentence."""
    return note_sentence(f"value_{warning['code']}", warning)


@register.simple_tag
def cross_fitted_kinds(book: Book) -> set[str]:
    """The scores of a demo book whose past was predicted by models fitted on the book's other accounts.

    With one cut-off date only there is no earlier time to have predicted from.
    """
    if not book.is_demo:
        return set()
    live = ModelVersion.objects.filter(book=book, state=ModelVersion.State.LIVE)
    return set(live.filter(metrics__protocol="accounts").values_list("kind", flat=True))


@register.filter
def feature_words(code: str, labels: Mapping[str, str]) -> str:
    return reason_label(code, {"label": labels.get(code)})


@register.filter
def refusal_words(reason: dict[str, Any]) -> str:
    """Return why the gate refused a version, as a sentence."""
    code = str(reason.get("code", ""))
    if code in {"too_few_positives", "too_few_negatives"}:
        missing = int(reason["limit"]) - int(reason["count"])
        return _too_few(code, missing)
    sentences = {
        "no_rows": _("There were no accounts to test it on."),
        "single_class": _("Only one outcome was seen in the test period."),
        "constant_prediction": _("It predicts the same for everybody."),
        "slope_out_of_range": _("Its calibration slope is outside 0.8 to 1.2."),
        "loss_not_excluded": _("A loss of more than %(limit)s against the live model can't be excluded.")
        % {"limit": percent(0.01, 0)},
        "not_better": _("It is not better than recency and frequency alone."),
    }
    return sentences.get(code, code)


def _too_few(code: str, missing: int) -> str:
    if code == "too_few_positives":
        return ngettext(
            "Too few accounts with the outcome: %(missing)s more is needed.",
            "Too few accounts with the outcome: %(missing)s more are needed.",
            missing,
        ) % {"missing": missing}
    return ngettext(
        "Too few accounts without the outcome: %(missing)s more is needed.",
        "Too few accounts without the outcome: %(missing)s more are needed.",
        missing,
    ) % {"missing": missing}


@register.simple_tag(takes_context=True)
def may(context: template.Context, capability: str) -> bool:
    return can(context["request"].user, capability)
