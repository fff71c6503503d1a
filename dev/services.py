"""The Kafka and Postgres to work with: those the environment names, else real ones started here and stopped again."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from cli.discovery import KAFKA_VARIABLE, POSTGRES_VARIABLE
from dev.announcement import withdraw
from dev.claim import claimed
from dev.errors import ServiceError, last_lines
from dev.kafka import KafkaBroker
from dev.postgres import PostgresServer

OTHER_PORTS = 2
PORT_TAKEN = "Address already in use"  # Java and Postgres use the system's words

Server = KafkaBroker | PostgresServer
S = TypeVar("S", KafkaBroker, PostgresServer)


@dataclass(frozen=True, slots=True)
class Endpoints:
    """Where the services are: Kafka as host:port, Postgres as libpq URI."""

    kafka: str
    postgres: str


@dataclass(frozen=True, slots=True)
class Services:
    """Services in use: where they are, which of them are ours, and the descriptor that holds the data directory."""

    endpoints: Endpoints
    servers: tuple[Server, ...]
    held: int


@contextlib.contextmanager
def running(data_dir: Path, environ: Mapping[str, str] = os.environ) -> Iterator[Endpoints]:
    """Give the services over the data in `data_dir`, started where the environment names none, stopped at the end.

    Raises `DataInUseError` where another process runs on `data_dir`, `ServiceError` where one does not start.
    """
    with started(data_dir, environ) as services:
        yield services.endpoints


@contextlib.contextmanager
def started(data_dir: Path, environ: Mapping[str, str] = os.environ) -> Iterator[Services]:
    """Do as `running`, and give the servers too, for one who watches over them."""
    with claimed(data_dir) as held:
        withdraw(data_dir)
        kafka = postgres = None
        if not environ.get(KAFKA_VARIABLE):
            kafka = KafkaBroker(data_dir / "kafka", environ=environ, keep_fds=[held])
        if not environ.get(POSTGRES_VARIABLE):
            postgres = PostgresServer(data_dir / "postgres", keep_fds=[held])
        servers = tuple(server for server in (kafka, postgres) if server is not None)
        try:
            with ThreadPoolExecutor(max(1, len(servers))) as side_by_side:
                list(side_by_side.map(_start, servers))
            yield Services(
                Endpoints(
                    kafka=kafka.bootstrap if kafka else environ[KAFKA_VARIABLE],
                    postgres=postgres.dsn if postgres else environ[POSTGRES_VARIABLE],
                ),
                servers,
                held,
            )
        finally:
            for server in servers:
                server.stop()


@contextlib.contextmanager
def serving(server: S) -> Iterator[S]:
    """Give a server that answers, and stop it at the end.

    Raises `ServiceError` where it does not start.
    """
    try:
        _start(server)
        yield server
    finally:
        server.stop()


def _start(server: Server) -> None:
    for _ in range(OTHER_PORTS):
        try:
            return _start_once(server)
        except ServiceError as error:
            server.stop()
            # Somebody came between our look at the port and the server, seconds later.
            if not _port_was_taken(error) or not server.picks_another_port():
                raise
    return _start_once(server)


def _start_once(server: Server) -> None:
    server.start()
    server.wait_ready()


def _port_was_taken(error: ServiceError) -> bool:
    return error.log is not None and any(PORT_TAKEN in line for line in last_lines(error.log))
