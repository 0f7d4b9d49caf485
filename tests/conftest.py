"""The three real servers, started once for the whole run; databases are made by the migrations.

All workers share them, as all runs do to which `SHARPSTREAM_TEST_INFRA=path/to/state.json` gives servers
that run already (``python -m sharpstream.stack.infra DIR``): each test has topics, groups and databases of
its own.
"""

from __future__ import annotations

import gc
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit
from uuid import uuid4

import pytest
from xdist.scheduler import LoadScopeScheduling

from bus.runtime.settings import KafkaSettings, S3Settings
from sharpstream.stack import ports
from sharpstream.stack.postgres import psql
from sharpstream.stack.process import die_with_parent
from tests.databases import Databases

ATTACH = "SHARPSTREAM_TEST_INFRA"
START_S = 180  # the very first start fetches Kafka
WORKER = 1 + int(os.environ.get("PYTEST_XDIST_WORKER", "gw-1").removeprefix("gw"))
"""0: the process that starts the workers, and the shared servers."""
# Ports of its own for each: one that was chosen, or whose server is down, seems free to the others.
if "PYTEST_XDIST_WORKER" in os.environ or ports.RANGE_KEY not in os.environ:
    os.environ[ports.RANGE_KEY] = f"{20_000 + WORKER * 700}-{20_699 + WORKER * 700}"
TOGETHER = ("tests/e2e/", "tests/web/")
"""Folders whose tests share one system or browser: each goes to one worker."""
APART = (
    "tests/bus/",
    "tests/sharpstream/stack/",
    "tests/gateway/partners/test_role.py",
    "tests/gateway/test_cli",
)
"""Tests that take long and share no fixture of their file: each goes to the next free worker."""
FIRST = (*TOGETHER, "tests/chaos/", *APART)
"""Begun first, in this order: at the end, one worker would run them while the others idle."""


class Scopes(LoadScopeScheduling):
    """Sends the tests of a file to one worker, which makes the file's application or model once.

    xdist's own `loadgroup` groups nothing under pytest 9.2.
    """

    def __init__(self, config: pytest.Config, log: Any) -> None:
        config.option.loadscopereorder = False  # by the number of tests: minutes of few tests would come last
        super().__init__(config, log)

    def _split_scope(self, nodeid: str) -> str:
        for folder in TOGETHER:
            if nodeid.startswith(folder):
                return folder
        return nodeid if nodeid.startswith(APART) else nodeid.partition("::")[0]


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Scopes:
    """Distribute tests by `Scopes` if they run in parallel (``-n 2``)."""
    return Scopes(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with `FIRST`."""
    rank = {folder: number for number, folder in enumerate(FIRST)}
    items.sort(key=lambda item: min((r for f, r in rank.items() if item.nodeid.startswith(f)), default=99))


def pytest_collection_finish() -> None:
    """Exclude the objects that imports made from garbage collection: each scan of them takes 0.1 s."""
    gc.freeze()


@dataclass(frozen=True)
class Infra:
    """How to reach the servers."""

    kafka: KafkaSettings
    s3: S3Settings
    database_url: str
    """The owner's URL of a database that no test may use."""
    partners_bootstrap: str
    """Kafka's listener for partners."""

    @classmethod
    def read(cls, path: Path) -> Infra:
        """Read a ``state.json``."""
        state: dict[str, Any] = json.loads(path.read_text())
        return cls(
            kafka=KafkaSettings(**state["kafka"]),
            s3=S3Settings(**state["s3"]),
            database_url=state["database_url"],
            partners_bootstrap=state["kafka_partners"]["bootstrap_servers"],
        )

    def url_of(self, database: str) -> str:
        """Return the URL of another database on the same server."""
        return urlunsplit(urlsplit(self.database_url)._replace(path=f"/{database}"))

    def sql(self, statement: str) -> str:
        """Run a statement outside all tests' databases."""
        return psql(self.database_url, statement)


class Servers:
    """The servers' process, started at once; their addresses are known some 20 s later."""

    def __init__(self) -> None:
        # Not below pytest's own folder: that is closed to the user whom Postgres runs as when we are root.
        self._folder = Path(tempfile.mkdtemp(prefix="sharpstream-tests-", dir="/var/tmp"))
        self.state = self._folder / "state.json"
        with (self._folder / "infra.log").open("wb") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "sharpstream.stack.infra", str(self._folder)],
                stdout=log,
                stderr=log,
                start_new_session=True,
                preexec_fn=die_with_parent(signal.SIGTERM),  # noqa: PLW1509 - one system call
            )

    def stop(self) -> None:
        """Stop them and remove their data."""
        self._process.terminate()
        self._process.wait()
        shutil.rmtree(self._folder)


def pytest_xdist_setupnodes(config: pytest.Config, specs: object) -> None:
    """Start the servers that the workers share, while those import the tests."""
    if ATTACH not in os.environ:
        servers = Servers()
        config.add_cleanup(servers.stop)
        os.environ[ATTACH] = str(servers.state)


@pytest.fixture(scope="session")
def infra() -> Iterator[Infra]:
    """Kafka, Postgres and S3 on free loopback ports."""
    if attached := os.environ.get(ATTACH):
        yield _read(Path(attached))
        return
    servers = Servers()
    try:
        yield _read(servers.state)
    finally:
        servers.stop()


def _read(state: Path) -> Infra:
    deadline = time.monotonic() + START_S
    while not state.exists():
        if time.monotonic() > deadline:
            log = state.parent / "infra.log"
            pytest.fail(f"no servers at {state}:\n{log.read_text()[-3000:] if log.exists() else ''}")
        time.sleep(0.05)
    return Infra.read(state)


@pytest.fixture
def kafka_settings(infra: Infra) -> KafkaSettings:
    """Kafka as the user with all rights; topics and groups are the test's own (`unique`)."""
    return infra.kafka


@pytest.fixture
def s3_settings(infra: Infra, s3_bucket: str) -> S3Settings:
    """The object store with an existing bucket."""
    return infra.s3.model_copy(update={"bucket": s3_bucket})


@pytest.fixture(scope="session")
def s3_bucket(infra: Infra) -> str:
    """One bucket for a worker, whose tests compare its contents; each bucket claims storage volumes."""
    bucket = f"sharpstream-tests-{WORKER}-{uuid4().hex[:8]}"
    _run_module("bus.blobs", _s3_environment(infra.s3.model_copy(update={"bucket": bucket})))
    return bucket


@pytest.fixture(scope="session")
def migrated_template(infra: Infra) -> Iterator[str]:
    """A database with all migrations and without sessions, from which the others are copied."""
    name = f"template_{uuid4().hex}"
    infra.sql(f"CREATE DATABASE {name}")
    try:
        _run_module("ledger", {"DATABASE_URL": infra.url_of(name)}, "migrate")
        yield name
    finally:
        infra.sql(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture(scope="session")
def databases(infra: Infra, migrated_template: str) -> Iterator[Databases]:
    """Migrated databases, each handed to one test at a time."""
    databases = Databases(infra.database_url, migrated_template)
    yield databases
    databases.close()


@pytest.fixture(scope="session")
def database_url(databases: Databases) -> Iterator[str]:
    """One migrated database for the whole run, for tests that share or only read."""
    yield from _lent(databases)


@pytest.fixture
def fresh_database(databases: Databases) -> Iterator[str]:
    """A migrated database of the test's own; its URL."""
    yield from _lent(databases)


@pytest.fixture
def empty_database(infra: Infra) -> Iterator[str]:
    """A database without any table, of the test's own; its URL."""
    name = f"test_{uuid4().hex}"
    infra.sql(f"CREATE DATABASE {name}")
    try:
        yield infra.url_of(name)
    finally:
        infra.sql(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def unique() -> Callable[[str], str]:
    """A function that makes names unique to the test: ``unique("orders")`` -> ``orders-5f3a9c...``."""
    suffix = uuid4().hex[:12]
    return lambda name: f"{name}-{suffix}"


def _lent(databases: Databases) -> Iterator[str]:
    name = databases.take()
    try:
        yield databases.url(name)
    finally:
        databases.give_back(name)


def _s3_environment(s3: S3Settings) -> dict[str, str]:
    assert s3.endpoint_url
    assert s3.access_key_id
    assert s3.secret_access_key
    return {
        "S3_ENDPOINT_URL": s3.endpoint_url,
        "S3_ACCESS_KEY_ID": s3.access_key_id.get_secret_value(),
        "S3_SECRET_ACCESS_KEY": s3.secret_access_key.get_secret_value(),
        "S3_BUCKET": s3.bucket,
    }


def _run_module(module: str, environment: dict[str, str], *arguments: str) -> None:
    """Run one of our own commands to its end, the way an operator does."""
    done = subprocess.run(
        [sys.executable, "-m", module, *arguments],
        env=os.environ | environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"python -m {module}: {done.stdout}{done.stderr}"
