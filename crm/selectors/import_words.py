"""The words for why a row, or a whole file, was refused."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from crm.selectors.import_reading_words import READING_REASONS

# Filled in with the error's own data: `%(first)s` and the like.
REASONS: Mapping[str, str | Promise] = {
    **READING_REASONS,
    "required": _("The cell is empty, and this has to be known."),
    "one_of_required": _("One of these columns has to be filled: %(columns)s."),
    "unknown_account": _("The source has no account with this number."),
    "account_of_another_book": _("The account belongs to another book."),
    "unknown_product": _("There is no product with this code."),
    "unknown_invoice": _("There is no invoice with this number."),
    "unknown_owner": _("Nobody here has this user name."),
    "unknown_campaign": _("There is no campaign with this code."),
    "not_enrolled": _("The account is not enrolled in this campaign."),
    "invoice_of_another_account": _("The invoice belongs to another account."),
    "doubled_in_file": _("Row %(first)s of the file has the same number; the first one counts."),
    "rows_disagree": _("The rows of this order name different accounts, dates, currencies or kinds."),
    "other_row_refused": _("Row %(row)s of the same order was refused, and an order comes whole or not."),
    "order_of_another_account": _("An order with this number belongs to another account."),
    "missing_rate": _(
        "There is no exchange rate from %(base)s to %(quote)s on %(on)s. An administrator adds it under"
        " Settings, Exchange rates (/settings/rates/)."
    ),
    "is_zero": _("The number is zero."),
    "is_negative": _("The number is negative."),
    "negative_sale": _("The order's sum is negative, and it is said to be no return."),
    "positive_return": _("The order is said to be a return, and its sum is positive."),
    "too_large": _("The number is too large."),
    "before_start": _("It ends before it starts."),
    "open_and_solved": _("The ticket is said to be open, and has a date at which it was solved."),
    "out_of_range": _("The number is not a possible one."),
    "due_before_issue": _("It is due before it was issued."),
    "in_the_future": _("The date lies in the future."),
    "more_clicks_than_impressions": _("There are more clicks than impressions."),
}


def refusal_words(error: Mapping[str, Any]) -> str:
    """Return why a cell or a row was refused, in the reader's language."""
    code = str(error.get("code", ""))
    words = REASONS.get(code)
    if words is None:
        return code.replace("_", " ").capitalize()
    text = str(words)
    try:
        return text % (error.get("data") or {})
    except (KeyError, TypeError, ValueError):
        return text
