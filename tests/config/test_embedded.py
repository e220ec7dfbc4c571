"""The embedded services with real processes: started, shared, killed, and left alone."""

import os
import signal
import stat
from pathlib import Path

import psycopg
import pytest
import redis

from config import embedded_servers
from config.embedded import EmbeddedServiceError, Home, guardian_pid
from tests.config.conftest import Installation, wait_for


def query(url: str, statement: str) -> tuple:
    with psycopg.connect(url, autocommit=True) as connection:
        return connection.execute(statement).fetchone() or ()


def test_the_product_gets_a_role_that_row_policies_bind(installation):
    database_url, _ = installation.urls(installation.user())

    role = query(
        database_url,
        "SELECT rolname, rolsuper, rolbypassrls, rolcreatedb FROM pg_roles WHERE rolname = current_user",
    )
    partner = query(
        database_url, "SELECT rolcanlogin, rolsuper FROM pg_roles WHERE rolname = 'sextant_partner'"
    )
    with psycopg.connect(database_url) as connection:
        connection.execute("SET LOCAL ROLE sextant_partner")
        becomes = connection.execute("SELECT current_user").fetchone()

    assert role == ("sextant", False, False, True)
    assert partner == (False, False)
    assert becomes == ("sextant_partner",)


def test_texts_sort_by_code_point_and_instants_are_utc(installation):
    database_url, _ = installation.urls(installation.user())

    order = query(database_url, "SELECT string_agg(w, '' ORDER BY w) FROM unnest('{é,b,A,a,Z,中}'::text[]) w")

    assert order == ("AZabé中",)
    assert query(database_url, "SHOW timezone") == ("UTC",)


def test_redis_keeps_every_message_and_asks_for_the_password(installation):
    _, redis_url = installation.urls(installation.user())

    with redis.Redis.from_url(redis_url) as client:
        assert client.config_get("maxmemory-policy") == {"maxmemory-policy": "noeviction"}
        assert client.config_get("appendonly") == {"appendonly": "yes"}
    with (
        redis.Redis.from_url(redis_url.replace(":" + redis_url.split(":")[2].split("@")[0], "")) as stranger,
        pytest.raises(redis.AuthenticationError),
    ):
        stranger.ping()


def test_nobody_else_may_enter_the_sockets_folder(installation):
    database_url, _ = installation.urls(installation.user())

    folder = Path(database_url.split("host=")[1])

    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_processes_that_start_at_once_share_one_pair_of_servers(installation):
    users = [installation.user() for _ in range(6)]

    addresses = {installation.urls(user) for user in users}

    assert len(addresses) == 1
    assert len([p for p in installation.servers() if p.ppid() == guardian_pid(installation.home)]) == 2


def test_servers_outlive_any_user_but_not_the_last_and_forget_nothing(installation):
    first, second = installation.user(), installation.user()
    database_url, redis_url = installation.urls(first)
    installation.urls(second)
    with psycopg.connect(database_url) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 7 AS seven")
    with redis.Redis.from_url(redis_url) as client:
        client.set("kept", "seven")

    first.kill()
    first.wait()
    assert query(database_url, "SELECT seven FROM kept") == (7,)
    second.kill()
    second.wait()
    wait_for(installation.is_down)

    again = installation.urls(installation.user())
    assert again == (database_url, redis_url)
    assert query(database_url, "SELECT seven FROM kept") == (7,)
    with redis.Redis.from_url(redis_url) as client:
        assert client.get("kept") == b"seven"


@pytest.mark.parametrize("name", ["postgres", "redis-server"])
def test_a_killed_server_comes_back_at_the_same_address(installation, name):
    user = installation.user()
    database_url, redis_url = installation.urls(user)
    before = installation.server(name).pid

    os.kill(before, signal.SIGKILL)
    wait_for(lambda: [p for p in installation.servers() if p.name() == name and p.pid > before])

    def answers() -> bool:
        try:
            with redis.Redis.from_url(redis_url) as client:
                return bool(client.ping()) and query(database_url, "SELECT 1") == (1,)
        except (psycopg.OperationalError, redis.ConnectionError):
            return False

    wait_for(answers)


def test_a_killed_guardian_takes_its_servers_along_and_the_next_call_starts_afresh(installation):
    database_url, _ = installation.urls(installation.user())
    with psycopg.connect(database_url) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 7 AS seven")
    guardian = guardian_pid(installation.home)
    assert guardian

    os.kill(guardian, signal.SIGKILL)

    again, _ = installation.urls(installation.user())
    assert guardian_pid(installation.home) != guardian
    assert query(again, "SELECT seven FROM kept") == (7,)


def test_a_first_start_that_broke_off_is_made_again(installation):
    draft = installation.root / "postgres.new"
    draft.mkdir(parents=True)
    (draft / "PG_VERSION").write_text("18\n")
    (installation.root / "redis").mkdir()
    (installation.root / "redis" / "password").touch()
    (installation.root / "services.json").write_text('{"database_url": "post')

    database_url, _ = installation.urls(installation.user())

    assert query(database_url, "SELECT 1") == (1,)


def test_a_pid_file_whose_number_now_belongs_to_somebody_else_does_no_harm(installation):
    user = installation.user()
    installation.urls(user)
    pid_file = installation.root / "postgres" / "postmaster.pid"
    content = pid_file.read_text().splitlines()
    user.kill()
    user.wait()
    wait_for(installation.is_down)
    pid_file.write_text("\n".join([str(os.getppid()), *content[1:]]) + "\n")
    (installation.root / "guard.lock").write_text(str(os.getppid()))

    database_url, _ = installation.urls(installation.user())

    assert query(database_url, "SELECT 1") == (1,)


def test_any_folder_will_do(tmp_path):
    deep = tmp_path / "a folder, with 'quotes' & 数据" / ("long" * 20) / ("longer" * 10)
    installation = Installation(deep)

    user = installation.user()
    database_url, _ = installation.urls(user)

    assert query(database_url, "SELECT 1") == (1,)
    user.kill()
    user.communicate()
    wait_for(installation.is_down)


def test_a_folder_deleted_under_the_servers_ends_them(installation):
    installation.urls(installation.user())

    (installation.root / "users.lock").unlink()

    wait_for(lambda: not installation.servers())


def test_a_full_disk_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr(embedded_servers, "FREE_BYTES_NEEDED", 2**60)
    home = Home(tmp_path)
    home.logs.mkdir()

    server = embedded_servers.PostgresServer(home)

    with pytest.raises(EmbeddedServiceError, match=r"nearly full: \d+ MB are free, \d+ MB are needed"):
        server.prepare()
    server.stop()
    assert not (tmp_path / "postgres").exists()


def test_data_of_another_major_version_is_refused_in_words(installation):
    (installation.root / "postgres").mkdir(parents=True)
    (installation.root / "postgres" / "PG_VERSION").write_text("16\n")

    output, _ = installation.user().communicate(timeout=30)

    assert "was made by PostgreSQL 16, this is 18" in output


def test_status_and_stop_say_what_is_there(installation):
    def ask(word: str) -> tuple[int, str]:
        process = installation.spawn("-m", "config.embedded", word)
        output, _ = process.communicate(timeout=30)
        return process.returncode, output

    assert ask("status")[0] == 1
    database_url, _ = installation.urls(installation.user())
    code, output = ask("status")
    assert code == 0
    assert database_url in output
    assert ask("stop")[0] == 0
    assert installation.is_down()
