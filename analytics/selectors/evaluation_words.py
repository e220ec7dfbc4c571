"""Words for what `evaluate` found wrong or noteworthy; the pipelines keep codes and values."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext
from django.utils.translation import gettext_noop as _

PROBLEMS = {
    "no_file": _("There is no file {path}."),
    "unreadable": _("{path} can't be read: {reason}."),
    "empty": _("The file is empty."),
    "no_rows": _("The file has a header but no rows."),
    "not_a_table": _("The file is no text that can be read as a table."),
    "other_format": _("The file is {format}. Save it as CSV or Parquet."),
    "broken": _("The file can't be read as a table: {reason}."),
    "too_big": _("The file unpacks to more than {limit} bytes."),
    "duplicate_columns": _("The header names these columns more than once: {columns}."),
    "no_column": _("There is no column {column}. The file has: {columns}."),
    "same_column": _("{column} can't be two things at once."),
    "no_features": _("No column is left to predict from."),
    "too_few_positives": _(
        "Only {positives} rows have the rarer outcome; {missing} more are needed before anything can be "
        "learnt."
    ),
    "no_positive": _("No row of {column} is {value}. Its values: {values}."),
    "one_class": _("All rows of {column} are {value}: there is nothing to tell apart."),
    "too_few": _(
        "Only {found} rows have the rarer outcome; {folds} folds need {needed}, so {missing} are missing."
    ),
    "blank_column": _("{column} is blank in all rows."),
    "not_dates": _("{column} holds no dates: {examples}."),
    "not_numbers": _("{column} holds no numbers: {examples}."),
    "too_few_in_time": _(
        "Split by time, one part has {found} rows of the rarer outcome; two are needed in each."
    ),
    "same_time": _("{column} is the same in all rows: nothing tells which of them came last."),
    "bad_seed": _("The seed must lie between 0 and 4294967295, not {seed}."),
    "bad_folds": _("There must be between 2 and 50 folds, not {folds}."),
    "bad_costs": _("Give both costs, neither negative, and not both zero."),
    "bad_horizon": _("The horizon must be at least one day, not {days}."),
    "bad_date": _("{value} is not a date; write it as 2026-01-31."),
    "short_history": _(
        "{days} days of orders are too few: with a horizon of {horizon} days {needed} are needed."
    ),
    "no_orders": _("No row is left with an account, a date and an amount above zero in {column}."),
    "as_of_early": _("{date} lies before the first order, which is of {first}."),
    "few_accounts": _("Too few accounts with orders before {date}: {found}."),
    "one_class_orders": _("Only {found} accounts have the rarer outcome within {days} days; two are needed."),
    "no_output": _("{path} can't be written: {reason}."),
    "value_no_purchases": _("No row is left with an account, a date and an amount that is not negative."),
    "value_no_calibration": _(
        "No account was observed for even a day until {date}; the first purchase is of {first}."
    ),
    "value_no_holdout": _("There are no purchases after {date}; the last is of {last}."),
    "value_no_money": _("No purchase until {date} has an amount above zero."),
    "recommend_no_invoice": _("A prefix of cancelled invoices needs the column of invoices."),
    "recommend_bad_days": _("The test must last at least one day, not {days}."),
    "recommend_bad_share": _("The share of the test must lie between 0 and 1, not {share}."),
    "recommend_no_lines": _("No row is left that counts. Left out: {dropped}."),
    "recommend_short": _("The file covers {days} days: too few for a test of {test_days} days."),
    "recommend_few_pairs": _(
        "Only {found} purchases of the test can be judged; {needed} are needed. The others are of accounts "
        "without history, of products never sold before, or of what was bought before."
    ),
}
NOTES = {
    "blank_target": _("{rows} rows without an outcome in {column} are left out."),
    "other_values": _("{column} has {count} values; all but {value} count as the other outcome: {values}."),
    "infinite": _("{column}: {cells} infinite numbers, or numbers beyond 1e30, count as missing."),
    "not_number": _("{column}: {cells} cells that are no numbers count as missing."),
    "decimal_comma": _("{column}: a comma is read as the decimal mark."),
    "ambiguous_dates": _("{column}: day and month can't be told apart; dates are read as month/day/year."),
    "spreadsheet_dates": _("{column}: the numbers are read as days of a spreadsheet, from 1899-12-30."),
    "bad_times": _("{rows} rows without a readable date in {column} are left out."),
    "bad_amounts": _("{rows} rows without a readable amount in {column} are left out."),
    "no_account": _("{rows} rows without an account in {column} are left out."),
    "returns": _("{rows} rows with a negative or zero amount are returns: no orders, but money taken off."),
    "encoding": _("{characters} characters could not be read as {encoding}."),
    "long_rows": _("{rows} rows with more cells than the header were left out."),
    "nested": _("{column} holds lists or records and is left out."),
    "peer_failed": _("{method} could not be fitted: {reason}."),
    "peer_sampled": _("{method} learnt from {rows} of the rows of each fold, to bound the time."),
    "later_than_known": _("Orders after {date} are not used."),
    "value_returns": _("{rows} rows with a negative amount are returns and left out."),
    "value_far_dates": _(
        "{rows} rows with dates years away from all others, such as {date}, are left out as mistakes."
    ),
    "value_free": _("{rows} rows with an amount of zero count as purchases, but not for the mean amount."),
    "value_new_accounts": _("{accounts} accounts bought for the first time after {date} and are left out."),
    "value_few_customers": _("Only {customers} customers stand behind the parameters."),
    "value_few_repeaters": _("Only {repeaters} customers ever came back: the parameters are hardly known."),
    "value_left_censored": _(
        "First purchases pile up in the first {days} days, {surplus} times as many as afterwards: those "
        "people were customers before, and their histories begin too late."
    ),
    "value_seasonal": _(
        "Purchases go with the season: {months} had {ratios} times what is expected. The forecast knows "
        "no seasons."
    ),
    "value_amounts_go_with_counts": _(
        "Who buys often spends otherwise on each purchase (rank correlation {correlation}): means of those "
        "who buy as often are used instead of the gamma-gamma model."
    ),
    "value_amounts_too_uneven": _(
        "Amounts are too uneven for the gamma-gamma model (p {p}, q {q}): means drawn towards everybody's "
        "are used instead."
    ),
    "recommend_names": _("{column} holds names rather than codes: no row is left out as postage or fees."),
    "recommend_share_unused": _("With a date the last days are the test; the share is not used."),
    "recommend_sampled": _("Lists are judged on {accounts} accounts drawn at random from {all}."),
}

# What the guards of the estimators find; figures come as `_figures` writes them.
GUARDS = {
    "few_positives": _("Only {positives} rows have the rarer outcome: the figures are uncertain."),
    "leak": _(
        "{column} alone predicts the outcome with an AUC of {auc}: it was refused, since nothing known "
        "before the event does that."
    ),
    "suspect_lift": _(
        "{column} lifts the model’s AUC from {without} to {with_it}. Is it really known before the event?"
    ),
    "suspect_name": _("The name of {column} says that it is known only after the event (AUC alone {auc})."),
    "suspect_date": _(
        "{column} is a date that is filled in for {positive_share} of one outcome and {negative_share} of "
        "the other: it may be set by the event."
    ),
    "identifier": _("{column} tells rows apart and nothing else; it was left out."),
    "constant": _("{column} has the same value everywhere; it was left out."),
    "duplicates": _("{rows} rows ({share}) repeat another one: copies in two folds make figures too good."),
    "drift": _(
        "The base rate moves from {low} to {high} along the rows: a model of the past will be miscalibrated, "
        "so check it in time order."
    ),
    "sensitive": _("{column} may be a sensitive attribute; using it needs a reason and may be unlawful."),
}
SHARES = {"share", "positive_share", "negative_share", "low", "high"}


def problem_sentence(code: str, data: Mapping[str, Any]) -> str:
    return _fill(PROBLEMS.get(code, code), data)


def note_sentence(code: str, data: Mapping[str, Any]) -> str:
    return _fill(NOTES.get(code, code), data)


def finding_sentence(finding: Mapping[str, Any]) -> str:
    """Return a finding of a result in the reader's language, or as it was written down."""
    code, data = str(finding["code"]), {**(finding.get("data") or {}), "column": finding["column"]}
    if code in NOTES:
        return note_sentence(code, data)
    return _fill(GUARDS[code], _figures(data)) if code in GUARDS else str(finding["sentence"])


def _figures(data: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: value if not isinstance(value, float) else f"{value:.1%}" if name in SHARES else f"{value:.3f}"
        for name, value in data.items()
    }


def _fill(template: str, data: Mapping[str, Any]) -> str:
    words = {name: f"'{value}'" if name == "column" else _shown(value) for name, value in data.items()}
    translated = gettext(template)
    return translated.format(**words) if words else translated


def _shown(value: Any) -> str:
    if isinstance(value, list | tuple):
        return ", ".join(str(part) for part in value[:20]) + (", …" if len(value) > 20 else "")
    return str(value)
