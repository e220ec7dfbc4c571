from datetime import UTC, datetime

import numpy as np
import pytest
from django.db import ProgrammingError, transaction

from analytics.artifacts import ArtifactMismatchError, pack, unpack
from analytics.ml.outcome import AdditiveClassifier
from analytics.models import ModelVersion, Prediction
from analytics.pipelines.matrices import Matrix
from analytics.services.model_versions import (
    ModelStateError,
    Training,
    admit,
    enter_shadow,
    judge,
    model_number,
    policy_of,
    promote,
    roll_back,
    set_policy,
    store_version,
)
from analytics.services.predictions import keep_shadow
from crm.models import Job
from crm.services.job_runs import JobLostError, RunningJob
from crm.services.publish import Edition
from tests.factories import AccountFactory, BookFactory, JobFactory, UserFactory

pytestmark = pytest.mark.django_db
NAMES = ["recency_days", "orders_365"]


@pytest.fixture(scope="module")
def model():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(400, 2))
    return AdditiveClassifier().fit(X, (X[:, 0] + rng.normal(size=400) > 0).astype(int))


@pytest.fixture
def trained(model):
    book = BookFactory()

    def train(*, kind="churn"):
        return store_version(
            training=Training(book, kind, 90, datetime(2026, 1, 1, tzinfo=UTC), pack(model), NAMES)
        )

    return train


def test_what_an_attempt_that_lost_its_job_has_trained_is_not_stored(model):
    job = JobFactory(state=Job.State.RUNNING, attempt=1)
    lost = RunningJob(job)
    Job.objects.filter(pk=job.pk).update(attempt=2)
    training = Training(BookFactory(), "churn", 90, datetime(2026, 1, 1, tzinfo=UTC), pack(model), NAMES)

    with pytest.raises(JobLostError):
        admit(training=training, passed=True, reasons=[], job=lost)

    assert not ModelVersion.objects.exists()
    assert admit(training=training, passed=True, reasons=[]).state == "live"


def test_a_model_of_features_that_are_no_more_is_refused():
    matrix = Matrix(np.array([7]), ["recency_days"], np.array([[3.0]]))

    with pytest.raises(ArtifactMismatchError, match="recency_weeks"):
        matrix.columns(["recency_days", "recency_weeks"])

    found = matrix.columns(["attr_region=north", "recency_days"])
    assert np.isnan(found[0, 0])
    assert found[0, 1] == 3


def live(book):
    return ModelVersion.objects.get(book=book, kind="churn", state="live")


def test_a_stored_model_predicts_what_it_predicted(model, trained):
    X = np.random.default_rng(1).normal(size=(20, 2))

    loaded = unpack(trained(), feature_names=NAMES)

    assert np.array_equal(loaded.predict_proba(X), model.predict_proba(X))


def test_changed_bytes_are_refused(trained):
    version = trained()
    version.artifact = bytes(version.artifact)[:-1] + b"x"

    with pytest.raises(ArtifactMismatchError, match="bytes"):
        unpack(version)


def test_another_library_version_is_refused(trained):
    version = trained()
    version.library_versions["scikit-learn"] = "0.24.1"

    with pytest.raises(ArtifactMismatchError, match=r"scikit-learn 0\.24\.1"):
        unpack(version)


def test_other_features_are_refused_by_name(trained):
    with pytest.raises(ArtifactMismatchError, match="shoe_size"):
        unpack(trained(), feature_names=[*NAMES, "shoe_size"])


def test_versions_are_numbered_by_book_and_kind(trained):
    assert model_number(trained().version) == 1
    assert model_number(trained().version) == 2
    assert model_number(trained(kind="purchase").version) == 1


def test_what_passes_the_gate_goes_live_and_the_former_retires(trained):
    first, second = trained(), trained()
    judge(version=first, passed=True, reasons=[])

    judge(version=second, passed=True, reasons=[])

    first.refresh_from_db()
    assert live(first.book) == second
    assert first.state == "retired"


def test_what_fails_the_gate_is_rejected_with_its_reasons_and_changes_nothing(trained):
    first, second = trained(), trained()
    judge(version=first, passed=True, reasons=[])

    judge(version=second, passed=False, reasons=[{"code": "not_better"}])

    second.refresh_from_db()
    assert (second.state, second.verdict["reasons"]) == ("rejected", [{"code": "not_better"}])
    assert live(first.book) == first


def test_a_rejected_version_is_never_promoted(trained):
    version = trained()
    judge(version=version, passed=False, reasons=[])

    with pytest.raises(ModelStateError):
        promote(version=version, by=None)


def test_rolling_back_puts_the_former_version_into_service(trained):
    user = UserFactory(role="analyst")
    first, second = trained(), trained()
    judge(version=first, passed=True, reasons=[])
    judge(version=second, passed=True, reasons=[])

    former = roll_back(version=second, by=user)

    assert former == live(first.book) == first
    assert live(first.book).state_changed_by == user


def test_rolling_back_twice_is_no_way_forward(trained):
    first, second = trained(), trained()
    judge(version=first, passed=True, reasons=[])
    judge(version=second, passed=True, reasons=[])
    roll_back(version=second, by=None)

    with pytest.raises(ModelStateError, match="already"):
        roll_back(version=second, by=None)

    assert live(first.book) == first


def test_there_is_nothing_to_roll_back_to_at_first(trained):
    version = trained()
    judge(version=version, passed=True, reasons=[])

    with pytest.raises(ModelStateError):
        roll_back(version=version, by=None)


def test_where_people_decide_what_passes_the_gate_waits_in_shadow(trained):
    first, second = trained(), trained()
    judge(version=first, passed=True, reasons=[])
    user = UserFactory(role="analyst")
    set_policy(book=first.book, kind="churn", waits_in_shadow=True, recalibrates_itself=False, by=user)

    judge(version=second, passed=True, reasons=[])

    second.refresh_from_db()
    assert (second.state, live(first.book)) == ("shadow", first)
    promote(version=second, by=user)
    assert live(first.book) == second


def test_one_version_at_a_time_runs_in_shadow(trained):
    first, second = trained(), trained()
    judge(version=first, passed=True, reasons=[], in_shadow=True)

    judge(version=second, passed=True, reasons=[], in_shadow=True)

    first.refresh_from_db()
    assert first.state == "evaluated"
    enter_shadow(version=first, by=None)
    second.refresh_from_db()
    assert second.state == "evaluated"


@pytest.mark.parametrize("state", ["trained", "live", "retired", "rejected", "shadow"])
def test_only_what_was_evaluated_enters_the_shadow(trained, state):
    version = trained()
    ModelVersion.objects.filter(pk=version.pk).update(state=state)

    with pytest.raises(ModelStateError):
        enter_shadow(version=version, by=None)


def test_a_model_goes_live_and_proposes_repairs_until_somebody_says_otherwise():
    policy = policy_of(BookFactory(), "churn")

    assert (policy.waits_in_shadow, policy.recalibrates_itself, policy.pk) == (False, False, None)


def test_predictions_in_shadow_are_kept_once_and_only_for_accounts_of_the_book():
    account, stranger = AccountFactory(), AccountFactory(book=BookFactory(code="other"))
    edition = Edition(account.book, datetime(2026, 1, 1, tzinfo=UTC), 90, "churn-2")
    values = [(account.pk, 0.25), (stranger.pk, 0.5), (0, 0.5)]

    kept = [keep_shadow(kind="churn", edition=edition, values=values) for _ in range(2)]

    assert kept == [1, 0]
    prediction = Prediction.objects.get()
    assert (prediction.account_id, prediction.value, prediction.occasion) == (account.pk, 0.25, "shadow")


def test_a_kept_prediction_is_never_changed():
    prediction = Prediction.objects.create(
        account_id=1,
        book=BookFactory(),
        kind="churn",
        as_of=datetime(2026, 1, 1, tzinfo=UTC),
        horizon_days=90,
        value=0.4,
        model_version="churn-1",
    )

    with pytest.raises(ProgrammingError, match="Cannot update"), transaction.atomic():
        Prediction.objects.filter(pk=prediction.pk).update(value=0.9)
