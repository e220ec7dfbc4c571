from datetime import timedelta

import pytest

from crm.models import Account, Activity, AttributeValue, Change, SavedView, Ticket
from crm.services.accounts import (
    EditConflictError,
    create_account,
    edit_account,
    save_contact,
)
from crm.services.activities import log_activity, pin_activity
from crm.services.attributes import UnknownAttributeError
from crm.services.saved_views import (
    ViewNameTakenError,
    rename_view,
    save_view,
    set_default_view,
    shift_view,
)
from crm.services.tasks import create_task, finish_task, reopen_task
from crm.services.tickets import TicketMoveError, move_ticket, next_states, open_ticket
from tests import factories as f

pytestmark = pytest.mark.django_db


def fed() -> list[str]:
    return list(Change.objects.order_by("pk").values_list("kind", flat=True))


def test_a_new_account_belongs_to_the_team_of_its_owner():
    owner = f.UserFactory(team=f.TeamFactory())
    f.AttributeDefinitionFactory(key="size", type="number")
    details = {"book": f.BookFactory(), "kind": "person", "name": "New", "currency": "GBP", "owner": owner}

    account = create_account(details=details, attributes={"size": 3, "colour": None})

    assert account.team == owner.team
    assert account.attributes == {"size": 3}
    assert AttributeValue.objects.get(account=account).value == 3
    assert fed() == ["account.created"]


def test_an_edit_is_kept_with_its_history():
    f.AttributeDefinitionFactory(key="size", type="number")
    account = f.AccountFactory(name="Before")
    first = edit_account(account=account, revision=1, changes={"name": "Between"}, attributes={"size": 3})

    second = edit_account(
        account=first, revision=first.revision, changes={"name": "After"}, attributes={"size": 4}
    )

    assert (second.name, second.attributes, second.revision) == ("After", {"size": 4}, 3)
    old, new = AttributeValue.objects.order_by("valid_from")
    assert (old.value, new.value, new.valid_to) == (3, 4, None)
    assert old.valid_to <= new.valid_from
    assert fed() == ["account.updated", "account.updated"]
    assert Change.objects.latest("pk").data == {"fields": ["name", "size"]}


def test_a_value_can_be_taken_away():
    f.AttributeDefinitionFactory(key="size", type="number")
    account = create_account(
        details={"book": f.BookFactory(), "kind": "person", "name": "A", "currency": "GBP"},
        attributes={"size": 3},
    )

    edited = edit_account(account=account, revision=1, changes={}, attributes={"size": None})

    assert edited.attributes == {}
    assert not AttributeValue.objects.filter(valid_to=None).exists()


def test_an_edit_of_an_older_revision_writes_nothing_and_tells_what_stands():
    account = f.AccountFactory(name="Old")
    edit_account(account=account, revision=1, changes={"name": "Theirs"})

    with pytest.raises(EditConflictError) as caught:
        edit_account(account=account, revision=1, changes={"name": "Mine"})

    assert caught.value.current.name == "Theirs"
    assert Account.objects.get().name == "Theirs"


def test_an_edit_without_changes_leaves_no_trace():
    account = f.AccountFactory(name="Same")

    edited = edit_account(account=account, revision=1, changes={"name": "Same"})

    assert edited.revision == 1
    assert fed() == []


def test_an_attribute_that_nobody_defined_is_refused():
    account = f.AccountFactory()

    with pytest.raises(UnknownAttributeError):
        edit_account(account=account, revision=1, changes={}, attributes={"nonsense": 1})


def test_a_contact_is_edited_at_its_revision():
    account = f.AccountFactory()
    contact = save_contact(account=account, details={"name": "Ann"})
    edited = save_contact(account=account, contact=contact, details={"name": "Anne"}, revision=1)

    with pytest.raises(EditConflictError):
        save_contact(account=account, contact=contact, details={"name": "Anna"}, revision=1)

    assert (edited.name, edited.revision) == ("Anne", 2)


def test_acting_on_an_account_is_told_to_the_feed():
    account, author = f.AccountFactory(), f.UserFactory()

    activity = log_activity(account=account, kind="call", text="Hello", author=author)
    task = create_task(title="Call back", created_by=author, account=account)
    create_task(title="Buy milk", created_by=author)

    told = list(Change.objects.order_by("pk").values_list("kind", "object_id", "account_id", "data"))
    assert told == [
        ("activity.logged", activity.pk, account.pk, {"what": "call"}),
        ("activity.logged", task.pk, account.pk, {"what": "task"}),
    ]
    assert task.assignee == author


def test_a_note_can_be_pinned():
    activity = f.ActivityFactory()

    pin_activity(activity=activity, is_pinned=True)

    assert Activity.objects.get().is_pinned


def test_a_task_is_done_once():
    task = f.TaskFactory()

    assert finish_task(task=task, at=f.NOW)
    assert not finish_task(task=task, at=f.NOW + timedelta(days=1))
    assert reopen_task(task=task)
    assert not reopen_task(task=task)


ALLOWED = {
    ("open", "pending"), ("open", "solved"), ("pending", "open"), ("pending", "solved"),
    ("solved", "open"), ("solved", "closed"), ("closed", "open"),
}  # fmt: skip


@pytest.mark.parametrize("before", Ticket.State.values)
@pytest.mark.parametrize("after", Ticket.State.values)
def test_tickets_move_along_their_states_only(before, after):
    solved_at = f.NOW if before in ("solved", "closed") else None
    ticket = f.TicketFactory(state=before, solved_at=solved_at)
    assert (after in next_states(ticket, f.NOW)) == ((before, after) in ALLOWED)

    if (before, after) in ALLOWED:
        moved = move_ticket(ticket=ticket, state=after, at=f.NOW)
        assert moved.state == after
        assert (moved.solved_at is not None) == (after in ("solved", "closed"))
    else:
        with pytest.raises(TicketMoveError):
            move_ticket(ticket=ticket, state=after, at=f.NOW)


def test_a_ticket_solved_long_ago_stays_solved():
    ticket = f.TicketFactory(state="solved", solved_at=f.NOW)
    late = f.NOW + timedelta(days=8)

    assert next_states(ticket, late) == ["closed"]
    with pytest.raises(TicketMoveError):
        move_ticket(ticket=ticket, state="open", at=late)


def test_a_ticket_that_moved_meanwhile_is_not_moved_again():
    ticket = f.TicketFactory()
    move_ticket(ticket=Ticket.objects.get(pk=ticket.pk), state="solved", at=f.NOW)

    with pytest.raises(TicketMoveError):
        move_ticket(ticket=ticket, state="pending", at=f.NOW)


def test_an_opened_ticket_is_told_to_the_feed():
    open_ticket(account=f.AccountFactory(), details={"kind": "fault", "subject": "Broken"})

    assert fed() == ["ticket.opened"]


def test_saved_views_keep_their_order_name_and_default():
    sara = f.UserFactory()
    first, second, third = (
        save_view(owner=sara, page="account-list", name=name, query="") for name in ("a", "b", "c")
    )

    shift_view(view=third, by=-1)
    shift_view(view=first, by=-1)
    set_default_view(view=first, is_default=True)
    set_default_view(view=second, is_default=True)

    views = SavedView.objects.order_by("position")
    assert [(view.name, view.is_default) for view in views] == [("a", False), ("c", False), ("b", True)]
    with pytest.raises(ViewNameTakenError):
        save_view(owner=sara, page="account-list", name="a", query="")
    with pytest.raises(ViewNameTakenError):
        rename_view(view=second, name="a", is_shared=False)
