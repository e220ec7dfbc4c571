"""What to offer an account, each with its reason and a button that makes a task of it."""

from collections.abc import Sequence

from django import template
from django.template import Context
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from crm.models import Account, OfferAnswer, Recommendation
from crm.selectors.offers import Offer
from crm.selectors.words import recommendation_text

from .ui import svg

register = template.Library()

ANSWERS = """
    <form method="post" action="{action}">
        <input type="hidden" name="csrfmiddlewaretoken" value="{token}">
        <input type="hidden" name="next" value="{next}">
        <input type="hidden" name="product" value="{product}">
        <span class="segmented" role="group" aria-label="{label}">{buttons}</span>
    </form>
"""

ROW = """
    <li>
        <div class="rows__main">
            <a href="{address}">{name}</a><div class="rows__sub">{kind} · {reason}</div>{answers}
        </div>
        <form class="rows__end" method="post" action="{action}">
            {hidden}
            <input type="hidden" name="title" value="{title}">
            <button class="button button--small" title="{hint}">{button}
                <span class="sr-only">: {name}</span></button>
        </form>
    </li>
"""


@register.simple_tag(takes_context=True)
def offer_rows(context: Context, account: Account, offers: Sequence[Offer]) -> SafeString:
    kinds = dict(Recommendation.Kind.choices)
    common = {
        "action": reverse("crm:task-create"),
        "hidden": _hidden(context, account),
        "hint": _("Add a task to offer this"),
        "button": format_html("{}{}", svg("list-plus", 16), _("Add task")),
    }
    return format_html_join(
        "",
        ROW,
        (
            {
                **common,
                "name": offer.product_name,
                "address": offer.product_url,
                "kind": kinds[offer.kind],
                "reason": recommendation_text(offer.reason, product_names=offer.mentioned),
                "title": _("Offer %(product)s") % {"product": offer.product_name},
                "answers": _answers(context, account, offer),
            }
            for offer in offers
        ),
    )


def _hidden(context: Context, account: Account) -> SafeString:
    fields = {
        "csrfmiddlewaretoken": context.get("csrf_token", ""),
        "account": account.public_id,
        "next": context["request"].get_full_path(),
    }
    return format_html_join("", '<input type="hidden" name="{}" value="{}">', fields.items())


def _answers(context: Context, account: Account, offer: Offer) -> SafeString:
    """Return the three things that may come of an offer, the newest pressed."""
    buttons = format_html_join(
        "",
        '<button name="answer" value="{}" aria-pressed="{}">{}</button>',
        (
            (value, "true" if offer.said == value else "false", label)
            for value, label in OfferAnswer.Answer.choices
        ),
    )
    return format_html(
        ANSWERS,
        action=reverse("crm:offer-answer", args=[account.public_id]),
        token=context.get("csrf_token", ""),
        next=context["request"].get_full_path(),
        product=offer.product_id,
        label=_("What came of it: %(product)s") % {"product": offer.product_name},
        buttons=buttons,
    )
