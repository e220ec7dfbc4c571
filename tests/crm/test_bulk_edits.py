"""Changing many accounts at once: whom it reaches, as what it runs, and taking it back."""

import pytest
from django.http import QueryDict
from django.urls import reverse
from django.utils import timezone

from crm.models import Account, Change, ChangeSet, Job, Notification
from crm.pipelines import assign_accounts as pipeline
from crm.pipelines import undo_change_set
from crm.services.accounts import edit_account
from crm.services.bulk_edits import assign_accounts
from crm.services.jobs import JobLostError, run_job
from tests import factories as f

pytestmark = pytest.mark.django_db


def assign(client, owner, *, ticked=(), **form):
    data = {"ids": [account.public_id for account in ticked], "owner": owner.public_id, **form}
    return client.post(reverse("crm:account-assign"), data)


def everything(client, owner, page, **form):
    return assign(client, owner, ticked=page, all="1", shown=str(len(page)), **form)


def of(owner):
    return set(Account.objects.filter(owner=owner).values_list("name", flat=True))


def undo(client, change_set):
    client.post(reverse("crm:change-undo", args=[change_set.public_id]))
    run_job(Job.objects.get(task="crm.undo_change_set").pk, undo_change_set.run)
    change_set.refresh_from_db()


def run_newest(pipeline_of=pipeline):
    job = Job.objects.get(task="crm.assign_accounts")
    run_job(job.pk, pipeline_of.run)
    job.refresh_from_db()
    return job


def test_accounts_change_hands_with_their_team():
    owner, by = f.UserFactory(team=f.TeamFactory()), f.UserFactory()
    already, other = f.AccountFactory(owner=owner), f.AccountFactory()

    change_set, changed = assign_accounts(account_ids=[already.pk, other.pk], owner=owner, by=by)

    other.refresh_from_db()
    assert changed == 1
    assert (other.owner, other.team) == (owner, owner.team)
    assert (change_set.kind, change_set.owner) == ("bulk_edit", by)
    assert list(Change.objects.values_list("kind", "account_id")) == [("account.updated", other.pk)]


def test_nothing_to_change_makes_no_change_set():
    owner = f.UserFactory()
    account = f.AccountFactory(owner=owner)

    assert assign_accounts(account_ids=[account.pk], owner=owner, by=owner) == (None, 0)
    assert not ChangeSet.objects.exists()


def test_a_change_is_taken_back_but_for_what_was_edited_since(admin_client_):
    before, owner = f.UserFactory(), f.UserFactory()
    kept, edited = (f.AccountFactory(owner=before, name=name) for name in ("Kept", "Edited"))
    assign(admin_client_, owner, ticked=[kept, edited])
    edited.refresh_from_db()
    edit_account(account=edited, revision=edited.revision, changes={"industry": "Toys"})
    change_set = ChangeSet.objects.get()

    undo(admin_client_, change_set)

    page = admin_client_.get(reverse("crm:change-detail", args=[change_set.public_id])).text
    assert (of(before), of(owner)) == ({"Kept"}, {"Edited"})
    assert change_set.state == "undone"
    assert "edited since" in page


def test_what_was_left_alone_is_named_by_its_own_table(admin_client_):
    contact = f.ContactFactory(account__name="Acme")
    refused = [{"table": "crm_contact", "id": contact.pk, "code": "edited"},
               {"table": "crm_ticket", "id": 10**9, "code": "edited"}]  # fmt: skip
    data = {"edit": "clean", "table": "contacts", "code": "email_untidy", "refused": refused}
    change_set = ChangeSet.objects.create(
        kind="bulk_edit", state="undone", undo_until=timezone.now(), undone_at=timezone.now(), data=data
    )

    page = admin_client_.get(reverse("crm:change-detail", args=[change_set.public_id])).text

    assert contact.account.get_absolute_url() in page
    assert page.count("rows__sub") == 2
    assert ("Contact" in page, "Ticket" in page, "You do not see this one" in page) == (True, True, True)


def test_everything_that_the_filters_match_changes_hands(admin_client_):
    owner = f.UserFactory()
    shown = [f.AccountFactory(name=f"French {n}", country="FR") for n in range(2)]
    f.AccountFactory(name="French 3", country="FR")
    f.AccountFactory(name="German", country="DE")

    answer = everything(admin_client_, owner, shown, query="country=FR")

    assert of(owner) == {"French 0", "French 1", "French 3"}
    assert answer.url == reverse("crm:account-list")


def test_a_list_sorted_by_a_score_means_the_accounts_that_have_one(admin_client_):
    owner, scored = f.UserFactory(), f.ScoreFactory(kind="churn").account
    f.AccountFactory(name="Without")

    everything(admin_client_, owner, [scored], query="sort=-churn")

    assert of(owner) == {scored.name}


def test_all_means_the_ticked_ones_once_a_row_was_unticked(admin_client_):
    owner = f.UserFactory()
    first, _second = f.AccountFactory(name="First"), f.AccountFactory(name="Second")

    assign(admin_client_, owner, ticked=[first], all="1", shown="2", query="")

    assert of(owner) == {"First"}


def test_nobody_assigns_everything_by_a_filter_that_cannot_be_read(admin_client_):
    owner, account = f.UserFactory(), f.AccountFactory()

    everything(admin_client_, owner, [account], query="churn_min=much")

    assert of(owner) == set()


def test_nobody_reaches_what_they_do_not_see(sales_client):
    mine = f.AccountFactory(owner=sales_client.user, name="Mine")
    f.AccountFactory(owner=f.UserFactory(), name="Theirs")
    owner = f.UserFactory()

    everything(sales_client, owner, [mine], query="")

    assert of(owner) == {"Mine"}


def test_more_than_a_hundred_become_a_job_that_can_be_taken_back(admin_client_):
    owner = f.UserFactory()
    page = f.AccountFactory.create_batch(101, country="FR")
    f.AccountFactory(country="DE")

    answer = everything(admin_client_, owner, page[:50], query="country=FR")
    assert not of(owner)
    job = run_newest()

    change_set = ChangeSet.objects.get()
    assert answer.url == job.get_absolute_url()
    assert (job.state, job.result["assigned"], job.total, job.done) == ("done", 101, 101, 101)
    assert reverse("crm:change-detail", args=[change_set.public_id]) in admin_client_.get(answer.url).text
    assert Notification.objects.filter(user=admin_client_.user, kind="job.done").count() == 1
    assert len(of(owner)) == 101
    undo(admin_client_, change_set)
    assert of(owner) == set()


def test_an_attempt_that_was_cut_off_is_gone_on_with_in_the_same_change_set(admin_client_, monkeypatch):
    owner = f.UserFactory()
    page = f.AccountFactory.create_batch(101)
    monkeypatch.setattr(pipeline, "BATCH", 40)
    everything(admin_client_, owner, page[:50], query="")
    job = Job.objects.get(task="crm.assign_accounts")

    def cut_off(running):
        original = running.fence
        fences = iter([original, original])

        def fence():
            next(fences, lose)()

        running.fence = fence
        return pipeline.run(running)

    def lose():
        raise JobLostError

    run_job(job.pk, cut_off)
    assert len(of(owner)) == 80
    Job.objects.filter(pk=job.pk).update(state="queued")
    run_job(job.pk, pipeline.run)

    job.refresh_from_db()
    assert (job.state, job.result["assigned"]) == ("done", 101)
    undo(admin_client_, ChangeSet.objects.get())
    assert of(owner) == set()


def test_whoever_started_the_job_stands_in_the_audit_log(admin_client_):
    page = f.AccountFactory.create_batch(101)
    everything(admin_client_, f.UserFactory(), page[:50], query="")
    run_newest()

    audit = admin_client_.get(f"{page[0].get_absolute_url()}?tab=audit").text

    assert str(admin_client_.user) in audit


def test_a_change_is_undone_once(admin_client_):
    account = f.AccountFactory()
    change_set, _changed = assign_accounts(
        account_ids=[account.pk], owner=f.UserFactory(), by=admin_client_.user
    )
    undo(admin_client_, change_set)

    answer = admin_client_.post(reverse("crm:change-undo", args=[change_set.public_id]), follow=True)

    assert "can no longer be undone" in answer.text


def test_the_list_offers_everything_only_when_there_is_more_than_one_page(admin_client_):
    f.AccountFactory.create_batch(50)
    one_page = admin_client_.get(reverse("crm:account-list"), QueryDict("view=all")).text
    f.AccountFactory()
    two_pages = admin_client_.get(reverse("crm:account-list"), QueryDict("view=all")).text

    assert 'name="all"' not in one_page
    assert "All 50 on this page are selected." in two_pages
    assert "Select all 51 that match" in two_pages


def test_an_export_of_everything_holds_more_than_the_page(admin_client_):
    ticked, _other = f.AccountFactory(name="Ticked"), f.AccountFactory(name="Other")
    form = {"ids": [ticked.public_id], "all": "1", "shown": "1", "query": ""}

    answer = admin_client_.post(reverse("crm:account-export"), form)

    lines = b"".join(answer.streaming_content).decode("utf-8-sig")
    assert "Other" in lines
