from __future__ import annotations

import json
from datetime import timedelta

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db.models.functions import Now

from analytics.models import Evaluation
from analytics.services.evaluations import (
    EvaluationStateError,
    forget_old_evaluations,
    path_of,
    start_evaluation,
)
from analytics.tasks import evaluate
from crm.models import Job
from tests.analytics.test_evaluate_outcome import awkward_table
from tests.evaluation_stages import made_with_files

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _own_files(settings, tmp_path):
    settings.FILES_ROOT = tmp_path
    settings.JOB_HEARTBEAT_SECONDS = 600  # its connection sees nothing of the test's transaction


def hand_in(client, content: str, kind: str = "outcome") -> Evaluation:
    file = SimpleUploadedFile("customers.csv", content.encode(), content_type="text/csv")
    response = client.post("/insights/evaluate/new/", {"kind": kind, "file": file})
    assert response.status_code == 302, response.text
    return Evaluation.objects.get(public_id=response.url.rstrip("/").rpartition("/")[2])


def work(evaluation: Evaluation) -> Job:
    """Do what a worker does with the job that was made."""
    evaluation.refresh_from_db()
    assert evaluation.job_id is not None
    evaluate(job_id=evaluation.job_id)
    evaluation.refresh_from_db()
    return Job.objects.get(pk=evaluation.job_id)


def test_from_upload_to_report_without_a_script(analyst_client):
    evaluation = hand_in(analyst_client, awkward_table(150).to_csv(index=False))
    assert "At work" in analyst_client.get(evaluation.get_absolute_url()).text
    job = work(evaluation)
    assert (job.state, evaluation.state) == ("done", "read")
    assert "customer_id" in analyst_client.get(evaluation.get_absolute_url()).text

    said = {"target": "left", "positive": "Yes", "exclude": ["customer_id"], "time": "", "cost_fp": ""}
    analyst_client.post(f"{evaluation.get_absolute_url()}run/", said)
    job = work(evaluation)
    page = analyst_client.get(evaluation.get_absolute_url()).text

    assert (job.state, evaluation.state) == ("done", "done")
    assert job.done > 0
    assert "Small neural network" in page
    assert page.count('<svg class="chart"') == 2
    downloads = {
        what: b"".join(analyst_client.get(f"{evaluation.get_absolute_url()}{what}/"))
        for what in ("json", "predictions", "pdf")
    }
    assert json.loads(downloads["json"])["auc"] == evaluation.result["auc"]
    assert downloads["predictions"].startswith(b"row,fold,probability,outcome,predicted")
    assert downloads["pdf"].startswith(b"%PDF")


def test_what_cannot_be_evaluated_is_said_on_the_page_and_can_be_mended(analyst_client):
    evaluation = hand_in(analyst_client, "months,left\n1,no\n2,yes\n")
    work(evaluation)

    analyst_client.post(f"{evaluation.get_absolute_url()}run/", {"target": "left", "positive": "maybe"})
    job = work(evaluation)
    page = analyst_client.get(evaluation.get_absolute_url()).text

    assert (job.state, evaluation.state) == ("done", "failed")
    assert "No row of &#x27;left&#x27; is maybe" in page
    assert 'name="positive"' in page


def test_a_file_that_is_no_table_is_refused_with_the_reason(analyst_client):
    evaluation = hand_in(analyst_client, "a,a\n1,2\n")

    work(evaluation)

    assert "more than once: a" in analyst_client.get(evaluation.get_absolute_url()).text


def test_a_file_over_the_cap_is_refused(analyst_client, settings):
    settings.IMPORT_MAX_BYTES = 10

    file = SimpleUploadedFile("customers.csv", b"x" * 100_000, content_type="text/csv")
    response = analyst_client.post("/insights/evaluate/new/", {"kind": "outcome", "file": file})

    assert response.status_code == 413
    assert not Evaluation.objects.exists()


def test_a_column_that_the_file_lacks_is_not_taken(analyst_client):
    evaluation = hand_in(analyst_client, "months,left\n1,no\n2,yes\n")
    work(evaluation)

    response = analyst_client.post(f"{evaluation.get_absolute_url()}run/", {"target": "x", "positive": "yes"})

    assert response.status_code == 422


def test_a_job_that_was_cancelled_leaves_a_page_from_which_it_starts_again(analyst_client):
    evaluation = hand_in(analyst_client, "months,left\n1,no\n2,yes\n")
    work(evaluation)
    options = {"target": "left", "positive": "yes"}
    job = start_evaluation(evaluation=evaluation, options=options, by=analyst_client.user)
    with pytest.raises(EvaluationStateError):
        start_evaluation(evaluation=evaluation, options=options, by=analyst_client.user)
    analyst_client.post(f"{job.get_absolute_url()}cancel/")

    page = analyst_client.get(evaluation.get_absolute_url()).text

    assert "It broke off" in page
    assert start_evaluation(evaluation=evaluation, options=options, by=analyst_client.user).pk != job.pk


def test_files_are_gone_after_a_month_and_the_figures_stay(analyst_client):
    old, new = made_with_files(analyst_client.user), made_with_files(analyst_client.user)
    Evaluation.objects.filter(pk=old.pk).update(created_at=Now() - timedelta(days=31))

    assert forget_old_evaluations() == 1
    assert forget_old_evaluations() == 0

    assert not path_of(old).parent.exists()
    assert path_of(new).parent.exists()
    assert analyst_client.get(f"{old.get_absolute_url()}json/").status_code == 404
    assert "Small neural network" in analyst_client.get(old.get_absolute_url()).text
