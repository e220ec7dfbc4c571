"""What drives the scores of a book, by segment: summed while scoring, read from a small table."""

import numpy as np
import pytest
from django.db import IntegrityError, transaction
from django.urls import reverse

from analytics.models import ModelVersion, ReasonTotals
from analytics.pipelines.drivers import EVERYBODY, Explained, largest_segments, sum_reasons
from analytics.pipelines.editions import edition_of
from analytics.selectors.drivers import get_drivers
from analytics.services.reason_totals import clear_reason_totals, keep_reason_totals
from crm.models import Account, AttributeDefinition
from tests.factories import NOW, AccountFactory, BookFactory, UserFactory

pytestmark = pytest.mark.django_db

SMALL = ["AT", "BE", "CH", "DK", "ES", "FI", "IE", "IT", "NL", "NO"]


@pytest.fixture
def version():
    return ModelVersion.objects.create(
        book=BookFactory(), kind="churn", version="wholesale-churn-7", state="live", horizon_days=90,
        as_of=NOW, artifact=b"", sha256="",
    )  # fmt: skip


@pytest.fixture
def account_ids(version):
    """Make 40 accounts in Germany, 35 in France, 5 in each of ten others."""
    countries = ["DE"] * 40 + ["FR"] * 35 + SMALL * 5
    return np.array([AccountFactory(book=version.book, country=country).pk for country in countries])


@pytest.fixture
def explained(account_ids):
    """Score them: being quiet drives the German ones up, money the French ones down."""
    rng = np.random.default_rng(0)
    points = rng.normal(0, 0.1, size=(account_ids.size, 2))
    points[:40, 0] += 1.0
    points[40:75, 1] -= 2.0
    return Explained(-1.0, rng.uniform(size=account_ids.size), ["recency", "money"], points)


def keep(version, account_ids, explained, *, as_of=NOW, parts=1, only=None):
    segments = largest_segments(version.book)
    for part, rows in enumerate(np.array_split(np.arange(account_ids.size), parts)):
        if only is not None and part != only:
            continue
        some = Explained(explained.base, explained.probability[rows], explained.codes, explained.points[rows])
        keep_reason_totals(
            kind=version.kind, edition=edition_of(version, as_of), part=part, parts=parts,
            segments=sum_reasons(account_ids[rows], some, segments),
        )  # fmt: skip


def figures(drivers):
    """Return every number of it, rounded as far as the order of adding up matters."""
    return [
        (each.value, each.accounts, round(each.mean_score, 12), driver.code,
         round(driver.mean, 12), round(driver.size, 12))
        for each in (drivers.everybody, *drivers.segments)
        for driver in each.drivers
    ]  # fmt: skip


def test_means_are_those_of_all_contributions(version, account_ids, explained):
    keep(version, account_ids, explained)

    drivers = get_drivers(version, UserFactory(role="analyst"), "country")

    german, french = drivers.segments[0], drivers.segments[1]
    recency = next(driver for driver in drivers.everybody.drivers if driver.code == "recency")
    assert drivers.everybody.accounts == 125
    assert drivers.everybody.mean_score == pytest.approx(explained.probability.mean())
    assert recency.mean == pytest.approx(explained.points[:, 0].mean())
    assert recency.size == pytest.approx(np.abs(explained.points[:, 0]).mean())
    assert (german.value, german.accounts, german.strongest.code) == ("DE", 40, "recency")
    assert (french.value, french.accounts, french.strongest.code) == ("FR", 35, "money")
    assert french.drivers[0].mean == pytest.approx(explained.points[40:75, 1].mean())


def test_a_book_scored_in_parts_gives_the_same_as_one_scored_whole(version, account_ids, explained):
    analyst = UserFactory(role="analyst")
    keep(version, account_ids, explained)
    whole = get_drivers(version, analyst, "country")

    keep(version, account_ids, explained, parts=3)
    for part in (1, 1):  # a part that is repeated counts once
        keep(version, account_ids, explained, parts=3, only=part)

    ReasonTotals.objects.filter(parts=1).delete()
    assert figures(get_drivers(version, analyst, "country")) == figures(whole)


def test_small_segments_are_among_the_others_and_nobody_is_lost(version, account_ids, explained):
    keep(version, account_ids, explained)

    drivers = get_drivers(version, UserFactory(role="analyst"), "country")

    assert [each.value for each in drivers.segments] == ["DE", "FR", None]
    assert sum(each.accounts for each in drivers.segments) == 125


def test_until_all_parts_have_come_in_the_former_figures_stay(version, account_ids, explained):
    analyst = UserFactory(role="analyst")
    later = NOW.replace(day=3)
    keep(version, account_ids, explained)

    clear_reason_totals(edition=edition_of(version, later))
    keep(version, account_ids, explained, as_of=later, parts=3, only=0)
    assert get_drivers(version, analyst).as_of == NOW

    keep(version, account_ids, explained, as_of=later, parts=3)
    assert get_drivers(version, analyst).as_of == later

    clear_reason_totals(edition=edition_of(version, NOW.replace(day=4)))
    assert set(ReasonTotals.objects.values_list("as_of", flat=True)) == {later}


def test_an_account_deleted_while_it_was_scored_is_among_the_others(version, account_ids, explained):
    segments = largest_segments(version.book)
    Account.objects.filter(pk=account_ids[0]).delete()

    summed = sum_reasons(account_ids, explained, segments)

    assert summed[EVERYBODY][0]["accounts"] == 125
    assert sum(each["accounts"] for each in summed["country"]) == 125


@pytest.mark.parametrize("wrong", [{"split": "colour"}, {"part": 1}, {"part": 0, "again": True}])
def test_the_table_refuses_what_could_not_be_added_up(version, wrong):
    row = {"book": version.book, "kind": "churn", "model_version": "m", "as_of": NOW, "part": 0, "parts": 1}
    repeated = wrong.pop("again", False)
    if repeated:
        ReasonTotals.objects.create(**row, split="country")

    with pytest.raises(IntegrityError), transaction.atomic():
        ReasonTotals.objects.create(**{**row, "split": "country", **wrong})


def test_the_page_names_segments_reasons_and_the_day(analyst_client, version, account_ids, explained):
    AttributeDefinition.objects.create(key="size", label="Size of the shop", type="text")
    named = Explained(explained.base, explained.probability, ["recency", "attribute:size"], explained.points)
    keep(version, account_ids, named)

    page = analyst_client.get(reverse("analytics:model-drivers", args=[version.public_id])).text
    by_stage = analyst_client.get(
        reverse("analytics:model-drivers", args=[version.public_id]), {"by": "stage"}
    ).text

    for words in ("Germany", "France", "All others", "Time since the last order", "Size of the shop"):
        assert words in page
    assert "2 Mar 2026" in page
    assert "Customer" in by_stage
    assert "Germany" not in by_stage


def test_a_version_that_never_scored_says_so(analyst_client, version):
    page = analyst_client.get(reverse("analytics:model-drivers", args=[version.public_id])).text

    assert "It hasn’t scored its whole book yet" in page.replace("&#x27;", "’")


def test_the_page_of_the_version_leads_there(analyst_client, version, account_ids, explained):
    keep(version, account_ids, explained)

    page = analyst_client.get(reverse("analytics:model-detail", args=[version.public_id])).text

    assert reverse("analytics:model-drivers", args=[version.public_id]) in page
    assert "What drives its scores now" in page


def test_the_sums_are_those_of_the_staff_who_read_models(version, account_ids, explained):
    keep(version, account_ids, explained)

    assert get_drivers(version, UserFactory(role="sales")) is None
