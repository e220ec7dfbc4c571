"""What could be taken back names nobody who was erased."""

import pytest
from django.utils import timezone

from crm.models import ChangedRows, ChangeSet
from crm.selectors.import_kinds import KINDS
from crm.selectors.import_mapping import mapping_problems
from crm.services.bin import move_to_bin
from crm.services.erasure import erase_account
from tests import factories as f

pytestmark = pytest.mark.django_db


def test_old_rows_of_an_erased_account_are_emptied_and_others_stay():
    gone, stays = f.AccountFactory(name="Zebedee Quartz"), f.AccountFactory(name="Ida Stone")
    change_set = ChangeSet.objects.create(kind=ChangeSet.Kind.BULK_EDIT, undo_until=timezone.now())
    accounts = change_set.steps.create(
        table_name="crm_account", action=ChangedRows.Action.UPDATED, row_ids=[gone.pk, stays.pk],
        old_rows=[{"id": gone.pk, "name": gone.name}, {"id": stays.pk, "name": stays.name}],
    )  # fmt: skip
    contacts = change_set.steps.create(
        table_name="crm_contact", action=ChangedRows.Action.DELETED, row_ids=[1],
        old_rows=[{"id": 1, "account_id": gone.pk, "name": gone.name}],
    )  # fmt: skip

    erase_account(entry=move_to_bin(account=gone, by=f.UserFactory()))

    accounts.refresh_from_db()
    contacts.refresh_from_db()
    assert accounts.old_rows == [{}, {"id": stays.pk, "name": "Ida Stone"}]
    assert contacts.old_rows == [{}]


@pytest.mark.parametrize(
    ("days", "codes"), [(30, []), ("soon", ["outcome_needs_days"]), (10**9, ["outcome_needs_days"])]
)
def test_an_outcome_looks_a_possible_number_of_days_ahead(days, codes):
    outcome = {"kind": "churn", "date_column": "day", "horizon_days": days}
    mapping = {"no": {"field": "external_id"}, "name": {"field": "name"}, "left": {"outcome": outcome}}

    problems = mapping_problems(KINDS["accounts"], ["no", "name", "left", "day"], mapping)

    assert [problem["code"] for problem in problems] == codes
