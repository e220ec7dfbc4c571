"""Which reason a feature stands for, and the numbers that go into the reason's words."""

import math
from collections.abc import Callable, Mapping

# The longest matching beginning of a feature's name decides.
FEATURE_GROUPS: dict[str, str] = {
    "recency_days": "recency",
    "orders_": "frequency",
    "purchase_days": "frequency",
    "amount_": "money",
    "trend_": "trend",
    "gap_": "rhythm",
    "overdue_": "rhythm",
    "products": "breadth",
    "return_": "returns",
    "late_": "payment_delay",
    "delay_": "payment_delay",
    "open_": "payment_delay",
    "unpaid_": "payment_delay",
    "balance_": "balance",
    "utilisation_": "balance",
    "paid_": "payment_share",
    "invoices": "tenure",
    "tenure_days": "tenure",
    "events_": "activity",
    "subscriptions_": "activity",
    "tickets_": "support",
}
HISTORY = ("_max", "_mean", "_change", "_previous", "_days")
Row = Mapping[str, float | None]
Values = dict[str, float | str]


def group_of(name: str, *, keys: frozenset[str] = frozenset()) -> str:
    """Return the group of a feature; `keys` settles attributes whose key ends like a suffix."""
    if name.startswith("attr_"):
        key = name.removeprefix("attr_").split("=", 1)[0]
        suffix = next((end for end in HISTORY if key.endswith(end) and key not in keys), "")
        return f"attribute:{key.removesuffix(suffix)}"
    found = max((start for start in FEATURE_GROUPS if name.startswith(start)), key=len, default=None)
    return FEATURE_GROUPS[found] if found else "not_enough_data"


def reason_values(row: Row, group: str) -> Values:
    """Return what the words of a reason need, without what is unknown."""
    if group.startswith("attribute:"):
        return _attribute_values(row, group.removeprefix("attribute:"))
    make = MAKERS.get(group)
    found = make(row) if make else {}
    return {name: value for name, value in found.items() if value is not None}


def _attribute_values(row: Row, key: str) -> Values:
    for name in (f"attr_{key}", f"attr_{key}_days"):
        if (value := _number(row, name)) is not None:
            return {"label": key, "value": round(value, 4)}
    start = f"attr_{key}="
    codes = [name.removeprefix(start) for name in row if name.startswith(start) and _number(row, name) == 1]
    return {"label": key, "value": codes[0]} if codes else {"label": key}


def _number(row: Row, name: str, digits: int | None = None) -> float | None:
    value = row.get(name)
    if value is None or math.isnan(value):
        return None
    return float(value) if digits is None else round(float(value), digits)


def _change_share(row: Row) -> float | None:
    recent, both = _number(row, "orders_90"), _number(row, "orders_180")
    if recent is None or both is None or both == recent:
        return None
    return round(recent / (both - recent) - 1, 4)


def _balance(row: Row) -> dict[str, float | None]:
    return {
        "amount": _number(row, "balance_last", 2),
        "share": _number(row, "utilisation_last", 4),
        "change_share": _number(row, "balance_trend", 4),
    }


def _payment_delay(row: Row) -> dict[str, float | None]:
    days = _number(row, "open_days", 1)
    return {
        "days": _number(row, "delay_mean_days", 1) if days is None else days,
        "invoices": _number(row, "open_invoices"),
        "unpaid": _number(row, "unpaid_statements_6"),
        "share": _number(row, "late_share", 4),
    }


def _activity(row: Row) -> dict[str, float | None]:
    return {
        "events": _number(row, "events_30"),
        "days": _number(row, "events_days", 1),
        "subscriptions": _number(row, "subscriptions_active"),
    }


def _support(row: Row) -> dict[str, float | None]:
    return {
        "tickets": _number(row, "tickets_365"),
        "complaints": _number(row, "tickets_complaints_365"),
        "open": _number(row, "tickets_open"),
        "days": _number(row, "tickets_days", 0),
    }


MAKERS: dict[str, Callable[[Row], dict[str, float | None]]] = {
    "recency": lambda row: {
        "days": _number(row, "recency_days", 0),
        "usual_days": _number(row, "gap_usual_days", 0),
    },
    "frequency": lambda row: {"orders": _number(row, "orders_365"), "days": 365.0},
    "money": lambda row: {"amount": _number(row, "amount_365", 2), "days": 365.0},
    "trend": lambda row: {"change_share": _change_share(row), "orders": _number(row, "orders_90")},
    "rhythm": lambda row: {
        "days": _number(row, "recency_days", 0),
        "usual_days": _number(row, "gap_usual_days", 0),
    },
    "breadth": lambda row: {"products": _number(row, "products_180"), "days": 180.0},
    "returns": lambda row: {"return_share": _number(row, "return_money_share", 4)},
    "payment_delay": _payment_delay,
    "balance": _balance,
    "payment_share": lambda row: {"share": _number(row, "paid_share_6", 4)},
    "tenure": lambda row: {"days": _number(row, "tenure_days", 0)},
    "activity": _activity,
    "support": _support,
}
