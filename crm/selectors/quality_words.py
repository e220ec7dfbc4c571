"""The words for the rules over standing rows: what each is called, catches, and is good for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

Words = str | Promise


@dataclass(frozen=True, slots=True)
class StandingWords:
    kind: str
    title: Words
    condition: Words  # what is caught, in plain words
    why: Words  # why it matters


KINDS: Mapping[str, Words] = {
    "missing": _("Missing"),
    "implausible": _("Implausible"),
    "duplicated": _("Duplicated"),
    "contradictory": _("Contradictory"),
    "stale": _("Stale"),
}
TABLES: Mapping[str, Words] = {
    "accounts": _("Accounts"),
    "contacts": _("Contacts"),
    "products": _("Products"),
    "orders": _("Orders and returns"),
    "order_lines": _("Order lines"),
    "subscriptions": _("Subscriptions"),
    "invoices": _("Invoices"),
    "payments": _("Payments"),
    "events": _("Events of the last 30 days"),
    "tickets": _("Tickets"),
}

_TIDY_MAIL = _("Capitals and spaces make one address look like two, so that people are not recognised.")
_AHEAD = _("The date lies more than a day ahead of now.")
_DATE_WRONG = _("A wrong date puts what happened into the wrong month of every report and score.")
_TWICE = _("What was entered twice is counted twice: in revenue, in scores and in forecasts.")

RULES: Mapping[tuple[str, str], StandingWords] = {
    ("accounts", "no_contact"): StandingWords(
        "missing", _("Customer without a contact"),
        _("The account is an organisation and a customer, and has no contact at all."),
        _("Nobody can be written to or called, so that no campaign and no warning reaches it."),
    ),
    ("accounts", "no_country"): StandingWords(
        "missing", _("No country"), _("The country is empty."),
        _("Scores compare accounts within their country, and duplicates are told apart by it."),
    ),
    ("accounts", "no_owner"): StandingWords(
        "missing", _("Customer whom nobody looks after"), _("A customer has neither an owner nor a team."),
        _("Its warnings appear on nobody's first page."),
    ),
    ("accounts", "email_malformed"): StandingWords(
        "implausible", _("E-mail that isn't one"),
        _("The e-mail is filled and has no name, no @ or no domain, or something between."),
        _("Nothing that is sent there arrives, and bounces harm the delivery of all other messages."),
    ),
    ("accounts", "email_untidy"): StandingWords(
        "implausible", _("E-mail with capitals or spaces"),
        _("The e-mail has capital letters, or spaces around it."), _TIDY_MAIL,
    ),
    ("accounts", "name_with_spaces"): StandingWords(
        "implausible", _("Name with extra spaces"),
        _("The name begins or ends with a space, or has several in a row."),
        _("Lists sort it wrongly, and searching for the exact name misses it."),
    ),
    ("accounts", "since_in_future"): StandingWords(
        "implausible", _("Customer since a day to come"),
        _("The first day as a customer lies in the future."),
        _("Its age as a customer becomes negative, and scores that use it go astray."),
    ),
    ("accounts", "person_with_company_form"): StandingWords(
        "contradictory", _("Person with a company's form"),
        _("The account is said to be a person, and its name ends with Ltd, GmbH, 有限公司 or the like."),
        _("People and organisations are scored and addressed differently, and the law treats them so."),
    ),
    ("accounts", "former_still_buys"): StandingWords(
        "contradictory", _("Former customer who still buys"),
        _("The account is said to be a former customer, and ordered within the last 90 days."),
        _("It is left out of what customers get, although it is one."),
    ),
    ("accounts", "currency_without_rate"): StandingWords(
        "contradictory", _("Currency without a rate"),
        _("The account's currency is not its book's, and no exchange rate is known for it."),
        _("Its orders and invoices can't be stored before somebody enters a rate."),
    ),
    ("accounts", "same_name_and_country"): StandingWords(
        "duplicated", _("Same name and country"),
        _("Another account of the book has the same name in the same country."),
        _("A customer in two accounts looks half as large, and as if it left with each of them."),
    ),
    ("accounts", "same_tax_id"): StandingWords(
        "duplicated", _("Same tax number"), _("Another account of the book has the same tax number."),
        _("One company has one number: these are most likely one."),
    ),
    ("accounts", "customer_gone_quiet"): StandingWords(
        "stale", _("Customer without any business for three years"),
        _("A customer has no order, no invoice and no activity of the last three years."),
        _("Customers who left unnoticed make churn look smaller than it is."),
    ),
    ("contacts", "unreachable"): StandingWords(
        "missing", _("Contact without e-mail and phone"), _("Both the e-mail and the phone are empty."),
        _("Nobody can reach this person."),
    ),
    ("contacts", "email_malformed"): StandingWords(
        "implausible", _("E-mail that isn't one"),
        _("The e-mail is filled and has no name, no @ or no domain, or something between."),
        _("Nothing that is sent there arrives, and bounces harm the delivery of all other messages."),
    ),
    ("contacts", "email_untidy"): StandingWords(
        "implausible", _("E-mail with capitals or spaces"),
        _("The e-mail has capital letters, or spaces around it."), _TIDY_MAIL,
    ),
    ("contacts", "name_with_spaces"): StandingWords(
        "implausible", _("Name with extra spaces"),
        _("The name begins or ends with a space, or has several in a row."),
        _("It looks careless in every letter that begins with it."),
    ),
    ("contacts", "other_domain"): StandingWords(
        "contradictory", _("E-mail of another company"),
        _("The e-mail's domain is neither the account's website nor that of a mail provider."),
        _("The person may have moved on, or stand at the wrong account."),
    ),
    ("contacts", "same_email_elsewhere"): StandingWords(
        "duplicated", _("Same e-mail at two accounts"),
        _("A contact of another account has the same e-mail."),
        _("One person gets the same campaign twice, and a visit can't be told to one account."),
    ),
    ("products", "never_priced"): StandingWords(
        "missing", _("Sold, and never priced"), _("The product is sold and was ordered, and has no price."),
        _("Recommendations and forecasts can't say what it is worth."),
    ),
    ("products", "price_zero"): StandingWords(
        "implausible", _("Price of zero"), _("The product is sold, and its price is zero."),
        _("It is rarely meant as a gift, and makes offers look worthless."),
    ),
    ("products", "same_name"): StandingWords(
        "duplicated", _("Same name twice"), _("Another product that is sold has the same name."),
        _("Sales of one thing under two codes hide how well it sells."),
    ),
    ("products", "not_bought_for_long"): StandingWords(
        "stale", _("Sold, and not bought for two years"),
        _("The product is said to be sold, and was last ordered more than two years ago."),
        _("It may be recommended although there is none left."),
    ),
    ("orders", "no_lines"): StandingWords(
        "missing", _("Order without lines"), _("No line says what was ordered."),
        _("Recommendations learn nothing from it, and nobody can check its amount."),
    ),
    ("orders", "in_the_future"): StandingWords(
        "implausible", _("Order in the future"), _AHEAD, _DATE_WRONG,
    ),
    ("orders", "before_customer_since"): StandingWords(
        "contradictory", _("Order before its customer was one"),
        _("It was placed before the day since which the account is a customer."),
        _("One of the two dates is wrong; how long a customer has been one is part of every score."),
    ),
    ("orders", "cancelled_before_placed"): StandingWords(
        "contradictory", _("Cancelled before it was placed"),
        _("The date of the cancellation lies before that of the order."), _DATE_WRONG,
    ),
    ("orders", "lines_differ"): StandingWords(
        "contradictory", _("Lines that don't add up"),
        _("The lines together are more than a cent and a ten-thousandth away from the order's amount."),
        _("Reports by product and reports by customer then disagree."),
    ),
    ("orders", "same_order_twice"): StandingWords(
        "duplicated", _("Same order twice"),
        _("Another order of the account has the same moment and the same amount."), _TWICE,
    ),
    ("order_lines", "price_zero"): StandingWords(
        "implausible", _("Price of zero"), _("The price of one piece is zero."),
        _("It is a gift or a slip; either way it pulls down the usual price of the product."),
    ),
    ("order_lines", "price_far_off"): StandingWords(
        "implausible", _("Price a hundred times off"),
        _("The price of one piece is more than 100 times the product's median, or less than a hundredth."),
        _("A slipped decimal mark in one line can outweigh a year of honest sales."),
    ),
    ("order_lines", "amount_differs"): StandingWords(
        "contradictory", _("Amount that isn't price times quantity"),
        _("Quantity times price is more than a cent and a thousandth away from the line's amount."),
        _("One of the three is wrong, and nobody can say which from here."),
    ),
    ("order_lines", "sign_of_other_kind"): StandingWords(
        "contradictory", _("Negative in an order, positive in a return"),
        _("A line of an order takes goods back, or a line of a return adds some."),
        _("Returns are counted as sales, or the other way round."),
    ),
    ("subscriptions", "amount_zero"): StandingWords(
        "implausible", _("Running for nothing"), _("It runs, and its amount is zero or less."),
        _("Recurring revenue is told too low, or a trial was forgotten."),
    ),
    ("subscriptions", "of_former"): StandingWords(
        "contradictory", _("Running subscription of a former customer"),
        _("It has not been cancelled, and the account is said to be a former customer."),
        _("Either there is still a customer, or revenue is counted that nobody pays."),
    ),
    ("subscriptions", "two_at_once"): StandingWords(
        "duplicated", _("Two of the same at once"),
        _("The account has another running subscription of the same product."), _TWICE,
    ),
    ("invoices", "in_the_future"): StandingWords(
        "implausible", _("Invoice in the future"), _AHEAD, _DATE_WRONG,
    ),
    ("invoices", "paid_too_much"): StandingWords(
        "contradictory", _("Paid more than billed"),
        _("The payments together are higher than the invoice's amount."),
        _("A payment belongs to another invoice, or the customer has money to get back."),
    ),
    ("invoices", "same_invoice_twice"): StandingWords(
        "duplicated", _("Same invoice twice"),
        _("Another invoice of the account has the same moment and the same amount."), _TWICE,
    ),
    ("invoices", "overdue_for_years"): StandingWords(
        "stale", _("Overdue for more than two years"),
        _("It was due more than two years ago and is not paid in full."),
        _("What will never be paid should be written off; until then the account looks worse than it is."),
    ),
    ("payments", "without_invoice"): StandingWords(
        "missing", _("Payment without an invoice"), _("Nobody said which invoice was paid."),
        _("That invoice stays open and the customer is reminded of what was paid."),
    ),
    ("payments", "before_issue"): StandingWords(
        "contradictory", _("Paid before it was billed"),
        _("The payment is more than a day older than its invoice."),
        _("How fast a customer pays is what payment risk is learnt from."),
    ),
    ("payments", "other_account"): StandingWords(
        "contradictory", _("Payment and invoice of two accounts"),
        _("The payment belongs to another account than its invoice."),
        _("One account looks as if it never paid, the other as if it paid for nothing."),
    ),
    ("payments", "same_payment_twice"): StandingWords(
        "duplicated", _("Same payment twice"),
        _("Another payment for the same invoice has the same moment and the same amount."), _TWICE,
    ),
    ("events", "in_the_future"): StandingWords(
        "implausible", _("Event in the future"), _AHEAD, _DATE_WRONG,
    ),
    ("events", "too_long"): StandingWords(
        "implausible", _("Longer than a day"),
        _("It is said to have lasted more than 24 hours, or less than none."),
        _("A page left open is no interest, and would look like the greatest of all."),
    ),
    ("events", "after_former"): StandingWords(
        "contradictory", _("Activity of a former customer"),
        _("It happened after the account's last edit, and the account is said to be a former customer."),
        _("Somebody there is still interested: the stage is wrong, or there is something to win back."),
    ),
    ("tickets", "unassigned"): StandingWords(
        "missing", _("Nobody's ticket"),
        _("It has been open for more than a week and is assigned to nobody."),
        _("Whoever waits without an answer leaves more often than others."),
    ),
    ("tickets", "solved_before_opened"): StandingWords(
        "contradictory", _("Solved before it was opened"),
        _("The moment of the solution lies before that of the opening."),
        _("Times to a solution come out negative."),
    ),
    ("tickets", "contact_elsewhere"): StandingWords(
        "contradictory", _("Contact of another account"),
        _("The person who asked is a contact of another account than the ticket's."),
        _("The trouble is counted against the wrong customer."),
    ),
    ("tickets", "same_subject_twice"): StandingWords(
        "duplicated", _("Same subject twice"),
        _("Another open ticket of the account has the same subject."),
        _("Two people work on one thing, and the customer gets two answers."),
    ),
    ("tickets", "open_for_long"): StandingWords(
        "stale", _("Open for more than 90 days"),
        _("It is open, or waits for the customer, since more than 90 days."),
        _("Such tickets are mostly answered elsewhere, and hide those that are not."),
    ),
}  # fmt: skip


def standing_words(table: str, code: str) -> StandingWords:
    """Return a rule's words; one of an older version shows its code."""
    return RULES.get((table, code)) or StandingWords("implausible", code, "", "")
