"""The jobs pages: whose jobs one sees, what one may do to them, and how they keep up to date."""

import re
from datetime import UTC, datetime, time
from html import unescape

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from crm.models import Job, Schedule, WorkerHeartbeat
from tests.factories import BookFactory, JobFactory, UserFactory

HTMX = {"HX-Request": "true"}


def running(**columns):
    job = JobFactory(task="analytics.nightly", state=Job.State.RUNNING, attempt=1, **columns)
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE crm_job SET started_at = now() - interval '40 s', heartbeat_at = now(), "
            "phase_started_at = now() - interval '20 s' WHERE id = %s",
            [job.pk],
        )
    return job


def test_staff_see_their_own_jobs_and_analysts_all(sales_client, analyst_client):
    JobFactory(task="crm.import_book", owner=sales_client.user)
    JobFactory(task="analytics.nightly")

    own, every = (client.get(reverse("crm:job-list")).text for client in (sales_client, analyst_client))

    assert "Import a book" in own
    assert "Nightly scoring</a>" not in own
    assert "Import a book" in every
    assert "Nightly scoring</a>" in every


@pytest.mark.parametrize(
    ("scope", "words"),
    [
        ("book:wholesale", "The shop book"),
        ("book:gone", "gone book"),
        ("book:wholesale:churn", "The shop book · Churn risk"),
        ("book:wholesale:expected_loss", "The shop book · Expected loss"),
        ("book:wholesale:5000", "The shop book · from account 5,000 on"),
        ("books:wholesale,bank", "The shop, bank"),
        ("import:17", "An imported file"),
        ("something:new", "something:new"),
    ],
)
def test_the_scope_of_a_job_is_told_in_words(analyst_client, scope, words):
    BookFactory(code="wholesale", name="The shop")
    job = JobFactory(scope=scope, owner=analyst_client.user)

    pages = [analyst_client.get(path).text for path in ("/jobs/", job.get_absolute_url(), "/")]

    for page in pages:
        assert words in unescape(page)


@pytest.mark.parametrize("route", ["job-detail", "job-cancel", "job-retry"])
def test_another_persons_job_does_not_exist(sales_client, route):
    job = JobFactory(owner=UserFactory())
    url = reverse(f"crm:{route}", args=[job.public_id])

    answer = sales_client.get(url) if route == "job-detail" else sales_client.post(url)

    assert answer.status_code == 404
    assert Job.objects.get(pk=job.pk).state == Job.State.QUEUED


def test_a_running_job_shows_phase_progress_rate_and_time_left(analyst_client):
    job = running(phase="features", done=1000, total=2000, error_count=3)

    page = analyst_client.get(reverse("crm:job-detail", args=[job.public_id])).text

    assert "Computing features" in page
    assert 'value="1000" max="2000"' in page
    assert re.search(r"(4\d|50) a second", page)
    assert re.search(r"about 2\d", page)
    assert "3 errors so far" in page
    assert 'hx-trigger="every 2s"' in page


def test_a_job_that_has_ended_is_not_asked_for_again(analyst_client):
    job = JobFactory(state=Job.State.DONE, result={"rows": 12})

    page = analyst_client.get(reverse("crm:job-detail", args=[job.public_id])).text

    assert "every 2s" not in page
    assert "Rows" in page


def test_the_page_keeps_itself_up_to_date_by_its_fragment(analyst_client):
    job = running()

    part = analyst_client.get(reverse("crm:job-detail", args=[job.public_id]), headers=HTMX)

    assert part.text.strip().startswith('<div id="job"')
    assert "HX-Request" in part["Vary"]


def test_cancelling_names_who_did(analyst_client):
    job = running()

    page = analyst_client.post(reverse("crm:job-cancel", args=[job.public_id]), follow=True).text

    job.refresh_from_db()
    assert (job.state, job.cancelled_by) == (Job.State.CANCELLED, analyst_client.user)
    assert f"by {analyst_client.user}" in page
    assert "Try again" in page


def test_cancelling_too_late_says_so(analyst_client):
    job = JobFactory(state=Job.State.DONE)

    page = analyst_client.post(reverse("crm:job-cancel", args=[job.public_id]), follow=True).text

    assert "already ended" in page
    assert Job.objects.get(pk=job.pk).state == Job.State.DONE


def test_trying_again_leads_to_the_new_job(analyst_client):
    job = JobFactory(
        state=Job.State.FAILED, error={"code": "unexpected", "type": "ValueError", "where": "x:1"}
    )

    answer = analyst_client.post(reverse("crm:job-retry", args=[job.public_id]))

    again = Job.objects.get(retry_of=job)
    assert answer["Location"] == again.get_absolute_url()
    assert again.owner == analyst_client.user


def test_what_is_done_is_not_tried_again(analyst_client):
    job = JobFactory(state=Job.State.DONE)

    page = analyst_client.post(reverse("crm:job-retry", args=[job.public_id]), follow=True).text

    assert "Only a job that failed or was cancelled" in page
    assert Job.objects.count() == 1


@pytest.mark.parametrize("route", ["job-cancel", "job-retry"])
def test_a_link_changes_nothing(analyst_client, route):
    job = JobFactory()

    assert analyst_client.get(reverse(f"crm:{route}", args=[job.public_id])).status_code == 405


def test_an_error_is_told_in_words(analyst_client):
    job = JobFactory(state=Job.State.FAILED, error={"code": "worker_lost", "type": "", "where": ""})

    page = analyst_client.get(reverse("crm:job-detail", args=[job.public_id])).text

    assert "Its worker vanished each time it was tried." in page


def test_the_list_is_filtered_by_state_and_origin(analyst_client):
    JobFactory(task="crm.import_book", state=Job.State.FAILED)
    JobFactory(task="crm.make_partitions")

    failed = analyst_client.get(reverse("crm:job-list"), {"state": "failed"}, headers=HTMX).text
    scheduled = analyst_client.get(reverse("crm:job-list"), {"origin": "schedules"}, headers=HTMX).text

    assert "Import a book" in failed
    assert "Prepare storage" not in failed
    assert "No job like that" in scheduled


def test_what_runs_every_few_minutes_hides_nothing_else_unless_it_fails(analyst_client):
    often = Schedule.objects.get(task="crm.fetch_feeds")
    done = JobFactory(task="crm.fetch_feeds", schedule=often, state=Job.State.DONE)
    failed = JobFactory(task="crm.fetch_feeds", schedule=often, state=Job.State.FAILED)
    nightly = Schedule.objects.get(task="crm.make_partitions")
    other = JobFactory(task="crm.make_partitions", schedule=nightly, state=Job.State.DONE)

    def listed(**asked):
        return [job.pk for job in analyst_client.get(reverse("crm:job-list"), asked).context["page"].rows]

    assert listed() == [other.pk, failed.pk]
    assert listed(origin="anybody") == listed(origin="schedules") == [other.pk, failed.pk, done.pk]
    assert [job.pk for job in analyst_client.get("/").context["jobs"]] == [other.pk, failed.pk]


def test_the_list_pages_by_keyset(analyst_client):
    jobs = [JobFactory(scope=f"n{number:03}") for number in range(60)]

    first = analyst_client.get(reverse("crm:job-list"))
    cursor = first.context["page"].next_cursor
    second = analyst_client.get(reverse("crm:job-list"), {"after": cursor})

    shown = [job.pk for answer in (first, second) for job in answer.context["page"].rows]
    assert shown == [job.pk for job in reversed(jobs)]
    assert second.context["page"].next_cursor is None


@pytest.mark.parametrize("route", ["crm:job-list", "crm:jobs-indicator"])
def test_more_jobs_cost_no_more_queries(analyst_client, route):
    def count() -> int:
        with CaptureQueriesContext(connection) as queries:
            analyst_client.get(reverse(route))
        return len(queries)

    running(owner=UserFactory())
    count()  # the organisation's zone is asked for once, and known for a while
    few = count()
    for _ in range(20):
        running(owner=UserFactory())

    assert count() == few


def test_the_indicator_is_asked_for_often_only_while_something_runs(analyst_client):
    url = reverse("crm:jobs-indicator")
    idle = analyst_client.get(url).text

    running(done=30, total=40)
    busy = analyst_client.get(url).text
    running()
    busier = analyst_client.get(url).text

    assert "every 30s" in idle
    assert "every 3s" in busy
    assert "Nightly scoring" in busy
    assert "75" in busy
    assert "2 jobs running" in busier


def test_every_page_has_the_indicator_without_asking_the_database(sales_client):
    page = sales_client.get(reverse("crm:job-list")).text

    assert 'id="jobs-indicator"' in page
    assert "load delay" in page


def test_those_who_run_the_installation_see_schedules_and_workers(analyst_client, sales_client):
    WorkerHeartbeat.objects.create(name="celery@here")
    Schedule.objects.create(name="s", task="analytics.train_all", at_time=time(3), weekday=6)

    page = analyst_client.get(reverse("crm:job-list")).text
    assert "What runs by itself" in page
    assert "Sundays at 03:00" in page
    assert "What runs by itself" not in sales_client.get(reverse("crm:job-list")).text


def test_who_started_a_job_is_said_also_when_nobody_did(analyst_client):
    nightly = Schedule.objects.create(name="s", task="analytics.train_all", at_time=time(3))
    by_schedule, by_nobody = JobFactory(owner=None, schedule=nightly), JobFactory(owner=None)

    pages = [analyst_client.get(job.get_absolute_url()).text for job in (by_schedule, by_nobody)]

    assert "<dd>Schedule, daily at 03:00</dd>" in pages[0]
    assert "<dd>–</dd>" in pages[1]
    assert '<span class="muted">Schedule</span>' in analyst_client.get("/jobs/").text


def test_what_a_job_came_to_is_told_in_words(analyst_client):
    result = {
        "book": "bank", "rows": {"create": 1200, "refuse": 3}, "proposed": True, "churn": 1234,
        "as_of": "2026-05-04T02:00:00+00:00", "new_in_2030": "<b>", "version": None,
    }  # fmt: skip
    BookFactory(code="bank", name="The bank")
    job = JobFactory(state="done", finished_at=datetime(2026, 5, 4, tzinfo=UTC), result=result)

    page = analyst_client.get(job.get_absolute_url()).text

    for words in (
        "<dt>Book</dt>", "<dd>The bank</dd>", "<dd>New 1,200 · Refused 3</dd>", "<dd>yes</dd>",
        "<dt>Churn risk</dt>", "<dd>1,234</dd>", "4 May 2026", "<dt><code>new_in_2030</code></dt>",
        "<dd><code>&lt;b&gt;</code></dd>", "<dd>–</dd>",
    ):  # fmt: skip
        assert words in page


def test_nothing_there_yet_says_what_belongs_here(sales_client):
    assert "No jobs yet" in sales_client.get(reverse("crm:job-list")).text


def test_a_job_that_is_done_has_done_all(analyst_client):
    job = JobFactory(
        state="done",
        done=13,
        total=14,
        finished_at=datetime(2026, 5, 4, tzinfo=UTC),
        owner=analyst_client.user,
    )

    rows = analyst_client.get("/jobs/?routine=1").text

    assert "13 / 14" not in rows
    assert f"job-{job.public_id}" in rows
