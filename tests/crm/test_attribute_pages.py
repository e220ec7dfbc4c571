"""Administrators list, make, edit and delete custom attributes, and say which may enter models."""

import pytest
from django.urls import reverse

from crm.models import AttributeDefinition, AttributeValue
from crm.selectors import attributes as selectors
from crm.selectors.attributes import Held, count_held
from crm.services.accounts import create_account, edit_account
from crm.services.attributes import (
    AttributeChangedError,
    AttributeExistsError,
    AttributeUsedError,
    ChoiceUsedError,
    ColumnClashError,
    create_definition,
    delete_definition,
    edit_definition,
)
from tests.factories import AccountFactory, AttributeDefinitionFactory, BookFactory

pytestmark = pytest.mark.django_db

CHOICES = {"north": "North", "south": "South"}


def address(name, definition=None):
    return reverse(f"crm:attribute-{name}", args=[definition.public_id] if definition else [])


def account_with(**attributes):
    details = {"book": BookFactory(), "kind": "organisation", "name": "Quince", "currency": "GBP"}
    return create_account(details=details, attributes=attributes)


def fresh(definition):
    return AttributeDefinition.objects.get(pk=definition.pk)


def sent(definition, **changes):
    form = {"label": definition.label, "revision": definition.revision}
    if definition.type == "choice":
        form["choices"] = "\n".join(f"{code} = {label}" for code, label in definition.choices.items())
    return form | changes


def test_lists_attributes_with_what_they_are_and_how_many_have_one(admin_client_, monkeypatch):
    AttributeDefinitionFactory(key="region", label="Region", type="choice", is_known_before=True)
    AttributeDefinitionFactory(key="sex", label="Sex", is_sensitive=True)
    AttributeDefinitionFactory(key="seats", label="Seats", type="number")
    for seats in range(3):
        account_with(seats=seats)

    page = admin_client_.get(address("list"))
    rows = {row.definition.key: row.held for row in page.context["rows"]}

    assert rows == {"region": Held(0), "sex": Held(0), "seats": Held(3)}
    assert all(word in page.text for word in ("Known before", "Sensitive", "not in models", "Region"))
    monkeypatch.setattr(selectors, "MOST_COUNTED", 2)
    assert "2+" in admin_client_.get(address("list")).text


def test_an_empty_list_says_where_attributes_come_from(admin_client_):
    assert "Imports bring them" in admin_client_.get(address("list")).text


def test_values_of_the_past_are_not_counted():
    definition = AttributeDefinitionFactory(key="seats", type="number")
    account = account_with(seats=1)
    edit_account(account=account, revision=account.revision, changes={}, attributes={"seats": None})

    assert count_held([definition.pk]) == {definition.pk: Held(0)}


def test_a_page_of_many_attributes_goes_on(admin_client_):
    AttributeDefinitionFactory.create_batch(51)

    first = admin_client_.get(address("list")).context
    rest = admin_client_.get(f"{address('list')}?after={first['page'].next_cursor}").context

    assert [len(first["rows"]), len(rest["rows"])] == [50, 1]


def test_makes_one_by_hand_that_accounts_can_have(admin_client_):
    form = {
        "label": "Region", "key": "region", "type": "choice", "is_known_before": "on",
        "choices": "north = Northern region\nsouth\n\n",
    }  # fmt: skip

    answer = admin_client_.post(address("create"), form, follow=True)

    made = AttributeDefinition.objects.get()
    assert (made.label, made.type, made.is_known_before) == ("Region", "choice", True)
    assert made.choices == {"north": "Northern region", "south": "south"}
    assert "with the next training" in answer.text
    assert "Northern region" in admin_client_.get(reverse("crm:account-create")).text


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"key": "Region 1"}, "small letter"),
        ({"key": "seats"}, "of this key already"),
        ({"type": "choice"}, "Say what can be chosen"),
        ({"choices": "a = b"}, "Only the type"),
        ({"type": "choice", "choices": "a = b\na = c"}, "stands there twice"),
        ({"type": "choice", "choices": "= b"}, "is no choice"),
        ({"is_known_before": "on", "is_sensitive": "on"}, "may not enter a model"),
        ({"label": ""}, "required"),
    ],
)
def test_what_does_not_fit_is_refused_with_what_was_typed(admin_client_, wrong, words):
    AttributeDefinitionFactory(key="SEATS")

    answer = admin_client_.post(
        address("create"), {"label": "My own words", "key": "own", "type": "text"} | wrong
    )

    assert answer.status_code == 422
    assert words in answer.text
    assert wrong.get("label", "My own words") in answer.text
    assert AttributeDefinition.objects.count() == 1


def test_edits_label_and_labels_of_choices_and_ticks(admin_client_):
    definition = AttributeDefinitionFactory(key="region", type="choice", choices=CHOICES)
    account_with(region="north")
    change = {"label": "Part", "choices": "north = The north\neast = East", "is_known_before": "on"}

    answer = admin_client_.post(address("edit", definition), sent(definition, **change), follow=True)

    found = fresh(definition)
    assert (found.key, found.type, found.label) == ("region", "choice", "Part")
    assert (found.choices, found.is_known_before) == ({"north": "The north", "east": "East"}, True)
    assert "with the next training" in answer.text
    answer = admin_client_.post(address("edit", found), sent(found), follow=True)
    assert not fresh(definition).is_known_before
    assert "from the next scoring on" in answer.text


def test_key_and_type_stay_whatever_is_sent(admin_client_):
    definition = AttributeDefinitionFactory(key="seats", type="number")

    admin_client_.post(address("edit", definition), sent(definition, key="other", type="text"))

    assert (fresh(definition).key, fresh(definition).type) == ("seats", "number")


def test_a_choice_that_accounts_have_stays(admin_client_):
    definition = AttributeDefinitionFactory(key="region", type="choice", choices=CHOICES)
    account_with(region="north")

    answer = admin_client_.post(address("edit", definition), sent(definition, choices="south = South"))

    assert answer.status_code == 422
    assert "Accounts have “north”" in answer.text
    assert fresh(definition).choices == CHOICES
    assert "south = South" in answer.text


def test_a_choice_that_came_as_a_number_stays_too():
    definition = AttributeDefinitionFactory(key="class", type="choice", choices={"1": "One", "2": "Two"})
    AccountFactory(attributes={"class": 1})

    with pytest.raises(ChoiceUsedError):
        edit_definition(definition=definition, revision=1, changes={"choices": {"2": "Two"}})
    edit_definition(definition=definition, revision=1, changes={"choices": {"1": "One"}})


def test_a_stale_edit_writes_nothing(admin_client_):
    definition = AttributeDefinitionFactory(label="Seats")
    admin_client_.post(address("edit", definition), sent(definition, label="First"))

    late = admin_client_.post(address("edit", definition), sent(definition, label="Second"))
    junk = admin_client_.post(address("edit", definition), sent(definition, revision="x"))

    assert [late.status_code, junk.status_code] == [422, 422]
    assert "Somebody else saved" in late.text
    assert "Second" in late.text
    assert fresh(definition).label == "First"
    with pytest.raises(AttributeChangedError):
        edit_definition(definition=definition, revision=1, changes={"label": "Third"})


@pytest.mark.parametrize(
    ("ticked", "other"),
    [("status", "status_max"), ("status_days", "status"), ("status", "STATUS"), ("a_max", "a_max_mean")],
)
def test_two_whose_columns_would_be_the_same_are_not_both_ticked(admin_client_, ticked, other):
    AttributeDefinitionFactory(key=ticked, label="The one", type="number", is_known_before=True)
    definition = AttributeDefinitionFactory(key=other, type="number")

    answer = admin_client_.post(address("edit", definition), sent(definition, is_known_before="on"))

    assert answer.status_code == 422
    assert "take it for “The one”" in answer.text
    assert not fresh(definition).is_known_before
    edit_definition(definition=definition, revision=1, changes={"label": "Fine"})


def test_services_refuse_what_forms_do():
    AttributeDefinitionFactory(key="status", is_known_before=True)
    details = {"label": "X", "type": "number", "choices": {}, "is_sensitive": False}

    with pytest.raises(AttributeExistsError):
        create_definition(details=details | {"key": "Status", "is_known_before": False})
    with pytest.raises(ColumnClashError):
        create_definition(details=details | {"key": "status_mean", "is_known_before": True})


def test_one_that_no_account_has_is_deleted(admin_client_):
    definition = AttributeDefinitionFactory(label="Seats")
    assert "Delete the attribute" in admin_client_.get(address("edit", definition)).text

    answer = admin_client_.post(address("delete", definition), follow=True)

    assert "Seats is deleted" in answer.text
    assert not AttributeDefinition.objects.exists()
    delete_definition(definition=definition)  # gone already


def test_one_with_values_stays_even_when_they_have_ended(admin_client_):
    definition = AttributeDefinitionFactory(key="seats", type="number")
    account = account_with(seats=1)
    edit_account(account=account, revision=account.revision, changes={}, attributes={"seats": None})

    page = admin_client_.get(address("edit", definition)).text
    answer = admin_client_.post(address("delete", definition), follow=True)

    assert "It can’t be deleted" in page
    assert "Delete the attribute" not in page
    assert "It stays" in answer.text
    assert AttributeValue.objects.count() == 1


def test_one_whose_values_have_no_history_stays():
    definition = AttributeDefinitionFactory(key="seats", type="number")
    AccountFactory(attributes={"seats": 3})

    with pytest.raises(AttributeUsedError):
        delete_definition(definition=definition)


@pytest.mark.parametrize("role", ["sales", "support", "marketing", "analyst", "partner_manager"])
def test_others_find_no_way_there(request, role):
    client = request.getfixturevalue(f"{role}_client")
    definition = AttributeDefinitionFactory()

    assert client.get(address("list")).status_code == 403
    assert client.post(address("edit", definition), sent(definition)).status_code == 403
    assert client.post(address("delete", definition)).status_code == 403
    assert AttributeDefinition.objects.exists()
