"""Imports that nobody finished and files that belong to none go by themselves, after their time."""

import os
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from django.db import transaction
from django.db.models.functions import Now

from crm.models import Account, ChangeSet, DataFeedFile, Import, Job, QuarantinedRow
from crm.pipelines import partitions
from crm.pipelines.imports import commit_file
from crm.selectors.import_reading_words import file_refusal_words
from crm.services.data_feeds import start_feed
from crm.services.file_imports import path_of, receive_file, save_mapping, start_commit, start_undo
from crm.services.import_leftovers import cancel_forgotten_imports, forget_orphaned_files
from crm.services.job_runs import run_job
from tests.factories import BookFactory, DataFeedFactory
from tests.importing import checked, committed, csv_bytes, work

pytestmark = pytest.mark.django_db(transaction=True)
ROWS = [{"Customer ID": "1", "Name": "Amber"}, {"Customer ID": "2", "Name": ""}]


@pytest.fixture(autouse=True)
def files(settings, tmp_path):
    settings.FILES_ROOT = tmp_path
    return tmp_path / "imports"


def aged(made: Import, *, days: int) -> Import:
    past = Now() - timedelta(days=days)
    Import.objects.filter(pk=made.pk).update(created_at=past)
    Job.objects.filter(scope=f"import:{made.pk}", finished_at__isnull=False).update(finished_at=past)
    made.refresh_from_db()
    return made


def aged_folder(path, *, hours: int) -> None:
    changed = (datetime.now(tz=UTC) - timedelta(hours=hours)).timestamp()
    for one in (*path.rglob("*"), path):
        os.utime(one, (changed, changed))


def test_an_import_that_nobody_finished_for_a_month_is_cancelled_with_its_file():
    made, younger = aged(checked("accounts", ROWS), days=31), aged(checked("accounts", ROWS), days=29)
    path = path_of(made)

    assert cancel_forgotten_imports() == 1

    made.refresh_from_db()
    assert (made.state, made.stored_name, "sample" in made.reading) == ("cancelled", "", False)
    assert file_refusal_words(made.problem) == "Nobody finished this import within 30 days."
    assert not path.parent.exists()
    assert [row.source_import for row in QuarantinedRow.objects.all()] == [younger]
    assert path_of(younger).exists()
    assert cancel_forgotten_imports() == 0


def test_an_import_that_somebody_goes_on_with_is_left_alone():
    made = aged(checked("accounts", ROWS), days=60)
    job = save_mapping(source_import=made, mapping=made.mapping, by=None)
    assert cancel_forgotten_imports() == 0
    work(job)
    assert cancel_forgotten_imports() == 0  # it was looked at today
    done = aged(committed("accounts", ROWS), days=60)

    aged(made, days=60)

    assert cancel_forgotten_imports() == 1
    done.refresh_from_db()
    assert (done.state, path_of(done).exists()) == ("done", True)


def test_what_a_forgotten_import_wrote_stands_and_can_be_taken_back(monkeypatch):
    made = checked("accounts", ROWS)
    with monkeypatch.context() as patch:
        patch.setattr(commit_file, "mark_done", lambda *_, **__: 1 / 0)
        run_job(start_commit(source_import=made, by=None).pk, commit_file.run)
    aged(made, days=31)
    assert (made.state, made.through_row) == ("failed", 2)

    assert cancel_forgotten_imports() == 1

    made.refresh_from_db()
    assert (made.state, path_of(made).exists()) == ("cancelled", True)
    assert Account.objects.count() == 1
    work(start_undo(change_set=ChangeSet.objects.get(), by=None))
    assert not Account.objects.exists()


def test_the_file_of_a_feed_that_failed_is_taken_again_even_when_it_was_forgotten():
    feed = DataFeedFactory()
    made = checked("accounts", ROWS)
    Import.objects.update(state="failed")
    DataFeedFile.objects.create(feed=feed, name="a.csv", sha256="x", source_import=made)
    aged(made, days=31)

    cancel_forgotten_imports()
    start_feed(feed=feed)

    assert not feed.files.exists()


def test_a_file_whose_import_was_never_made_is_deleted_after_a_day(files):
    with transaction.atomic():
        lost = receive(b"Customer ID,Name\n1,Amber\n")
        transaction.set_rollback(True)  # whatever broke it
    kept = receive(csv_bytes(ROWS))
    for folder in files.iterdir():
        aged_folder(folder, hours=25)
    young = files / str(uuid4())
    young.mkdir()
    (young / "file.csv").write_bytes(b"still coming")
    other = files / "not ours"
    other.mkdir()
    aged_folder(other, hours=99)
    cut_short = files.parent / "feeds-at-work" / "tmp123"
    cut_short.mkdir(parents=True)
    aged_folder(cut_short, hours=25)

    assert forget_orphaned_files() == 2

    assert not path_of(lost).exists()
    assert not cut_short.exists()
    assert (path_of(kept).exists(), young.exists(), other.exists()) == (True, True, True)
    assert forget_orphaned_files() == 0


def receive(content: bytes) -> Import:
    return receive_file(
        book=BookFactory(), kind="accounts", source="erp", owner=None, name="file.csv", chunks=[content]
    )


def test_the_nightly_sweep_does_all_of_it(files):
    made = aged(checked("accounts", ROWS), days=31)
    orphan = files / str(uuid4())
    orphan.mkdir()
    aged_folder(orphan, hours=25)
    job = Job.objects.create(task="crm.make_partitions")

    run_job(job.pk, partitions.make)

    job.refresh_from_db()
    assert (job.result["cancelled_imports"], job.result["forgotten_files"]) == (1, 1)
    assert not path_of(made).exists()
