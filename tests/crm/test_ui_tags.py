"""What the building blocks of pages promise: words, numbers and what a screen reader hears."""

import re
from datetime import UTC, date, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from django import forms
from django.template import Context, Template
from django.test import RequestFactory
from django.urls import include, path
from django.utils import translation
from django.views import View

from crm.templatetags import charts, formats, moments, ui

NOW = datetime(2026, 3, 11, 12, 0, tzinfo=UTC)
LOAD = "{% load ui formats charts shell %}"


def rendered(source: str, **context: Any) -> str:
    return Template(LOAD + source).render(Context(context))


def request_for(path: str, *, role: str = "sales", namespace: str = "crm") -> Any:
    request: Any = RequestFactory().get(path)
    request.user = SimpleNamespace(role=role)
    request.resolver_match = SimpleNamespace(namespace=namespace)
    return request


@pytest.mark.parametrize(
    ("amount", "english", "chinese"),
    [
        (834, "€834", "€834"),
        (9_999, "€9,999", "€9,999"),
        (48_210.5, "€48.2\u202fk", "€4.82万"),
        (999_999, "€1.00\u202fM", "€100万"),
        (1_240_312.55, "€1.24\u202fM", "€124万"),
        (-1_240_312.55, "−€1.24\u202fM", "−€124万"),
        (2_500_000_000, "€2.50\u202fbn", "€25.0亿"),
        (0, "€0", "€0"),
    ],
)
def test_money_is_short_in_cards_in_each_language(amount: float, english: str, chinese: str):
    with translation.override("en"):
        assert f">{english}<" in formats.money(amount)
    with translation.override("zh-hans"):
        assert f">{chinese}<" in formats.money(amount)


def test_short_money_keeps_the_exact_amount_in_its_title():
    assert 'title="£1,240,312.55"' in formats.money("1240312.55", "GBP")


def test_a_currency_without_a_sign_shows_its_code():
    assert formats.money_exact(12, "SEK") == "SEK\u202f12.00"


@pytest.mark.parametrize("missing", [None, "", "n/a", float("nan"), float("inf")])
def test_what_is_missing_or_no_number_reads_as_a_dash(missing: Any):
    for shown in (formats.money(missing), formats.share(missing), formats.number(missing)):
        assert shown == "–"


def test_numbers_follow_the_separators_of_the_language():
    with translation.override("de"):
        assert formats.money_exact(-1_240_312.5) == "−€1.240.312,50"
    with translation.override("zh-hans"):
        assert formats.number(1_240_312) == "1,240,312"


def test_a_number_that_rounds_to_zero_has_no_sign():
    assert formats.number(-0.2) == "0"
    assert formats.points(-0.001) == "0.00"


def test_shares_points_and_durations():
    assert formats.share(0.2344) == "23.4\u202f%"
    assert formats.share(0.2344, 0) == "23\u202f%"
    assert formats.points(0.617) == "+0.62"
    assert formats.points(-0.35) == "−0.35"
    assert formats.points(0.0001) == "0.00"
    assert formats.duration(192) == "3 min 12 s"


@pytest.mark.parametrize(
    ("before", "words"),
    [
        (timedelta(seconds=20), "just now"),
        (timedelta(minutes=5), "5 min ago"),
        (timedelta(hours=3), "3 h ago"),
        (timedelta(hours=13), "yesterday"),
        (timedelta(days=7), "7 days ago"),
        (timedelta(days=8), "3 Mar 2026"),
        (timedelta(minutes=-30), "in 30 min"),
        (timedelta(days=-1), "tomorrow"),
        (timedelta(days=-3), "in 3 days"),
    ],
)
def test_moments_are_relative_up_to_seven_days(before: timedelta, words: str):
    assert moments.relative(NOW - before, NOW, moments.wording()) == words


def test_a_date_knows_no_hours():
    assert moments.relative(date(2026, 3, 11), NOW, moments.wording()) == "today"
    assert moments.relative(date(2026, 3, 4), NOW, moments.wording()) == "7 days ago"


def test_days_are_written_as_the_language_does():
    with translation.override("zh-hans"):
        assert moments.wording().day(date(2010, 5, 4)) == "2010年5月4日"
    with translation.override("en"):
        assert moments.wording().day(date(2010, 5, 4)) == "4 May 2010"


def test_a_moment_carries_its_exact_time():
    shown = formats.when(datetime(2010, 5, 4, 9, 30, tzinfo=UTC))

    assert '<time datetime="2010-05-04' in shown
    assert "4 May 2010" in shown


def test_a_delta_says_by_tone_whether_it_is_welcome():
    assert "delta--bad" in ui.delta(0.032, "lower")
    assert "delta--good" in ui.delta(0.032, "higher")
    assert "delta--neutral" in ui.delta(0.032)
    assert "+3.2\u202fpp" in ui.delta(0.032, "points lower")


def test_text_of_users_is_escaped_in_every_block():
    evil = "<script>alert(1)</script>"
    source = (
        "{% card evil %}{{ evil }}{% endcard %}{% badge evil %}{% stat evil evil evil title=evil %}"
        "{% page_header evil evil parent=evil parent_url='/' %}{{ evil }}{% endpage_header %}"
        "{% alert 'bad' evil %}{{ evil }}{% endalert %}{% icon 'house' evil %}"
        "{% empty_state 'nothing' evil %}{{ evil }}{% endempty_state %}"
        "{% menu evil %}{{ evil }}{% endmenu %}{% funnel steps evil %}{% sparkline values '' evil %}"
    )

    html = rendered(source, evil=evil, steps=[{"label": evil, "n": 1}], values=[0.1, 0.2])

    assert "<script>" not in html
    assert "&lt;script&gt;" in html


def test_an_icon_is_silent_unless_it_has_a_label():
    assert 'aria-hidden="true"' in ui.icon("house")
    assert "sr-only" not in ui.icon("house")
    assert '<span class="sr-only">Home</span>' in ui.icon("house", "Home")


class AmountForm(forms.Form):
    amount = forms.DecimalField(help_text="In pounds.")
    note = forms.CharField(required=False)


def test_a_field_ties_label_help_and_error_to_its_control():
    form = AmountForm({"amount": "abc"})

    html = ui.field(form["amount"])

    described = re.search(r'aria-describedby="([^"]+)"', html)
    assert described is not None
    for target in described.group(1).split():
        assert f'id="{target}"' in html
    assert 'for="id_amount"' in html
    assert 'aria-invalid="true"' in html
    assert "Enter a number." in html


def test_a_field_that_may_stay_empty_says_so():
    assert "optional" in ui.field(AmountForm()["note"])
    assert "optional" not in ui.field(AmountForm()["amount"])


def test_pagination_keeps_the_query_and_swaps_the_cursor():
    page = SimpleNamespace(next_cursor="n2", previous_cursor="p0")

    html = rendered("{% pagination page %}", page=page, request=request_for("/accounts/?q=ash&after=n1"))

    assert 'href="?q=ash&amp;after=n2"' in html
    assert 'href="?q=ash&amp;before=p0"' in html


def test_a_single_page_has_no_pagination():
    page = SimpleNamespace(next_cursor=None, previous_cursor=None)

    assert "<nav" not in rendered("{% pagination page %}", page=page, request=request_for("/"))


def test_a_sorted_column_says_its_direction_and_turns_on_the_next_click():
    source = "{% sort_header 'Churn risk' 'churn' %}"

    sorted_down = rendered(source, request=request_for("/accounts/?sort=-churn&after=x"))
    unsorted = rendered(source, request=request_for("/accounts/"))

    assert 'aria-sort="descending"' in sorted_down
    assert 'href="?sort=churn"' in sorted_down
    assert "aria-sort" not in unsorted
    assert 'href="?sort=-churn"' in unsorted


urlpatterns = [path("accounts/", include(([path("", View.as_view(), name="account-list")], "crm")))]


@pytest.mark.urls(__name__)
def test_navigation_shows_entries_by_role_and_marks_the_current_one():
    source = "{% nav_link 'crm:account-list' 'Accounts' 'building-2' roles='sales' %}"

    assert 'aria-current="page"' in rendered(source, request=request_for("/accounts/"))
    assert rendered(source, request=request_for("/accounts/", role="analyst")) == ""
    signing_in = request_for("/accounts/2fa/", namespace="")
    assert "aria-current" not in rendered(source, request=signing_in)


@pytest.mark.urls(__name__)
def test_an_app_that_is_not_installed_has_no_entry():
    assert rendered("{% nav_link 'absent:list' 'X' 'house' %}", request=request_for("/")) == ""


def test_a_sparkline_tells_its_values_and_marks_model_changes():
    html = charts.sparkline([0.18, 0.2, 0.252], [1, 9], "Churn risk")

    assert 'aria-label="Churn risk: 3 values, from 18.0\u202f% to 25.2\u202f%"' in html
    assert html.count("sparkline__tick") == 1


def test_a_small_change_does_not_look_like_a_cliff():
    def height(values: list[float]) -> float:
        places = charts._spark_points(values, charts.SPARK_LEAST_SHARE)
        return abs(places[0][1] - places[-1][1])

    assert height([0.200, 0.201]) < 1
    assert height([0.1, 0.6]) == pytest.approx(18)


def test_a_calibration_plot_puts_a_perfect_bin_on_the_diagonal():
    bins = [{"predicted": 0.5, "observed": 0.5, "low": 0.4, "high": 0.6, "n": 10}]

    html = charts.calibration_plot(bins)

    # The axis ends at 60 %, so one half lies at five sixths of 300 in both directions.
    assert 'cx="294" cy="72"' in html
    assert "50.0\u202f%" in html.split("<table")[1]


def test_bars_share_one_scale_that_holds_the_widest_interval():
    rows = [
        {"label": "0–10 %", "predicted": 0.1, "actual": 0.05, "low": 0.0, "high": 0.2, "n": 9},
        {"label": "10–20 %", "predicted": 0.2, "actual": 0.1, "n": 9},
    ]

    html = charts.bar_pair(rows)

    assert 'width="50%"' in html
    assert 'width="100%"' in html
    assert html.count("chart__whisker") == 4  # one in the legend, three for the only interval


def test_a_funnel_step_is_a_share_of_the_step_before_unless_it_names_its_base():
    steps = [
        {"label": "Enrolled", "n": 200},
        {"label": "Held out", "n": 20},
        {"label": "Sent", "n": 180, "base": 200, "share": "%(share)s of enrolled"},
    ]

    html = charts.funnel(steps)

    assert "10.0\u202f% of the step before" in html
    assert "90.0\u202f% of enrolled" in html
    assert "900.0" not in html
    assert html.count("%") == html.count("\u202f% of") + html.count('%"')  # the first is a share of nothing


def test_a_share_of_nobody_is_not_drawn_as_a_share_of_the_step_before():
    steps = [{"label": "Enrolled", "n": 200}, {"label": "Responded", "n": 0, "base": 0}]

    assert "\u202f%" not in charts.funnel(steps)


def test_contributions_point_away_from_zero_and_keep_their_sign():
    reasons = [{"label": "Quiet", "points": 0.8}, {"label": "Loyal", "points": -0.4}]

    html = charts.contribution_bars(reasons, 0.4)

    assert 'chart__bad" x="50%"' in html
    assert 'chart__good" x="25%"' in html
    assert "+0.80" in html
    assert "−0.40" in html
    assert "+0.40" in html


@pytest.mark.parametrize("language", ["en", "zh-hans"])
def test_coordinates_are_never_localised(language: str):
    with translation.override(language):
        html = charts.bar_pair([{"label": "a", "predicted": 1 / 3, "actual": 1, "n": 12_345}])

    assert 'width="33.33%"' in html


def test_charts_of_nothing_do_not_fail():
    assert charts.sparkline([0.2]) == ""
    assert "<figure" in charts.calibration_plot([])
    assert "<figure" in charts.bar_pair([])
    assert "<table" in charts.funnel([])
    assert "<ul" in charts.contribution_bars([])


def test_progress_without_a_total_claims_no_share():
    assert "%" not in ui.progress(120, None)
    assert "24\u202f%" in ui.progress(1_200, 5_000)
    assert 'value="1200" max="5000"' in ui.progress(1_200, 5_000)
