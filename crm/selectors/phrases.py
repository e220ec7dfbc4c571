"""How parts are put together to sentences, lists and figures, in the reader's language."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import reduce

from django.utils.translation import get_language, pgettext

from crm.selectors.currencies import THIN


def percent_space(language: str = "") -> str:
    """Return what stands between a number and %: a space that doesn't break, in Chinese nothing."""
    return "" if (language or get_language() or "").startswith("zh") else THIN


def in_a_row(items: Sequence[str]) -> str:
    """Return "bills, payments and orders"."""
    if not items:
        return ""
    *rest, last = items
    if not rest:
        return last
    listed = reduce(
        lambda one, other: pgettext("list", "%(one)s, %(other)s") % {"one": one, "other": other}, rest
    )
    return pgettext("list", "%(rest)s and %(last)s") % {"rest": listed, "last": last}


def sentences(parts: Iterable[str]) -> str:
    """Return these whole sentences one after the other."""
    joined = pgettext("sentences", "%(one)s %(next)s")
    found = [part for part in parts if part] or [""]
    return reduce(lambda one, following: joined % {"one": one, "next": following}, found)
