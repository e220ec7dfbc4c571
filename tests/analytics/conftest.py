"""A lake of its own for every test that asks for one."""

import pytest
from django.db import connection

from crm.models.base import Fact


@pytest.fixture
def lake_home(transactional_db, settings, tmp_path):
    """Give the test a folder of its own, and a database that remembers nothing of earlier tests.

    Old versions stand in tables that no model speaks of, so emptying the models' tables after a
    test leaves them.
    """
    settings.FILES_ROOT = tmp_path
    past = ", ".join(f"{model._meta.db_table}_past" for model in Fact.__subclasses__())
    with connection.cursor() as cursor:
        cursor.execute(f"TRUNCATE {past}")
    return tmp_path
