"""Fixtures for the numeric tests: no database, real data only where it is present."""

import os
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]


def _data_dir() -> Path:
    configured = Path(os.environ.get("DATA_DIR", "../shared/data"))
    return configured if configured.is_absolute() else REPOSITORY / configured


@pytest.fixture(scope="session")
def data_file():
    """Return a function that finds a file of the real data sets or skips the test."""

    def find(relative: str) -> Path:
        path = _data_dir() / relative
        if not path.exists():
            pytest.skip(f"real data set {relative} is absent (set DATA_DIR)")
        return path

    return find
