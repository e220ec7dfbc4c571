"""Charts as inline SVG made on the server: geometry in attributes, colour from the stylesheet.

Every chart has its numbers as text beside it or as a table, so that nothing depends on seeing it.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from django import template
from django.template.loader import render_to_string
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from .formats import percent, share, to_decimal

register = template.Library()

SPARK_WIDTH, SPARK_HEIGHT = 96.0, 24.0
SPARK_TICK = '<line class="sparkline__tick" x1="{}" x2="{}" y1="0" y2="24"/>'
SPARK_LEAST_SHARE = 0.1  # ten points fill the height: a wobble of one must not look like a cliff
PLOT_LEFT, PLOT_TOP, PLOT_SIZE = 44.0, 22.0, 300.0
AXIS_ENDS = (0.02, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 1.0)
AXIS_STEPS = 4


def _read(row: object, name: str) -> Any:
    """A field of a mapping or of an object, None when it has none."""
    return row.get(name) if isinstance(row, Mapping) else getattr(row, name, None)


def _at(value: float) -> str:
    """A coordinate: never localised, since SVG knows only the decimal point."""
    return f"{value:.2f}".rstrip("0").rstrip(".")


def _part(value: float, end: float) -> str:
    """A share of the width in percent, kept inside it."""
    return _at(100 * min(max(value / end, 0.0), 1.0)) + "%" if end else "0%"


def _percent(value: float | None, digits: int = 1) -> str:
    number = to_decimal(value)
    return "" if number is None else percent(number, digits)


def _axis_end(highest: float) -> float:
    return next((end for end in AXIS_ENDS if highest <= end), 1.0)


def _spark_points(values: Sequence[float], least: float) -> list[tuple[float, float]]:
    """Places on the canvas; a range below `least` keeps its slope small instead of filling it."""
    middle, step = (min(values) + max(values)) / 2, SPARK_WIDTH / (len(values) - 1)
    scale = (SPARK_HEIGHT - 6) / (max(max(values) - min(values), least) or 1.0)
    return [(index * step, SPARK_HEIGHT / 2 - scale * (value - middle)) for index, value in enumerate(values)]


@register.simple_tag
def sparkline(
    values: Iterable[float], ticks: Iterable[int] = (), label: str = "", *, unit: str = "share"
) -> SafeString | str:
    """The last values as a line, oldest first; `ticks` are the places where the model changed."""
    numbers = [float(value) for value in values]
    if len(numbers) < 2:
        return ""
    points = _spark_points(numbers, SPARK_LEAST_SHARE if unit == "share" else 0.0)
    first, last = (
        _percent(number) if unit == "share" else f"{number:g}" for number in (numbers[0], numbers[-1])
    )
    sentence = _("%(n)s values, from %(first)s to %(last)s") % {
        "n": len(numbers),
        "first": first,
        "last": last,
    }
    x, y = points[-1]
    # Built here and not in a template: a list draws one in each of its rows.
    return format_html(
        '<svg class="sparkline" viewBox="0 0 96 24" role="img" aria-label="{}">{}'
        '<polyline class="sparkline__line" points="{}"/>'
        '<circle class="sparkline__end" cx="{}" cy="{}" r="2.25"/></svg>',
        f"{label}: {sentence}" if label else sentence,
        format_html_join("", SPARK_TICK, ((_at(points[t][0]),) * 2 for t in ticks if 0 <= t < len(points))),
        " ".join(f"{_at(x)},{_at(y)}" for x, y in points),
        _at(x),
        _at(y),
    )


def _calibration_dot(row: object, end: float, most: int) -> dict[str, Any]:
    def y(value: float) -> str:
        return plot_place(0.0, value, end)[1]

    predicted, observed = _read(row, "predicted"), _read(row, "observed")
    low, high = _read(row, "low"), _read(row, "high")
    n = int(_read(row, "n") or 0)
    return {
        "x": plot_place(predicted, 0.0, end)[0],
        "y": y(observed),
        "low_y": None if low is None else y(low),
        "high_y": None if high is None else y(min(high, end)),
        "r": _at(3.5 + 5.5 * (n / most) ** 0.5),  # area grows with the number of accounts
        "n": n,
        "predicted": predicted,
        "observed": observed,
        "low": low,
        "high": high,
    }


def plot_place(x: float, y: float, end: float = 1.0) -> tuple[str, str]:
    """Where a pair of shares lies in a square plot whose axes both run from 0 to `end`."""
    return _at(PLOT_LEFT + PLOT_SIZE * x / end), _at(PLOT_TOP + PLOT_SIZE * (1 - y / end))


def plot_axes(end: float = 1.0) -> dict[str, Any]:
    """What `components/plot_axes.html` draws: the grid of a square plot, its shares, its diagonal."""
    ticks = [end * step / AXIS_STEPS for step in range(AXIS_STEPS + 1)]
    left, bottom = plot_place(0.0, 0.0, end)
    right, top = plot_place(end, end, end)
    return {
        "x_ticks": [(plot_place(tick, 0.0, end)[0], _percent(tick, _digits(end))) for tick in ticks],
        "y_ticks": [(plot_place(0.0, tick, end)[1], _percent(tick, _digits(end))) for tick in ticks],
        "left": left,
        "right": right,
        "top": top,
        "bottom": bottom,
        "middle": plot_place(end / 2, 0.0, end)[0],
    }


@register.simple_tag
def calibration_plot(bins: Iterable[object], label: str = "") -> SafeString:
    """Predicted against observed share by bin: `predicted, observed, low, high, n` of each."""
    rows = list(bins)
    most = max((int(_read(row, "n") or 0) for row in rows), default=0) or 1
    names = ("predicted", "observed", "high")
    end = _axis_end(max((_read(row, name) or 0.0 for row in rows for name in names), default=1.0))
    return render_to_string(
        "components/calibration_plot.html",
        {
            **plot_axes(end),
            "dots": [_calibration_dot(row, end, most) for row in rows],
            "label": label or _("Predicted against observed share"),
        },
    )


def _digits(end: float) -> int:
    return 0 if round(end * 100) % AXIS_STEPS == 0 else 1


@register.simple_tag
def bar_pair(rows: Iterable[object], heading: str = "", label: str = "") -> SafeString:
    """Predicted beside actual share by band: `label, predicted, actual, low, high, n, href`."""
    bands = list(rows)
    names = ("predicted", "actual", "high")
    end = max((_read(band, name) or 0.0 for band in bands for name in names), default=0.0)
    return render_to_string(
        "components/bar_pair.html",
        {
            "heading": heading or _("Band"),
            "label": label or _("Predicted and actual response by band"),
            "rows": [_band(band, end) for band in bands],
        },
    )


def _band(band: object, end: float) -> dict[str, Any]:
    row = {name: _read(band, name) for name in ("label", "predicted", "actual", "low", "high", "n", "href")}
    widths = {f"{name}_x": _part(row[name] or 0.0, end) for name in ("predicted", "actual", "low", "high")}
    return {**row, **widths, "has_interval": row["low"] is not None and row["high"] is not None}


@register.simple_tag
def funnel(steps: Iterable[object], label: str = "") -> SafeString:
    """Counts from the widest step down: `label, n, base, share, href, note`.

    Shares are of `base`, by default of the step before; `share` says so in words ("%(share)s of all").
    """
    rows: list[dict[str, Any]] = []
    for step in steps:
        n = int(_read(step, "n") or 0)
        base = _read(step, "base")
        before = rows[-1]["n"] if base is None and rows else base
        words = _read(step, "share") or _("%(share)s of the step before")
        first = rows[0]["n"] if rows else n
        rows.append(
            {
                "label": _read(step, "label"),
                "n": n,
                "href": _read(step, "href"),
                "note": _read(step, "note"),
                "width": _part(n, first),
                "share": words % {"share": share(n / before)} if before else "",
            }
        )
    return render_to_string("components/funnel.html", {"rows": rows, "label": label or _("Funnel")})


@register.simple_tag
def contribution_bars(
    reasons: Iterable[object], total: float | None = None, *, up: str = "bad", total_label: str = ""
) -> SafeString:
    """Signed bars around zero: `label, points, detail` of each. `up` says what a rise means."""
    rows = list(reasons)
    sizes = [abs(float(_read(row, "points") or 0.0)) for row in rows]
    widest = max(sizes, default=0.0)
    down = "good" if up == "bad" else "bad"
    return render_to_string(
        "components/contribution_bars.html",
        {
            "rows": [_contribution(row, widest, up, down) for row in rows],
            "total": total,
            "total_label": total_label or _("Sum"),
        },
    )


def _contribution(row: object, widest: float, up: str, down: str) -> dict[str, Any]:
    value = float(_read(row, "points") or 0.0)
    width = 50 * abs(value) / widest if widest else 0.0
    return {
        "label": _read(row, "label"),
        "detail": _read(row, "detail"),
        "points": value,
        "x": _at(50.0 if value >= 0 else 50 - width) + "%",
        "width": _at(width) + "%",
        "tone": up if value >= 0 else down,
    }
