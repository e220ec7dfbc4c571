import pytest
from django.http import QueryDict
from django.test import RequestFactory

from crm.filters import AccountFilter
from crm.models import Account
from crm.selectors.account_criteria import matching
from crm.selectors.account_list import account_page, account_rows, account_sort, capped_count, sorted_accounts
from tests import factories as f

pytestmark = pytest.mark.django_db


@pytest.fixture
def ada(db):
    return f.UserFactory(role="administrator")


def names(query: str, user) -> set[str]:
    request = RequestFactory().get("/accounts/")
    request.user = user
    filters = AccountFilter(QueryDict(query), queryset=Account.objects.visible_to(user), request=request)
    assert filters.form.is_valid(), filters.form.errors
    return set(filters.qs.values_list("name", flat=True))


def test_words_of_a_name_are_found_by_how_they_begin(ada):
    f.AccountFactory(name="O'Brien & Sons Trading")
    f.AccountFactory(name="Northern Lights")

    assert names("q=trad+o'br", ada) == {"O'Brien & Sons Trading"}
    assert names("q=rading", ada) == set()
    assert names("q=%27%3B+%5C+%26+%21", ada) == set()
    assert names("q=NORTH", ada) == {"Northern Lights"}


def test_the_number_of_another_system_finds_its_account(ada):
    account = f.AccountFactory(name="Known elsewhere")
    f.ExternalIdFactory(value="13085", row_id=account.pk)
    f.AccountFactory(name="13085 Street")

    assert names("q=13085", ada) == {"Known elsewhere", "13085 Street"}


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("book=bank", {"bank"}),
        ("country=FR", {"french"}),
        ("stage=lead", {"lead"}),
        ("industry=Toys", {"toys"}),
        ("churn_min=0.7", {"risky"}),
        ("churn_min=70%25", {"risky"}),
        ("churn_max=0.7", {"safe"}),
        ("churn_min=0.1&purchase_min=0.1", {"safe"}),
        ("value_min=5000", {"rich"}),
        ("expected_loss_max=10", {"small-loss"}),
        ("has_open_ticket=true", {"troubled"}),
        ("attr_size_min=10", {"big"}),
        ("attr_size=3", {"little"}),
        ("attr_size_max=3", {"little"}),
        ("attr_vip=true", {"big"}),
        ("attr_colour=red", {"little"}),
    ],
)
def test_each_filter_keeps_what_it_names(ada, query, expected):
    f.AttributeDefinitionFactory(key="size", type="number")
    f.AttributeDefinitionFactory(key="vip", type="boolean")
    f.AttributeDefinitionFactory(key="colour", type="choice", choices={"red": "Red"})
    f.AccountFactory(name="bank", book__code="bank")
    f.AccountFactory(name="french", country="FR")
    f.AccountFactory(name="lead", stage="lead")
    f.AccountFactory(name="toys", industry="Toys")
    f.ScoreFactory(account__name="risky", value=0.9)
    safe = f.ScoreFactory(account__name="safe", value=0.2).account
    f.ScoreFactory(account=safe, kind="purchase", value=0.4)
    f.ValueFactory(account__name="rich", amount=9000)
    f.ValueFactory(account__name="small-loss", kind="expected_loss", amount=9)
    f.TicketFactory(account__name="troubled")
    f.AccountFactory(name="big", attributes={"size": 12, "vip": True})
    f.AccountFactory(name="little", attributes={"size": 3, "colour": "red"})
    f.AccountFactory(name="odd", attributes={"size": "huge"})

    assert names(query, ada) == expected


def test_owner_may_be_oneself_somebody_or_nobody(ada):
    bob = f.UserFactory()
    f.AccountFactory(name="ada's", owner=ada)
    f.AccountFactory(name="bob's", owner=bob)
    f.AccountFactory(name="nobody's")

    assert names("owner=me", ada) == {"ada's"}
    assert names(f"owner={bob.public_id}", ada) == {"bob's"}
    assert names("owner=none", ada) == {"nobody's"}


def test_only_those_who_see_partners_may_filter_by_one(ada):
    link = f.PartnerAccountFactory(account__name="linked")
    f.AccountFactory(name="not linked")
    mia = f.UserFactory(role="marketing")

    assert names(f"partner={link.partner.public_id}", ada) == {"linked"}
    assert names(f"partner={link.partner.public_id}", mia) == {"linked", "not linked"}


def test_accounts_without_a_score_can_be_listed(ada):
    f.ScoreFactory(account__name="scored")
    f.AccountFactory(name="unscored")

    assert names("without=churn", ada) == {"unscored"}


@pytest.mark.parametrize("query", ["churn_min=2", "churn_min=nan", "owner=x", "value_min=abc", "book=zzz"])
def test_a_value_that_cannot_be_read_is_an_error_of_its_field(ada, query):
    request = RequestFactory().get("/accounts/")
    request.user = ada

    filters = AccountFilter(QueryDict(query), queryset=Account.objects.all(), request=request)

    assert set(filters.form.errors) == {query.split("=")[0]}


def test_an_unknown_criterion_is_refused_rather_than_ignored():
    with pytest.raises(KeyError):
        matching(Account.objects.all(), {"chrun_min": 0.5})


@pytest.mark.parametrize(
    "sort", ["-churn", "churn", "-value", "value", "name", "-created", "-customer_since"]
)
def test_every_order_can_be_walked(ada, sort):
    for value in (0.1, 0.5, 0.5, 0.9):
        account = f.AccountFactory(customer_since="2024-01-01")
        f.ScoreFactory(account=account, value=value)
        f.ValueFactory(account=account, amount=round(1000 * value))
    order = account_sort(sort)

    first = account_page(sorted_accounts(Account.objects.all(), order), sort=order)

    assert len(first.rows) == 4
    values = [getattr(row, "sort_value", None) for row in first.rows]
    if order.needs in ("churn", "value"):
        assert values == sorted(values, reverse=sort.startswith("-"))


def test_a_list_sorted_by_a_score_holds_the_accounts_that_have_it():
    scored = f.ScoreFactory(value=0.4).account
    f.AccountFactory()

    order = account_sort("-churn")
    page = account_page(sorted_accounts(Account.objects.all(), order), sort=order)

    assert [row.pk for row in page.rows] == [scored.pk]


def test_rows_carry_their_numbers_and_the_last_order():
    account = f.ScoreFactory(value=0.4).account
    f.ValueFactory(account=account, amount=1200)
    order = f.OrderFactory(account=account)
    f.OrderFactory(account=account, kind="return", amount=-5, placed_at=f.NOW, lines=0)

    (row,) = account_rows(Account.objects.filter(pk=account.pk))

    assert row.numbers == {"churn": 0.4, "customer_value": 1200, "last_order": order.placed_at.timestamp()}
    assert row.last_order_at == order.placed_at


def test_the_count_stops_at_its_cap():
    f.AccountFactory.create_batch(4)

    assert capped_count(Account.objects.all(), cap=2) == 3
