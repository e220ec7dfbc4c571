"""The benchmark measures what it says: its arithmetic here, one small run of it in `make proof`."""

import json
import os
import socket
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from benchmarks.clients import BadAnswerError, Connection, Target, Timings, one_client
from benchmarks.measuring import Figures, Measured
from benchmarks.report import SizeReport, growth_lines

REPOSITORY = Path(__file__).resolve().parents[2]
PAGE = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"


@pytest.fixture
def answering():
    """Start a server that answers each request on a connection with the next of these texts."""
    listeners = []

    def start(*answers):
        listener = socket.create_server(("127.0.0.1", 0))
        listeners.append(listener)
        threading.Thread(target=_answer, args=(listener, answers), daemon=True).start()
        return listener.getsockname()[1]

    yield start
    for listener in listeners:
        listener.close()


def _answer(listener, answers):
    connection, _address = listener.accept()
    with connection:
        for answer in answers:
            if not connection.recv(65_536):
                return
            connection.sendall(answer)


def figures(median, per_second=100.0):
    return Figures(median=median, p95=median, per_second=per_second)


def measured(name="list", median=4.0, floor=2.0, **many):
    return Measured(
        name, "bare list", 2.0, 7, 1_000, figures(median), figures(floor),
        many.get("many", figures(9.0, 50.0)), many.get("many_floor", figures(4.0, 100.0)),
    )  # fmt: skip


def report(accounts, *cases):
    publishing = {"published_per_second": 1_000.0, "rows_per_second": 10.0}
    memory = {"master": 50.0, "workers": 100.0, "all": 150.0}
    return SizeReport(accounts, {}, publishing, list(cases), memory)


def test_a_connection_is_kept_for_the_next_request(answering):
    port = answering(PAGE, PAGE)

    with Connection(port) as connection:
        took = [connection.ask(Target.of("/", {})) for _ in range(2)]

    assert all(0 < seconds < 5 for seconds in took)


def test_an_answer_in_pieces_is_read_to_its_end(answering):
    port = answering(b"HTTP/1.1 200 OK\r\nContent-Length: 300000\r\n\r\n" + b"x" * 300_000, PAGE)

    with Connection(port) as connection:
        connection.ask(Target.of("/", {}))

        assert connection.ask(Target.of("/", {})) > 0


@pytest.mark.parametrize(
    "answer", [b"HTTP/1.1 302 Found\r\nContent-Length: 0\r\n\r\n", b"HTTP/1.1 200 OK\r\n\r\n"]
)
def test_what_is_no_page_is_no_measurement(answering, answer):
    port = answering(answer)

    with Connection(port) as connection, pytest.raises(BadAnswerError):
        connection.ask(Target.of("/", {}))


def test_floor_and_case_are_asked_in_turns(answering):
    port = answering(*[PAGE] * 12)

    floor, case = one_client(port, (Target.of("/a", {}), Target.of("/b", {})), rounds=2, block=3)

    assert (len(floor.each), len(case.each)) == (6, 6)


def test_figures_are_those_of_all_requests():
    found = Figures.of(Timings([n / 1_000 for n in range(1, 101)], seconds=10.0))

    assert (found.median, found.p95, found.per_second) == (50.5, 96.0, 10.0)


def test_a_goal_is_reached_up_to_its_very_number():
    assert measured(median=4.0, floor=2.0).is_reached
    assert not measured(median=4.1, floor=2.0).is_reached
    assert measured().ratio_of_many == 2.0


def test_the_table_shows_each_figure_beside_its_goal():
    lines = report(10_000, measured(), measured("slow list", median=9.0)).lines()

    assert any("| list " in line and "2.00" in line and "✓" in line for line in lines)
    assert any("| slow list" in line and "4.50" in line and "✗" in line for line in lines)


def test_growth_is_told_against_the_floors_of_each_size():
    small = report(10_000, measured(median=4.0, floor=2.0))
    large = report(1_000_000, measured(median=12.0, floor=4.0), measured("only here"))

    lines = growth_lines([large, small])

    assert any("12.0 ms, × 1.50 ✓" in line for line in lines)
    assert not any("only here" in line for line in lines)


@pytest.mark.proof
@pytest.mark.skipif(os.environ.get("SEXTANT_PROOF") != "full", reason="starts servers of its own")
def test_the_whole_benchmark_runs_at_a_small_size(tmp_path):
    command = [sys.executable, "-m", "benchmarks", "400", "--short"]
    command += ["--home", str(tmp_path / "home"), "--results", str(tmp_path)]

    subprocess.run(command, cwd=REPOSITORY, check=True, timeout=600)

    (written,) = tmp_path.glob("*.json")
    (size,) = json.loads(written.read_text())["sizes"]
    assert size["generated"]["order_lines"] == 10_000
    assert {case["floor"] for case in size["cases"]} == {
        "bare list", "bare detail", "bare API list", "bare API detail",
    }  # fmt: skip
    assert all(case["one"]["median"] > 0 and case["queries"] > 0 for case in size["cases"])
