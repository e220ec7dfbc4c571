"""The words for the codes of data-quality rules, made when they are read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

Words = str | Promise


@dataclass(frozen=True, slots=True)
class RuleWords:
    title: Words
    explanation: Words


RULES: Mapping[str, RuleWords] = {
    # Orders
    "accounting_entry": RuleWords(
        _("Accounting entry"),
        _("The invoice number begins with another letter than C: bad debt and the like, not trade."),
    ),
    "cancellation": RuleWords(
        _("Cancellation"),
        _("The invoice begins with C. It becomes a return with its own date; the sale stays as it was."),
    ),
    "code_in_two_cases": RuleWords(
        _("Code in small letters"),
        _("The same product code is written in capitals elsewhere. The capitals are used."),
    ),
    "code_with_spaces": RuleWords(
        _("Code with spaces"), _("There are spaces around the product code. They are removed.")
    ),
    "country_without_code": RuleWords(
        _("Country without a code"),
        _("The name is not one country: unspecified, or a group of islands. The country stays empty."),
    ),
    "customer_in_two_countries": RuleWords(
        _("Customer in two countries"),
        _("The customer's other orders name another country. The latest one is used."),
    ),
    "date_outside_book": RuleWords(
        _("Date outside the book"), _("The date is missing or lies outside the file's own period.")
    ),
    "description_missing": RuleWords(
        _("Description missing"),
        _("The product gets the description that the same code has in other rows."),
    ),
    "description_with_spaces": RuleWords(
        _("Description with extra spaces"),
        _("Spaces at the ends or several in a row. One between words is left."),
    ),
    "exact_duplicate": RuleWords(
        _("Exact duplicate"),
        _("Another row before it is equal in every column. Only the first one counts."),
    ),
    "huge_quantity": RuleWords(
        _("Very large quantity"),
        _("5,000 pieces or more in one row. Kept, because large customers do buy that much."),
    ),
    "invoice_at_two_times": RuleWords(
        _("Invoice at two times"),
        _("Another row of the same invoice has an earlier time. The earliest one is used."),
    ),
    "invoice_of_two_customers": RuleWords(
        _("Invoice of two customers"), _("Another row of the same invoice names another customer.")
    ),
    "large_sale_reversed": RuleWords(
        _("Large sale taken back"),
        _("A sale of 1,000 pieces or more and the return of exactly as many: often a slip of the keys."),
    ),
    "negative_quantity": RuleWords(
        _("Negative quantity without a cancellation"),
        _("Stock written off or counted anew. It is not trade with a customer."),
    ),
    "no_customer": RuleWords(
        _("No customer"), _("Nobody can be named for the row, so it belongs to no account.")
    ),
    "no_price": RuleWords(
        _("No price"), _("The price is zero, negative or missing: a gift or a correction.")
    ),
    "no_quantity": RuleWords(_("No quantity"), _("The quantity is zero or missing.")),
    "not_a_product": RuleWords(
        _("Not a product"),
        _("Postage, fees, discounts, vouchers, tests and manual corrections: money, but no goods."),
    ),
    "return_with_positive_quantity": RuleWords(
        _("Return with a positive quantity"),
        _("A cancellation that would add goods instead of taking them back."),
    ),
    "return_without_sale": RuleWords(
        _("Return without its sale"),
        _("No earlier sale to this customer matches in product, quantity and price. The return is kept."),
    ),
    "several_descriptions": RuleWords(
        _("Several descriptions"),
        _("The code is described in several ways. The most frequent description is used."),
    ),
    "unusual_code": RuleWords(
        _("Unusual product code"), _("The code does not look like the others, but stands for real goods.")
    ),
    # Credit clients
    "age_implausible": RuleWords(_("Implausible age"), _("Younger than 18 or older than 100.")),
    "education_undocumented": RuleWords(
        _("Undocumented education"),
        _("The set's description does not know the codes 0, 5 and 6. They are kept as codes of their own."),
    ),
    "marriage_undocumented": RuleWords(
        _("Undocumented marital status"),
        _("The set's description does not know the code 0. It is kept as a code of its own."),
    ),
    "negative_statement": RuleWords(
        _("Negative statement"), _("The client had paid more than was owed. It is kept as a credit.")
    ),
    "no_credit_limit": RuleWords(_("No credit limit"), _("The limit is missing, zero or negative.")),
    "no_outcome": RuleWords(
        _("No outcome"), _("The file does not say whether the client paid in the month after.")
    ),
    "repayment_undocumented": RuleWords(
        _("Undocumented repayment status"),
        _(
            "The set's description does not know the codes 0 and −2, which most clients have in some month. "
            "They are kept as they are."
        ),
    ),
    "same_as_another_client": RuleWords(
        _("Same as another client"),
        _("Another row is equal in every column. Two people may well be alike, so both are kept."),
    ),
    "statement_above_limit": RuleWords(
        _("Statement above the limit"), _("At least one statement is higher than the credit limit.")
    ),
}  # fmt: skip
WRITTEN: Mapping[str, Words] = {
    "accounts": _("Accounts"),
    "attributes": _("Attribute values"),
    "invoices": _("Invoices"),
    "lines": _("Order lines"),
    "orders": _("Orders and returns"),
    "outcomes": _("Outcomes"),
    "payments": _("Payments"),
    "products": _("Products"),
}


def words_of(code: str) -> RuleWords:
    """Return a rule's title and explanation; a rule of an older version shows its code."""
    return RULES.get(code) or RuleWords(code, "")
