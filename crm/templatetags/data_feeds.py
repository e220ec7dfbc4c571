"""The words for how a feed is, and for why it isn't."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django import template
from django.template.defaultfilters import filesizeformat
from django.utils.functional import Promise
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from crm.models import DataFeed
from crm.selectors.data_feeds import feed_state
from crm.selectors.import_reading_words import FILE_REASONS, file_refusal_words
from crm.templatetags.ui import Tone, badge

register = template.Library()

STATES: Mapping[str, tuple[Promise | str, Tone, str]] = {
    "off": (gettext_lazy("Switched off"), "neutral", "pause"),
    "stopped": (gettext_lazy("Stopped"), "bad", "circle-alert"),
    "trouble": (gettext_lazy("Can't fetch"), "watch", "triangle-alert"),
    "waiting": (gettext_lazy("Waiting for its first file"), "neutral", "clock"),
    "running": (gettext_lazy("Running"), "good", "check"),
}
TYPES: Mapping[str, Promise | str] = {
    "number": gettext_lazy("number"),
    "bool": gettext_lazy("yes or no"),
    "date": gettext_lazy("date"),
    "moment": gettext_lazy("date and time"),
    "text": gettext_lazy("text"),
}
PROBLEMS: Mapping[str, Promise | str] = {
    "folder_not_allowed": gettext_lazy("The folder lies outside of the folder that is set aside for feeds."),
    "folder_unreadable": gettext_lazy("The folder can't be read (%(reason)s)."),
    "not_https": gettext_lazy("The address does not begin with https://."),
    "redirect_not_https": gettext_lazy("The address leads on to one without encryption."),
    "certificate_refused": gettext_lazy("The address doesn't prove who it is (%(reason)s)."),
    "unreachable": gettext_lazy("The address can't be reached (%(reason)s)."),
    "http_status": gettext_lazy("The address answers with the error %(status)s."),
    "token_missing": gettext_lazy("The variable %(variable)s holds no token."),
    "took_too_long": gettext_lazy("The file was still coming after half an hour."),
    "broke_off": gettext_lazy("The file broke off before its end."),
    "no_good_rows": gettext_lazy("None of the first rows of the file can be read."),
    "rows_unreadable": gettext_lazy("%(wrong)s of %(rows)s rows can't be read."),
    "column_missing": gettext_lazy("The column “%(column)s” is missing."),
    "column_empty": gettext_lazy("The column “%(column)s” is empty in %(empty)s of %(rows)s rows."),
    "column_type": gettext_lazy(
        "The column “%(column)s” should hold %(expected)s, and holds “%(value)s” for example."
    ),
    "decimal_unclear": gettext_lazy("The numbers could be read in two ways: say what the decimal mark is."),
    "date_order_unclear": gettext_lazy("The dates could be read in two ways: say what comes first."),
    "mapping": gettext_lazy(
        "It is not clear where the columns go. Import such a file once by hand: the feed then follows."
    ),
    "import_failed": gettext_lazy("The import of “%(file)s” failed."),
}


@register.filter
def feed_badge(feed: DataFeed) -> SafeString:
    words, tone, icon = STATES[feed_state(feed)]
    return badge(str(words), tone, icon=icon)


@register.filter
def column_type_words(kind: str) -> str:
    return str(TYPES.get(kind, kind))


@register.filter
def feed_problem_words(problem: Mapping[str, Any] | None) -> str:
    """Return why a feed stopped, or can't be fetched, and which file it was."""
    if not problem:
        return ""
    code, data = str(problem.get("code", "")), dict(problem.get("data") or {})
    if code in FILE_REASONS:
        words = file_refusal_words(problem)
    else:
        words = _filled(str(PROBLEMS.get(code, code)), data)
    if new := data.get("new"):
        words += " " + _("Instead there is: %(columns)s.") % {"columns": ", ".join(map(str, new))}
    if file := problem.get("file"):
        words += " " + _("File: %(file)s.") % {"file": file}
    return words


def _filled(words: str, data: dict[str, Any]) -> str:
    if "expected" in data:
        data["expected"] = column_type_words(str(data["expected"]))
    data |= {name: filesizeformat(data[name]) for name in ("size", "limit") if name in data}
    try:
        return words % data
    except (KeyError, TypeError, ValueError):
        return words
