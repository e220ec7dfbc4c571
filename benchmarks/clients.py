"""Clients with persistent connections, as thin as they can be: they share the machine with the server."""

from __future__ import annotations

import socket
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import count
from types import TracebackType
from typing import Self


class BadAnswerError(RuntimeError):
    """The server did not answer 200 with a length; a figure made from that would mean nothing."""


_numbers = count()


@dataclass(frozen=True, slots=True)
class Target:
    """A request, as the bytes that are sent. `{new}` in its path is another number each time."""

    request: bytes
    path: str

    def fresh(self) -> bytes:
        return self.request.replace(b"{new}", b"%d" % next(_numbers))

    @classmethod
    def of(cls, path: str, headers: Mapping[str, str]) -> Target:
        lines = [f"GET {path} HTTP/1.1", "Host: 127.0.0.1", "Accept: */*"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        return cls("\r\n".join([*lines, "", ""]).encode(), path)


@dataclass(slots=True)
class Timings:
    """Seconds of each request, and of the whole."""

    each: list[float] = field(default_factory=list)
    seconds: float = 0.0

    def add(self, other: Timings) -> None:
        self.each += other.each
        self.seconds += other.seconds


class Connection:
    def __init__(self, port: int) -> None:
        self._port = port
        self._socket: socket.socket | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _type: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def ask(self, target: Target) -> float:
        """Send one request, read its whole answer and return how long that took."""
        if self._socket is None:
            self._socket = socket.create_connection(("127.0.0.1", self._port), timeout=120)
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        started = time.perf_counter()
        self._socket.sendall(target.fresh())
        stays_open = _read(self._socket, target)
        took = time.perf_counter() - started
        if not stays_open:
            self.close()
        return took


def _read(connection: socket.socket, target: Target) -> bool:
    """Read one answer; return whether the server keeps the connection."""
    received = bytearray()
    while (end := received.find(b"\r\n\r\n")) < 0:
        received += _some(connection, target)
    head = bytes(received[:end]).lower()
    if not head.startswith(b"http/1.1 200"):
        raise BadAnswerError(f"{target.path}: {head[:60].decode(errors='replace')}")
    _before, found, rest = head.partition(b"\r\ncontent-length:")
    if not found:
        raise BadAnswerError(f"{target.path}: no Content-Length")
    left = int(rest.split(b"\r\n", 1)[0]) - (len(received) - end - 4)
    while left > 0:
        left -= len(_some(connection, target))
    return b"\r\nconnection: close" not in head


def _some(connection: socket.socket, target: Target) -> bytes:
    chunk = connection.recv(262_144)
    if not chunk:
        raise BadAnswerError(f"{target.path}: the server closed the connection")
    return chunk


def one_client(port: int, pair: tuple[Target, Target], *, rounds: int, block: int) -> tuple[Timings, Timings]:
    """Ask for both in turns of a few requests, so that whatever disturbs the machine disturbs both."""
    floor, case = Timings(), Timings()
    with Connection(port) as connection:
        for _ in range(rounds):
            for target, timings in zip(pair, (floor, case), strict=True):
                took = [connection.ask(target) for _ in range(block)]
                timings.add(Timings(took, sum(took)))
    return floor, case


def many_clients(
    port: int, pair: tuple[Target, Target], *, clients: int, rounds: int, seconds: float
) -> tuple[Timings, Timings]:
    """Let this many clients ask as fast as they are answered, in turns of a short while for each."""
    floor, case = Timings(), Timings()
    connections = [Connection(port) for _ in range(clients)]
    try:
        with ThreadPoolExecutor(clients) as pool:
            for _ in range(rounds):
                for target, timings in zip(pair, (floor, case), strict=True):
                    timings.add(_together(pool, connections, target, seconds))
    finally:
        for connection in connections:
            connection.close()
    return floor, case


def _together(
    pool: ThreadPoolExecutor, connections: list[Connection], target: Target, seconds: float
) -> Timings:
    started = time.perf_counter()
    running = [pool.submit(_until, connection, target, started + seconds) for connection in connections]
    each = [took for future in running for took in future.result()]
    return Timings(each, time.perf_counter() - started)


def _until(connection: Connection, target: Target, end: float) -> list[float]:
    took = []
    while time.perf_counter() < end:
        took.append(connection.ask(target))
    return took
