"""The web server does not start as a role that would show partners each other's rows."""

import os
import subprocess
import sys
from urllib.parse import quote, urlsplit

import pytest
from django.conf import settings

from config.embedded import REPOSITORY

SERVERS = {
    "gunicorn": ["-m", "gunicorn", "-c", "python:config.gunicorn", "--bind", "127.0.0.1:0", "config.wsgi"],
    "runserver": ["manage.py", "runserver", "--noreload", "127.0.0.1:0"],
}


@pytest.fixture
def superuser_url():
    options = settings.DATABASES["default"].get("OPTIONS", {})
    if "host" not in options:
        pytest.skip("a superuser is at hand only in the embedded PostgreSQL")
    return f"postgresql://postgres@/postgres?host={quote(options['host'])}"


def run(server, database_url, **variables):
    environment = os.environ | {
        "DJANGO_SETTINGS_MODULE": "config.settings", "DATABASE_URL": database_url,
        "REDIS_URL": settings.REDIS_URL, "SECRET_KEY": "only-for-a-start-that-fails", **variables,
    }  # fmt: skip
    return subprocess.run(
        [sys.executable, *SERVERS[server]], cwd=REPOSITORY, env=environment, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, text=True, timeout=60, check=False,
    )  # fmt: skip


@pytest.mark.parametrize("server", SERVERS)
def test_a_start_as_superuser_is_refused_with_the_reason(server, superuser_url):
    ended = run(server, superuser_url)

    assert ended.returncode != 0
    assert "DATABASE_URL connects as a superuser, whom row policies do not bind." in ended.stdout
    assert "Connect as the role sextant; see the operator guide." in ended.stdout


def test_a_database_that_is_away_is_no_reason():
    away = urlsplit(settings.DATABASE_URL)._replace(netloc="sextant@127.0.0.1:1", query="").geturl()
    code = "import config.wsgi; print('started', callable(config.wsgi.application))"

    ended = subprocess.run(
        [sys.executable, "-c", code], cwd=REPOSITORY, text=True, capture_output=True, timeout=60, check=False,
        env=os.environ | {
            "DJANGO_SETTINGS_MODULE": "config.settings", "DATABASE_URL": away,
            "REDIS_URL": settings.REDIS_URL, "SECRET_KEY": "only-for-a-start",
        },
    )  # fmt: skip

    assert "started True" in ended.stdout, ended.stderr
