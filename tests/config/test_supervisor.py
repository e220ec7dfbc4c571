"""`make run`, seen from outside: what it says and what it leaves behind."""

import os
import signal
import socket

import psutil
import pytest

from config.children import error_in
from config.embedded import guardian_pid
from tests.config.conftest import wait_for


@pytest.fixture
def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return str(probe.getsockname()[1])


@pytest.fixture
def start(installation, free_port):
    """Start a small supervisor and return it together with all processes below it."""

    def run(*arguments):
        process = installation.spawn("-m", "tests.config.small_supervisor", *arguments, PORT=free_port)
        assert process.stdout.readline() == "running\n"
        below = psutil.Process(process.pid).children
        wait_for(lambda: len(below(recursive=True)) >= 3)
        return process, below(recursive=True)

    return run


def ended(processes):
    return not [p for p in processes if p.is_running() and p.status() != psutil.STATUS_ZOMBIE]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_every_process_ends_when_asked_grandchildren_that_refuse_too(start, number):
    supervisor, processes = start()

    supervisor.send_signal(number)
    output, _ = supervisor.communicate(timeout=20)

    assert ended(processes)
    assert supervisor.returncode == 0
    assert "Ending." in output


def test_children_die_with_a_supervisor_that_was_killed(start):
    supervisor, processes = start()
    direct = [process for process in processes if process.ppid() == supervisor.pid]

    supervisor.kill()
    supervisor.wait()

    wait_for(lambda: ended(direct))
    for process in processes:
        process.kill()


def test_one_that_dies_stops_the_rest_and_is_named_with_its_last_words(start):
    supervisor, processes = start("dies")

    output, _ = supervisor.communicate(timeout=20)

    assert supervisor.returncode == 1
    assert "short ended by itself (exit code 3)" in output
    assert "the very last words" in output
    assert ended(processes)


def test_servers_that_die_stop_the_rest_and_are_named(start, installation):
    supervisor, processes = start("embedded")

    os.kill(guardian_pid(installation.home), signal.SIGKILL)
    output, _ = supervisor.communicate(timeout=20)

    assert supervisor.returncode == 1
    assert "PostgreSQL and Redis ended by themselves" in output
    assert ended(processes)


def test_a_second_one_says_who_is_running(start, installation):
    supervisor, _ = start()

    second = installation.spawn("-m", "tests.config.small_supervisor", PORT="0")
    output, _ = second.communicate(timeout=20)

    assert second.returncode == 1
    assert f"already running in {installation.root} (process {supervisor.pid})" in output


def test_a_taken_port_is_named_with_the_way_out(installation):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]

        supervisor = installation.spawn("-m", "config.supervisor", PORT=str(port))
        output, _ = supervisor.communicate(timeout=20)

    assert supervisor.returncode == 1
    assert f"Port {port} of 127.0.0.1 cannot be used" in output
    assert f"make run PORT={port + 1}" in output
    assert installation.is_down()


def test_what_is_no_port_is_said_to_be_none(installation):
    process = installation.spawn("-m", "config.supervisor", PORT="70000")

    output, _ = process.communicate(timeout=20)

    assert process.returncode == 1
    assert output == "PORT=70000 is no port: a number from 1 to 65535 is one.\n"


def test_reset_deletes_the_data_but_not_under_a_running_product(start, installation):
    supervisor, _ = start()

    refused = installation.spawn("-m", "config.supervisor", "reset")
    output, _ = refused.communicate(timeout=20)
    assert refused.returncode == 1
    assert "already running" in output

    supervisor.terminate()
    supervisor.communicate(timeout=20)
    done = installation.spawn("-m", "config.supervisor", "reset")
    done.communicate(timeout=20)
    assert done.returncode == 0
    assert not installation.root.exists()


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ('{"event": "it broke\\nbadly", "level": "error"}', "it broke"),
        ('{"event": "x", "level": "critical", "exception": "Traceback…\\nKeyError: 7"}', "x: KeyError: 7"),
        ('{"event": "error", "level": "info"}', None),
        ('{"broken', None),
        ("Traceback (most recent call last):", "Traceback (most recent call last):"),
        ("all is well", None),
    ],
)
def test_the_console_tells_errors_in_short(line, told):
    assert error_in(line) == told
