"""Being told that a job has ended: who is, when, in which words, and once."""

import pytest
from django.urls import reverse
from django.utils import timezone, translation

from crm.models import Job, JobWatch, Notification, User
from crm.pipelines import partitions
from crm.services.job_runs import run_job
from crm.services.jobs import cancel_job, enqueue
from crm.services.notifications import forget_old_notifications, watch_job
from crm.services.sweep import requeue_dead_jobs
from tests.factories import JobFactory, NotificationFactory, UserFactory

pytestmark = pytest.mark.django_db


def told(user):
    return list(Notification.objects.filter(user=user).order_by("pk").values_list("kind", flat=True))


def unread(user):
    return User.objects.get(pk=user.pk).unread_notifications


def tick(client, job, wish="1"):
    return client.post(reverse("crm:job-watch", args=[job.public_id]), {"tell": wish})


def succeed(_job):
    return {}


def fail(_job):
    raise RuntimeError


def test_whoever_ticked_is_told_when_the_job_is_done(analyst_client):
    job = JobFactory(task="analytics.nightly")
    tick(analyst_client, job)
    tick(analyst_client, job)

    run_job(job.pk, succeed)

    assert told(analyst_client.user) == ["job.done"]
    assert unread(analyst_client.user) == 1


def test_a_tick_can_be_taken_back(analyst_client):
    job = JobFactory()
    tick(analyst_client, job)
    tick(analyst_client, job, wish="")

    run_job(job.pk, succeed)

    assert told(analyst_client.user) == []


def test_failures_are_told_too(analyst_client):
    job = JobFactory()
    tick(analyst_client, job)

    run_job(job.pk, fail)

    assert told(analyst_client.user) == ["job.failed"]


def test_a_job_that_lost_its_last_worker_has_failed(analyst_client):
    job = JobFactory(state="running", attempt=Job.MAX_ATTEMPTS, heartbeat_at="2020-01-01T00:00Z")
    tick(analyst_client, job)

    requeue_dead_jobs()

    assert told(analyst_client.user) == ["job.failed"]


def test_whoever_cancels_knows_and_others_are_told(analyst_client, admin_client_):
    job = JobFactory()
    tick(analyst_client, job)
    tick(admin_client_, job)

    cancel_job(job=job, by=admin_client_.user)

    assert (told(analyst_client.user), told(admin_client_.user)) == (["job.cancelled"], [])


def test_the_owner_of_an_export_is_told_without_asking_and_of_scheduled_work_nobody():
    owner = UserFactory()
    export, nightly = (
        enqueue(task=task, owner=owner) for task in ("crm.export_accounts", "analytics.nightly")
    )

    for job in (export, nightly):
        run_job(job.pk, succeed)

    assert told(owner) == ["job.done"]


def test_an_ended_job_takes_no_tick():
    job = JobFactory(state="done", finished_at=timezone.now())

    assert not watch_job(job=job, user=UserFactory(), is_watching=True)
    assert not JobWatch.objects.exists()


def test_the_job_page_offers_the_tick_while_the_job_lives(analyst_client):
    live, ended = JobFactory(), JobFactory(state="done", finished_at=timezone.now())
    export = JobFactory(task="crm.export_accounts", owner=analyst_client.user)

    pages = [analyst_client.get(job.get_absolute_url()).text for job in (live, ended, export)]
    tick(analyst_client, live)
    after = analyst_client.get(live.get_absolute_url()).text

    assert ["Tell me when it is done" in page for page in pages] == [True, False, False]
    assert "You will be told" in pages[2]
    assert "Don’t tell me" in after


def test_every_page_shows_how_many_are_new(sales_client):
    before = sales_client.get("/tasks/").text
    NotificationFactory.create_batch(3, user=sales_client.user)
    User.objects.filter(pk=sales_client.user.pk).update(unread_notifications=3)

    after = sales_client.get("/tasks/").text
    fragment = sales_client.get(reverse("crm:jobs-indicator")).text

    assert "3 new notifications" not in before
    assert "3 new notifications" in after
    assert "3 new notifications" in fragment
    assert 'hx-swap-oob="true"' in fragment


def test_opening_one_marks_it_read_and_leads_to_its_page(sales_client):
    first, _second = NotificationFactory.create_batch(2, user=sales_client.user, url="/jobs/?state=done")

    answer = sales_client.post(reverse("crm:notification-open", args=[first.public_id]))

    assert answer.headers["Location"] == "/jobs/?state=done"
    assert unread(sales_client.user) == 1


def test_all_can_be_marked_read_but_nobody_elses(sales_client):
    NotificationFactory.create_batch(2, user=sales_client.user)
    other = NotificationFactory()

    sales_client.post(reverse("crm:notifications-read"))

    assert unread(sales_client.user) == 0
    assert Notification.objects.filter(read_at=None).get() == other


def test_the_words_are_made_when_shown(sales_client):
    NotificationFactory(user=sales_client.user)
    NotificationFactory(user=sales_client.user, kind="job.failed", data={"task": "crm.import_book"})

    page = sales_client.get(reverse("crm:notification-list")).text
    with translation.override("zh-hans"):
        chinese = sales_client.get(reverse("crm:notification-list"), headers={"Accept-Language": "zh-Hans"})

    assert "Export accounts: done" in page
    assert "Import a book: failed" in page
    assert "Export accounts" not in chinese.text


def test_old_ones_are_forgotten(sales_client):
    old = NotificationFactory(user=sales_client.user)
    NotificationFactory(user=sales_client.user)
    Notification.objects.filter(pk=old.pk).update(at="2020-01-01T00:00Z")

    assert forget_old_notifications() == 1
    assert unread(sales_client.user) == 1


def test_the_monthly_work_forgets_them():
    NotificationFactory()
    Notification.objects.update(at="2020-01-01T00:00Z")
    job = JobFactory()

    run_job(job.pk, partitions.make)

    assert Job.objects.get(pk=job.pk).result["forgotten_notifications"] == 1
