"""One size: its cases measured against their floors on one server."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from typing import Any

from benchmarks.clients import Target, Timings, many_clients, one_client
from benchmarks.server import Server

BLOCK = 4


@dataclass(frozen=True, slots=True)
class Effort:
    """How long to measure. Twenty rounds of four requests, and four of half a second for eight clients."""

    rounds: int = 20
    clients: int = 8
    client_rounds: int = 4
    client_seconds: float = 0.5
    warm_up_seconds: float = 0.3


@dataclass(frozen=True, slots=True)
class Figures:
    """Of one page with so many clients. Milliseconds."""

    median: float
    p95: float
    per_second: float

    @classmethod
    def of(cls, timings: Timings) -> Figures:
        each = sorted(seconds * 1_000 for seconds in timings.each)
        at_95 = each[min(len(each) - 1, int(len(each) * 0.95))]
        return cls(statistics.median(each), at_95, len(each) / timings.seconds)


@dataclass(frozen=True, slots=True)
class Measured:
    name: str
    floor: str
    goal: float
    queries: int
    bytes: int
    one: Figures
    one_floor: Figures
    many: Figures
    many_floor: Figures

    @property
    def ratio(self) -> float:
        """Return how many times its floor it takes, for one client."""
        return self.one.median / self.one_floor.median

    @property
    def ratio_of_many(self) -> float:
        """Return how many times fewer requests a second eight clients get answered."""
        return self.many_floor.per_second / self.many.per_second

    @property
    def is_reached(self) -> bool:
        return self.ratio <= self.goal

    def as_json(self) -> dict[str, Any]:
        return {**asdict(self), "ratio": self.ratio, "ratio_of_many": self.ratio_of_many}


def measure(server: Server, prepared: dict[str, Any], effort: Effort) -> Iterator[Measured]:
    floors = {name: _target(floor) for name, floor in prepared["floors"].items()}
    _warm_up(server, (*floors.values(), *(_target(case) for case in prepared["cases"])), effort)
    for case in prepared["cases"]:
        pair = (floors[case["floor"]], _target(case))
        one_floor, one = one_client(server.port, pair, rounds=effort.rounds, block=BLOCK)
        many_floor, many = many_clients(
            server.port, pair,
            clients=effort.clients, rounds=effort.client_rounds, seconds=effort.client_seconds,
        )  # fmt: skip
        yield Measured(
            case["name"], case["floor"], prepared["goals"][case["floor"]], case["queries"], case["bytes"],
            Figures.of(one), Figures.of(one_floor), Figures.of(many), Figures.of(many_floor),
        )  # fmt: skip


def _warm_up(server: Server, targets: Iterable[Target], effort: Effort) -> None:
    """Let both workers compile every template and fill their caches before anything counts."""
    for target in targets:
        many_clients(
            server.port, (target, target), clients=effort.clients, rounds=1, seconds=effort.warm_up_seconds
        )


def _target(case: dict[str, Any]) -> Target:
    return Target.of(case["path"], case["headers"])
