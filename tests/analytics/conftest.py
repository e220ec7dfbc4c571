"""A lake of its own for every test that asks for one."""

import pytest


@pytest.fixture
def lake_home(transactional_db, settings, tmp_path):
    """Give the test a folder of its own, and a database that remembers nothing of earlier tests."""
    settings.FILES_ROOT = tmp_path
    return tmp_path
