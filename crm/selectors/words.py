"""The words for codes that workers store: made when they are read, in the reader's language.

Pages and the partner API say the same thing, so the words live below both.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

from django.utils import numberformat
from django.utils.formats import get_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext, pgettext

from crm.selectors.currencies import MINUS, with_symbol
from crm.selectors.phrases import percent_space
from crm.selectors.ticket_words import support_sentence

Values = Mapping[str, Any]
DAYS_PER_YEAR = 365.25


def reason_label(code: str, values: Values | None = None) -> str:
    """Return the short name of a reason: what kind of thing moved the score."""
    if code.startswith("attribute:"):
        return str((values or {}).get("label") or code.removeprefix("attribute:").replace("_", " "))
    return _labels().get(code) or code.replace("_", " ").capitalize()


def reason_text(reason: Values, *, currency: str = "") -> str:
    """Return the sentence of one reason of a score, e.g. "No order for 94 days, usually 31".

    A value that is missing shortens the sentence; an unknown code reads as its label.
    """
    code, values = str(reason.get("code", "")), reason.get("values") or {}
    if code.startswith("attribute:"):
        return _attribute(code, values)
    sentence = SENTENCES.get(code, _nothing)({"currency": currency, **values})
    return sentence or reason_label(code, values)


def recommendation_text(reason: Values, *, product_names: Mapping[int, str] | None = None) -> str:
    """Return why a product is recommended. `product_names` names the ids that reasons point to."""
    values = {**reason, **(reason.get("values") or {})}
    name = values.get("product_name") or (product_names or {}).get(values.get("product_id") or 0, "")
    return OFFERS.get(str(reason.get("code", "")), _offer_popular)({**values, "product_name": name})


def record_words(model_name: str) -> str:
    """Return what people call a kind of record, e.g. "Account" for "account"."""
    return _records().get(model_name) or model_name


def column_words(name: str) -> str:
    """Return what people call a column that has no name of its own in the model."""
    return _columns().get(name) or name.replace("_", " ")


def share_words(share: float) -> str:
    """Return a share as sentences say it: 63 %, or 63% in Chinese."""
    return _share(share)


def _records() -> dict[str, str]:
    return {
        "account": _("Account"),
        "activity": _("Activity"),
        "apikey": _("API key"),
        "attributedefinition": _("Attribute"),
        "book": _("Book"),
        "campaign": _("Campaign"),
        "contact": _("Contact"),
        "exchangerate": _("Exchange rate"),
        "organisation": pgettext("whose installation it is", "Organisation"),
        "partner": _("Partner"),
        "partneraccount": _("Account of a partner"),
        "task": _("Task"),
        "team": _("Team"),
        "ticket": _("Ticket"),
        "user": pgettext("who signs in", "Person"),
    }


def _columns() -> dict[str, str]:
    return {
        "account": pgettext("column", "account"),  # the list counts with the plain word
        "audience": _("audience"),
        "author": _("author"),
        "base": _("currency"),
        "book": _("book"),
        "budget_amount": _("budget"),
        "code": _("code"),
        "contact": _("contact"),
        "created_by": _("created by"),
        "currency": _("currency"),
        "is_simulated": _("simulated"),
        "partner": _("partner"),
        "quote": _("reporting currency"),
        "rate": _("rate"),
        "since": _("since"),
        "until": _("until"),
        "valid_from": _("from"),
    }


def _labels() -> dict[str, str]:
    return {
        "recency": _("Time since the last order"),
        "frequency": _("How often it orders"),
        "money": _("How much it spends"),
        "trend": _("Trend of its orders"),
        "rhythm": _("Its own rhythm"),
        "breadth": _("Range of products"),
        "returns": _("Returns"),
        "payment_delay": _("Late payments"),
        "balance": _("Open balance"),
        "payment_share": _("Share of bills paid"),
        "tenure": _("Length of the relationship"),
        "activity": _("Recent activity"),
        "support": _("Tickets and complaints"),
        "not_enough_data": _("Not enough data"),
        "other": _("Everything else"),
    }


def _nothing(_values: Values) -> str:
    return ""


def _attribute(code: str, values: Values) -> str:
    label, value = reason_label(code, values), values.get("value")
    if value is None or value == "":
        return _("%(label)s: not known") % {"label": label}
    if isinstance(value, bool):
        value = _("yes") if value else _("no")
    elif isinstance(value, int | float):
        value = _number(value)
    return pgettext("attribute and its value", "%(label)s: %(value)s") % {"label": label, "value": value}


def _recency(values: Values) -> str:
    if values.get("days") is None:
        return _("No order yet")
    said = {"days": _days(values["days"]), "usual": _days(values.get("usual_days"))}
    if said["usual"]:
        return _("No order for %(days)s, usually one every %(usual)s") % said
    return _("No order for %(days)s") % said


def _frequency(values: Values) -> str:
    orders = values.get("orders")
    if orders is None:
        return ""
    said = {"orders": _number(orders), "days": _days(values.get("days"))}
    if said["days"]:
        return (
            ngettext("%(orders)s order in %(days)s", "%(orders)s orders in %(days)s", _plural(orders)) % said
        )
    return ngettext("%(orders)s order", "%(orders)s orders", _plural(orders)) % said


def _money(values: Values) -> str:
    if values.get("amount") is None:
        return ""
    said = {"amount": _amount(values), "days": _days(values.get("days"))}
    if said["days"]:
        return _("Spent %(amount)s in %(days)s") % said
    return _("Spent %(amount)s") % said


def _trend(values: Values) -> str:
    change = values.get("change_share")
    if change is None:
        return ""
    said = {"share": _share(abs(change))}
    if round(abs(change), 2) == 0:
        return _("Orders as often as in the three months before")
    if change < 0:
        return _("Orders %(share)s less often than in the three months before") % said
    return _("Orders %(share)s more often than in the three months before") % said


def _rhythm(values: Values) -> str:
    days, usual = values.get("days"), values.get("usual_days")
    if usual is None:
        return _("No rhythm of orders yet")
    said = {"days": _days(days), "usual": _days(usual)}
    if days is None:
        return _("Usually orders every %(usual)s") % said
    if days > usual:
        return _("Late by its own rhythm: %(days)s since the last order, usually %(usual)s") % said
    return _("Within its own rhythm: %(days)s since the last order, usually %(usual)s") % said


def _breadth(values: Values) -> str:
    products = values.get("products")
    if products is None:
        return ""
    said = {"products": _number(products), "days": _days(values.get("days"))}
    if not said["days"]:
        return ngettext("%(products)s product", "%(products)s different products", _plural(products)) % said
    return (
        ngettext(
            "%(products)s product in %(days)s",
            "%(products)s different products in %(days)s",
            _plural(products),
        )
        % said
    )


def _returns(values: Values) -> str:
    share = values.get("return_share")
    if share is None:
        return ""
    if share == 0:
        return _("Sends nothing back")
    return _("Sends back %(share)s of what it buys") % {"share": _share(share)}


def _payment_delay(values: Values) -> str:
    days = values.get("days")
    if values.get("invoices") and days is not None:
        said = {"invoices": _number(values["invoices"]), "days": _days(days)}
        return (
            ngettext(
                "%(invoices)s bill open for %(days)s",
                "%(invoices)s bills open, the oldest for %(days)s",
                _plural(values["invoices"]),
            )
            % said
        )
    if values.get("unpaid"):
        return _("%(bills)s of its last 6 bills not paid") % {"bills": _number(values["unpaid"])}
    if days is None:
        return ""
    if round(days) <= 0:
        return _("Pays on time")
    return _("Pays %(days)s late") % {"days": _days(days)}


def _balance(values: Values) -> str:
    if values.get("share") is not None:
        return _("Uses %(share)s of its limit") % {"share": _share(values["share"])}
    if values.get("amount") is None:
        return ""
    return _("Owes %(amount)s") % {"amount": _amount(values)}


def _payment_share(values: Values) -> str:
    share = values.get("share", values.get("payment_share"))
    return "" if share is None else _("Pays %(share)s of what is billed") % {"share": _share(share)}


def _tenure(values: Values) -> str:
    days = values.get("days")
    if days is None:
        return ""
    if days < DAYS_PER_YEAR:
        return _("Customer for %(days)s") % {"days": _days(days)}
    years = round(days / DAYS_PER_YEAR, 1)
    said = ngettext("Customer for %(years)s year", "Customer for %(years)s years", _plural(years))
    return said % {"years": _number(years)}


def _activity(values: Values) -> str:
    events, days = values.get("events"), values.get("days")
    if not events:
        return "" if days is None else _("No visit for %(days)s") % {"days": _days(days)}
    return ngettext(
        "%(events)s visit or view in 30 days",
        "%(events)s visits and views in 30 days",
        _plural(events),
    ) % {"events": _number(events)}


def _not_enough_data(values: Values) -> str:
    orders = values.get("orders")
    if orders is None:
        return _("Not enough data: scored like the average account")
    said = {"orders": _number(orders)}
    return (
        ngettext(
            "Not enough data: only %(orders)s order",
            "Not enough data: only %(orders)s orders",
            _plural(orders),
        )
        % said
    )


def _offer_goes_with(values: Values) -> str:
    product = values.get("product_name")
    if not product:
        return _("Goes with what it buys")
    return _("Often bought with %(product)s") % {"product": product}


def _offer_is_like(values: Values) -> str:
    product = values.get("product_name")
    return _("Much like %(product)s") % {"product": product} if product else _("Much like what it buys")


def _offer_repeat(values: Values) -> str:
    days, usual = _days(values.get("days")), _days(values.get("usual_days"))
    if days and usual:
        return _("Bought %(days)s ago, usually again after %(usual)s") % {"days": days, "usual": usual}
    times = values.get("times", values.get("orders"))
    if times is not None:
        said = {"times": _number(times)}
        return ngettext("Bought %(times)s time", "Bought %(times)s times", _plural(times)) % said
    return _("Bought before") if not days else _("Bought %(days)s ago") % {"days": days}


def _offer_popular(values: Values) -> str:
    accounts = values.get("accounts", values.get("buyers"))
    if accounts is None:
        return _("Popular now")
    said = {"accounts": _number(accounts)}
    return (
        ngettext(
            "Popular now: %(accounts)s account bought it",
            "Popular now: %(accounts)s accounts bought it",
            _plural(accounts),
        )
        % said
    )


def _plural(number: float) -> int:
    return int(number) if float(number).is_integer() else 2


def _grouped(number: float, decimals: int = 0) -> str:
    return numberformat.format(
        round(Decimal(str(number)), decimals),
        decimal_sep=get_format("DECIMAL_SEPARATOR"),
        decimal_pos=decimals,
        grouping=3,
        # Django leaves Chinese numbers ungrouped; ledgers there use the comma too.
        thousand_sep=get_format("THOUSAND_SEPARATOR") or ",",
        force_grouping=True,
    )


def _number(number: float) -> str:
    return _grouped(number, 0 if float(number).is_integer() else 1)


def _share(share: float | None) -> str:
    if share is None:
        return ""
    percent = share * 100
    return f"{_grouped(percent, 1 if 0 < abs(percent) < 10 else 0)}{percent_space()}%"


def _days(days: float | None) -> str:
    if days is None:
        return ""
    whole = round(days)
    return ngettext("%(count)s day", "%(count)s days", whole) % {"count": _number(whole)}


def _amount(values: Values) -> str:
    text = _grouped(values["amount"]).replace("-", MINUS)
    return with_symbol(text, values["currency"]) if values.get("currency") else text


SENTENCES: dict[str, Callable[[Values], str]] = {
    "recency": _recency,
    "frequency": _frequency,
    "money": _money,
    "trend": _trend,
    "rhythm": _rhythm,
    "breadth": _breadth,
    "returns": _returns,
    "payment_delay": _payment_delay,
    "balance": _balance,
    "payment_share": _payment_share,
    "tenure": _tenure,
    "activity": _activity,
    "support": support_sentence,
    "not_enough_data": _not_enough_data,
}
OFFERS: dict[str, Callable[[Values], str]] = {
    "goes_with": _offer_goes_with,
    "is_like": _offer_is_like,
    "repeat": _offer_repeat,
    "buy_again": _offer_repeat,
    "bought_before": _offer_repeat,
    "popular": _offer_popular,
}
