"""Lists, sentences and shares are put together as each language does it."""

import re
from datetime import UTC, datetime, timedelta

import pytest
from django.template.loader import render_to_string
from django.utils import translation

from crm.selectors.attention import Attention
from crm.selectors.import_kinds import KINDS
from crm.selectors.phrases import in_a_row, sentences
from crm.selectors.words import record_words
from crm.templatetags.quality import rows_share
from tests.factories import ReliabilityFactory

LEAVING = Attention(
    "may_leave", share=0.65, amount=1200, currency="EUR",
    reason={"code": "frequency", "values": {"orders": 1, "days": 365}},
)  # fmt: skip


def shown(template, **context):
    return re.sub(r"[ \n]+", " ", render_to_string(template, context))  # and leave other spaces as they are


@pytest.mark.parametrize(
    ("items", "english", "chinese"),
    [
        ([], "", ""),
        (["bills"], "bills", "bills"),
        (["bills", "orders"], "bills and orders", "bills和orders"),
        (["bills", "orders", "visits"], "bills, orders and visits", "bills、orders和visits"),
    ],
)
def test_a_list_is_joined_in_the_readers_language(items, english, chinese):
    assert in_a_row(items) == english
    with translation.override("zh-hans"):
        assert in_a_row(items) == chinese


def test_sentences_leave_out_what_is_not_known():
    assert sentences(("One.", "", "Two.")) == "One. Two."
    assert sentences(("", "")) == ""


def test_what_needs_you_is_joined_in_the_readers_language():
    english = shown("crm/_needs_you.html", attention=LEAVING)
    with translation.override("zh-hans"):
        chinese = shown("crm/_needs_you.html", attention=LEAVING)

    assert (
        "Likely to leave (65\u202f%). 1 order in 365 days. At stake: €1,200.00 of expected orders." in english
    )
    assert "（65%）。365 天内 1 个订单。" in chinese


def test_what_is_at_stake_is_left_out_when_it_is_not_known():
    attention = Attention("may_not_pay", share=0.5)

    assert "Expected loss" not in shown("crm/_needs_you.html", attention=attention)


@pytest.mark.parametrize(
    ("share", "words"),
    [(0, "0.0 %"), (16 / 34_314, "<0.1 %"), (0.0006, "0.1 %"), (0.5, "50.0 %"), (None, "–")],
)
def test_a_few_rows_of_many_are_not_none(share, words):
    assert rows_share(share).replace("\u202f", " ") == words


def test_one_word_of_english_has_the_meaning_of_its_place_in_chinese():
    with translation.override("zh-hans"):
        [code] = [field.label for field in KINDS["products"].fields if field.name == "code"]

        assert str(code) == "编号"
        assert (record_words("user"), record_words("organisation")) == ("用户", "组织")


@pytest.mark.parametrize(
    ("days", "words"), [(0, "scored 21 Aug 2026)"), (1, "scored 21 Aug 2026 to 22 Aug 2026)")]
)
def test_scores_of_one_day_are_said_to_be_of_that_day(days, words, db):
    first = datetime(2026, 8, 21, 3, tzinfo=UTC)
    held = ReliabilityFactory(predicted_from=first, predicted_to=first + timedelta(days=days, hours=1))

    page = shown("crm/_reliability.html", held=held)

    assert words in "".join(part.split(">", 1)[-1] for part in page.split("<"))
    assert "104 left: <strong>25.2\u202f%</strong>" in page
    assert (
        "(90\u202f% interval 21.2\u202f% to 29.6\u202f%; counted: accounts that nobody acted on, scored <time"
        in page
    )
