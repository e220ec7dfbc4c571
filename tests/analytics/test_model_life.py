"""Two cycles of a model's life: predict, let the horizon pass, hold, compare by what was done, mend."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import numpy as np
import pytest
from django.test import override_settings
from django.utils import timezone

from analytics.artifacts import pack, unpack
from analytics.lake import Lake, open_lake, refresh
from analytics.ml.calibration import Line
from analytics.ml.outcome import AdditiveClassifier
from analytics.ml.recalibration import RecalibratedClassifier
from analytics.models import ModelCheck, ModelVersion, Prediction
from analytics.pipelines import monitoring, recalibrating
from analytics.pipelines.matrices import load_matrix
from analytics.pipelines.scoring import score_book
from analytics.pipelines.specs import CHURN_DAYS, SPECS
from analytics.services.model_versions import Training, judge, promote, set_policy, store_version
from campaigns.models import Campaign, Enrolment
from crm.models import Account, Activity, Book, Job, Order, Reliability, Score, ScoreFeedback, User
from crm.services.books import make_book
from tests.databases import empty_tables
from tests.demo_data import run_pipeline
from tests.settled import wait_until_readable

pytestmark = pytest.mark.django_db

ACCOUNTS = 900
DAYS = 700
SPEC = SPECS["churn"]
BENT = Line(0.4, 0.9)  # what somebody who watches nothing might put into service


@dataclass
class Story:
    """What there was after each cycle."""

    book: Book
    begins: datetime
    ends: datetime
    bent: str
    shadow: str
    acted: set[int]
    held_out: set[int]
    checks_before: int
    first: dict[str, Any]
    rows: dict[str, int] = field(default_factory=dict)
    rows_again: dict[str, int] = field(default_factory=dict)
    by_hand: dict[str, Any] = field(default_factory=dict)
    by_itself: dict[str, Any] = field(default_factory=dict)

    def checked(self, group: str, version: str = "") -> ModelCheck:
        return ModelCheck.objects.get(
            model_version=version or self.bent, topic="outcomes", group=group, as_of=self.begins
        )


def buy(book: Book, now: datetime) -> None:
    """Let each account buy at a pace of its own until it is lost, as some are at any time."""
    draw = np.random.default_rng(11)
    accounts = Account.objects.bulk_create(
        Account(book=book, kind="organisation", name=f"Shop {n}", country=("DE", "FR")[n % 2], currency="GBP")
        for n in range(ACCOUNTS)
    )
    orders: list[Order] = []
    for account in accounts:
        pace, day = draw.uniform(8, 60), draw.uniform(0, 120)
        lost_on = DAYS if draw.random() < 0.4 else draw.uniform(60, DAYS)
        while day < lost_on:
            at = now - timedelta(days=DAYS - day)
            orders.append(
                Order(
                    public_id=uuid4(), book=book, account=account, kind="sale", placed_at=at,
                    number=f"{account.pk}-{len(orders)}", known_at=at, currency="GBP",
                    amount=10, rate=1, amount_reporting=10,
                )
            )  # fmt: skip
            day += draw.exponential(pace) + 0.01
    Order.objects.bulk_create(orders, batch_size=5_000)


def sound_version(lake: Lake, book: Book, begins: datetime) -> ModelVersion:
    """Learn from one cut-off and go live; what the gate makes of it is tested elsewhere."""
    cutoff = begins - timedelta(days=CHURN_DAYS)
    ids, happened = SPEC.label(lake, book, cutoff, begins)
    matrix = load_matrix(lake, book=book, as_of=cutoff).rows_of(ids)
    version = store_version(
        training=Training(
            book=book, kind="churn", horizon_days=CHURN_DAYS, as_of=begins,
            artifact=pack(AdditiveClassifier(random_state=0).fit(matrix.values, happened)),
            feature_names=matrix.names, trained_from=cutoff, trained_to=cutoff,
            metrics={"gate": {"n": len(happened), "positives": int(happened.sum())}},
        )
    )  # fmt: skip
    judge(version=version, passed=True, reasons=[])
    return version


def bent_version(live: ModelVersion) -> ModelVersion:
    """Put the live model into service again, its log-odds bent."""
    version = store_version(
        training=Training(
            book=live.book, kind=live.kind, horizon_days=live.horizon_days, as_of=live.as_of,
            artifact=pack(RecalibratedClassifier(unpack(live), BENT)), feature_names=live.feature_names,
            trained_from=live.trained_from, trained_to=live.trained_to, metrics=live.metrics,
        )
    )  # fmt: skip
    judge(version=version, passed=True, reasons=[], in_shadow=False)
    return version


def act(book: Book, begins: datetime) -> tuple[set[int], set[int]]:
    """Have staff call the 80 riskiest, and a campaign hold out 60 others and one whom staff called."""
    ranked = list(
        Score.objects.filter(account__book=book).order_by("-value").values_list("account_id", flat=True)
    )
    acted, held_out = set(ranked[:80]), {ranked[0], *ranked[200:260]}
    Activity.objects.bulk_create(
        Activity(account_id=account, kind="call", text="Called", at=begins + timedelta(days=9))
        for account in acted
    )
    Activity.objects.create(
        account_id=ranked[300], kind="call", text="Too early", at=begins - timedelta(days=1)
    )
    Activity.objects.create(
        account_id=ranked[301], kind="call", text="Not real", at=begins + timedelta(days=1), is_simulated=True
    )
    starts = begins + timedelta(days=2)
    campaign = Campaign.objects.create(
        book=book, name="Call", code="call", channel="phone", starts_at=starts,
        ends_at=starts + timedelta(days=30), salt="s", cost_amount=1, currency="GBP",
    )  # fmt: skip
    Enrolment.objects.bulk_create(
        Enrolment(campaign=campaign, account_id=account, arm="holdout", propensity=0.5, enrolled_at=starts)
        for account in held_out
    )
    user = User.objects.create(email="ana@example.org", role="sales")
    for place, answer in ((5, "useful"), (250, "useless")):
        ScoreFeedback.objects.create(
            account_id=ranked[place], user=user, kind="churn", value=0.5, model_version="x",
            as_of=begins, answer=answer, at=begins + timedelta(days=3),
        )  # fmt: skip
    return acted, held_out


def rows() -> dict[str, int]:
    return {
        model.__name__: model.objects.count() for model in (ModelCheck, Prediction, Reliability, ModelVersion)
    }


def first_cycle(
    lake: Lake, book: Book, begins: datetime
) -> tuple[ModelVersion, ModelVersion, dict[str, Any]]:
    """Learn, bend, try the sound one in shadow, and predict."""
    sound = sound_version(lake, book, begins)
    bent = bent_version(sound)
    ModelVersion.objects.filter(pk=sound.pk).update(state="shadow")
    score_book(lake, book, begins, with_offers=False)
    return bent, sound, monitoring.look_after(lake, book, SPEC, begins)


def second_cycle(lake: Lake, story: Story) -> None:
    """Predict anew, hold what was said before, and mend: by hand, then by the model itself."""
    book, ends = story.book, story.ends
    score_book(lake, book, ends, with_offers=False)
    monitoring.look_after(lake, book, SPEC, ends)
    story.rows = rows()
    monitoring.look_after(lake, book, SPEC, ends)
    story.rows_again = rows()
    ModelVersion.objects.filter(version=story.shadow).update(state="evaluated")


def mend(story: Story) -> None:
    job = run_pipeline(
        recalibrating.run, task="analytics.recalibrate", version=story.bent, as_of=story.ends.isoformat()
    )
    story.by_hand = job.result
    ModelVersion.objects.filter(version=job.result["version"]).delete()
    set_policy(
        book=story.book, kind="churn", waits_in_shadow=False, recalibrates_itself=True,
        by=User.objects.get(email="ana@example.org"),
    )  # fmt: skip
    watched = run_pipeline(
        monitoring.run, task="analytics.monitor", book="shop", as_of=story.ends.isoformat()
    )
    story.by_itself = watched.result["churn"]
    run_pipeline(monitoring.run, task="analytics.monitor")


def tell() -> Story:
    ends = datetime.fromtimestamp(timezone.now().timestamp(), UTC) - timedelta(hours=1)
    begins = ends - timedelta(days=CHURN_DAYS)
    book = make_book(code="shop", name="Shop", currency="GBP", score_kinds=["churn"])
    buy(book, ends)
    wait_until_readable()
    refresh()
    with open_lake() as lake:
        bent, shadow, first = first_cycle(lake, book, begins)
        acted, held_out = act(book, begins)
        story = Story(
            book, begins, ends, bent.version, shadow.version, acted, held_out,
            ModelCheck.objects.filter(topic="outcomes").count(), first,
        )  # fmt: skip
        second_cycle(lake, story)
    mend(story)
    return story


@pytest.fixture(scope="module")
def story(
    django_db_setup: Any, django_db_blocker: Any, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Story]:
    folder = tmp_path_factory.mktemp("files")
    with django_db_blocker.unblock(), override_settings(FILES_ROOT=folder):
        try:
            yield tell()
        finally:
            empty_tables()


def said_then(story: Story) -> dict[int, float]:
    kept = Prediction.objects.filter(as_of=story.begins, occasion="weekly", model_version=story.bent)
    return dict(kept.values_list("account_id", "value"))


def stayed(story: Story) -> set[int]:
    placed = Order.objects.filter(placed_at__gte=story.begins, placed_at__lt=story.ends)
    return set(placed.values_list("account_id", flat=True))


def test_nothing_is_held_before_the_horizon_has_passed(story):
    assert story.first["held"] == 0
    assert story.checks_before == 0


def test_what_was_predicted_then_is_held_and_not_what_is_said_now(story):
    then, now = said_then(story), dict(Score.objects.values_list("account_id", "value"))
    figures, buyers = story.checked("everybody").figures, stayed(story)

    assert figures["n"] == len(then) > 500
    assert figures["mean_predicted"] == pytest.approx(np.mean(list(then.values())))
    assert figures["observed"] == pytest.approx(np.mean([account not in buyers for account in then]))
    assert figures["mean_predicted"] != pytest.approx(np.mean(list(now.values())), abs=1e-3)


def test_accounts_are_told_apart_by_what_was_done_meanwhile(story):
    then = said_then(story)
    groups = {group: story.checked(group).figures for group in ("untouched", "acted", "holdout")}

    assert groups["holdout"]["n"] == len(story.held_out & set(then))
    assert groups["acted"]["n"] == len((story.acted - story.held_out) & set(then))
    assert sum(figures["n"] for figures in groups.values()) == len(then)
    assert groups["holdout"]["positives"] == len((story.held_out & set(then)) - stayed(story))


def test_only_those_left_alone_and_held_out_are_published(story):
    published = Reliability.objects.filter(book=story.book)

    assert set(published.values_list("group", flat=True)) == {"untouched", "holdout"}
    for group in ("untouched", "holdout"):
        accounts = sum(published.filter(group=group).values_list("accounts", flat=True))
        assert accounts == story.checked(group).figures["n"]


def test_a_version_in_shadow_is_held_beside_the_live_one_and_publishes_nothing(story):
    beside, live = story.checked("everybody", story.shadow), story.checked("everybody")

    assert beside.figures["n"] == live.figures["n"]
    assert beside.figures["log_loss"] < live.figures["log_loss"]
    assert not Score.objects.filter(model_version=story.shadow).exists()
    assert set(Prediction.objects.filter(model_version=story.shadow).values_list("occasion", flat=True)) == {
        "shadow"
    }


def test_error_is_told_by_country_and_outcomes_stand_beside_opinions(story):
    figures = story.checked("everybody").figures

    [split] = figures["parts"]
    assert split["attribute"] == "country"
    assert {part["value"] for part in split["parts"]} == {"DE", "FR"}
    assert sum(part["n"] for part in split["parts"]) == len(set(said_then(story)) - story.acted)
    assert {answer: counts["n"] for answer, counts in figures["opinions"].items()} == {
        "useful": 1,
        "useless": 1,
    }


def test_inputs_are_compared_with_training_and_coverage_is_counted(story):
    inputs = ModelCheck.objects.get(model_version=story.bent, topic="inputs", as_of=story.ends)
    coverage = ModelCheck.objects.get(model_version=story.bent, topic="coverage", as_of=story.ends)
    live = ModelVersion.objects.get(version=story.bent)

    assert inputs.figures["columns"] == len(live.feature_names) + 1
    # Everybody has been a customer for ninety days longer, which is nothing that moved.
    assert "tenure_days" in live.feature_names
    assert "tenure_days" not in {finding["name"] for finding in inputs.findings}
    assert coverage.figures["fresh"] == coverage.figures["active"] > 400
    assert coverage.figures["scored"] == Score.objects.count()
    assert coverage.figures["days"] <= 1
    assert coverage.findings == []


def test_watching_twice_leaves_the_same_rows(story):
    assert story.rows_again == story.rows


def test_a_bent_model_is_found_out_and_the_line_that_mends_it_is_proposed(story):
    proposal = ModelCheck.objects.get(model_version=story.bent, topic="recalibration", as_of=story.begins)

    codes = {finding["code"] for finding in story.checked("untouched").findings}
    assert {"slope_left_range", "calibration_error"} & codes
    assert proposal.figures["slope"] == pytest.approx(1 / BENT.slope, rel=0.4)
    assert proposal.figures["ece_after"] < proposal.figures["ece_before"]


def test_by_hand_it_waits_in_shadow_and_by_itself_it_goes_live(story):
    assert story.by_hand["state"] == "shadow", story.by_hand
    assert story.by_itself["state"] == "live", story.by_itself
    live = ModelVersion.objects.get(book=story.book, kind="churn", state="live")
    assert live.metrics["recalibrated"]["from"] == story.bent
    assert live.version == story.by_itself["mended"]


def test_the_schedule_hands_each_book_to_a_job_of_its_own(story):
    waiting = Job.objects.filter(task="analytics.monitor", state="queued")

    assert [(job.scope, job.params) for job in waiting] == [("book:shop", {"book": "shop"})]


def test_what_is_not_live_is_not_mended(story):
    version = ModelVersion.objects.get(version=story.shadow)

    with open_lake() as lake, pytest.raises(recalibrating.NothingToMendError):
        recalibrating.mend(lake, version, story.ends, in_shadow=True)


def test_the_mended_version_can_be_taken_back(story):
    former = ModelVersion.objects.get(version=story.bent)
    mended = ModelVersion.objects.get(book=story.book, kind="churn", state="live")

    promote(version=former, by=None)

    mended.refresh_from_db()
    assert mended.state == "retired"
    promote(version=mended, by=None)
