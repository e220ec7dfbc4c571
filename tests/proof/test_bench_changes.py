"""What the benchmark of changes counts: each change once, up to the first score that speaks of it."""

from datetime import UTC, datetime, timedelta

from benchmarks.arriving import Waiting
from benchmarks.changes import lines

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


def test_a_score_settles_the_changes_before_its_moment_and_leaves_later_ones(monkeypatch):
    monkeypatch.setattr("benchmarks.arriving.time.monotonic", lambda: 100.0)
    waiting = Waiting()
    for seconds in (0, 1, 7):
        waiting.add(5, NOON + timedelta(seconds=seconds))
    waiting.add(6, NOON)

    took = waiting.settle(5, NOON + timedelta(seconds=7), 130.0)

    assert took == [30.0, 30.0]
    accounts, oldest = waiting.snapshot()
    assert (sorted(accounts), oldest) == ([5, 6], NOON)
    assert waiting.settle(5, NOON + timedelta(seconds=8), 131.0) == [31.0]
    assert waiting.settle(5, NOON + timedelta(seconds=9), 132.0) == []


def test_the_table_says_what_was_missed():
    found = {
        "busy": [float(n) for n in range(1, 101)], "idle": [12.0, 70.0], "rates": {"busy": 99.5, "idle": 0.0},
        "lost": 0, "seconds": 60.0, "cpu_seconds": 30.0, "load": "1.0, 1.0, 1.0",
    }  # fmt: skip

    told = " ".join("\n".join(lines(1_000, found)).split())

    assert "| 99.5 | 100 | 50.5 | 96.0 | 100.0 | 900 ✓ |" in told
    assert "| 12.0" not in told
    assert "70.0 | 60 ✗" in told
    assert "900 ✗" in "\n".join(lines(1_000, found | {"lost": 1}))
