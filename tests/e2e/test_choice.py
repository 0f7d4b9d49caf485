"""The choice of the system for the end-to-end tests, and that the overlay fits compose.yaml."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from tests.e2e import containers


class Loader(yaml.SafeLoader):
    """Reads compose's ``!override`` as the list after it."""


Loader.add_constructor("!override", lambda loader, node: loader.construct_sequence(node))


def read(name: str) -> dict:
    return yaml.load((containers.ROOT / name).read_text(), Loader)


@pytest.mark.parametrize(
    ("said", "engine", "used"),
    [
        (None, True, "containers"),
        (None, False, "stack"),
        ("", True, "containers"),
        ("stack", True, "stack"),
        (
            "containers",
            False,
            "containers",
        ),  # then it fails with the reason instead of testing the other system
    ],
)
def test_an_engine_that_answers_is_used_unless_the_environment_says_otherwise(said, engine, used):
    environment = {} if said is None else {containers.CHOICE: said}
    assert containers.chosen(environment, engine=engine) == used


def test_an_unknown_choice_is_refused():
    with pytest.raises(ValueError, match="containers or stack, not podman"):
        containers.chosen({containers.CHOICE: "podman"}, engine=True)


@pytest.mark.parametrize(
    ("program", "answers"),
    [
        (None, False),
        ("exit 0", True),
        ("exit 1", False),  # a client without an engine
        ('test "$1" != compose', False),  # an engine without compose
    ],
)
def test_the_probe_needs_an_engine_and_compose(program, answers, tmp_path: Path, monkeypatch):
    if program:
        (tmp_path / "docker").write_text(f"#!/bin/sh\n{program}\n")
        (tmp_path / "docker").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert containers.engine_answers() is answers


def test_the_probe_times_out_on_an_engine_that_hangs(tmp_path: Path, monkeypatch):
    (tmp_path / "docker").write_text("#!/bin/sh\nexec /bin/sleep 60\n")
    (tmp_path / "docker").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(containers, "PROBE_S", 0.2)
    assert containers.engine_answers() is False


def test_every_variable_of_both_files_has_a_value():
    asked = set()
    for name in containers.FILES:
        asked |= set(re.findall(r"(?<!\$)\$\{([A-Z0-9_]+):\?", (containers.ROOT / name).read_text()))
    values = containers.values()
    assert asked <= set(values)
    assert all(values.values())
    assert len({value for key, value in values.items() if key.endswith("_PORT")}) == 4


PROFILES = containers.values()["COMPOSE_PROFILES"].split(",")


def test_the_overlay_changes_ports_and_networks_only():
    whole, laid_over = (read(name) for name in containers.FILES)
    assert laid_over["name"] != whole["name"], "or `down --volumes` would remove somebody's data"
    for name, service in laid_over["services"].items():
        assert set(service) <= {"ports", "networks"}
        inside = [port.rsplit(":", 1)[1] for port in whole["services"][name].get("ports", [])]
        published = [port.rsplit(":", 1)[1] for port in service["ports"]]
        assert inside in ([], published)
    started = {
        name: each
        for name, each in whole["services"].items()
        if set(each.get("profiles", PROFILES)) & set(PROFILES)
    }
    assert {"gateway", "s3", "kafka"} == {name for name, each in started.items() if each.get("ports")}


def test_addresses_of_containers_for_tests_and_clients(tmp_path: Path):
    values = containers.values()
    admin = {"email": containers.EMAIL, "password": "p", "api_key": "k"}
    system = containers.Containers(tmp_path, values, admin)
    assert system.url == f"http://127.0.0.1:{values['E2E_GATEWAY_PORT']}"
    assert (system.env["SHARPSTREAM_URL"], system.env["SHARPSTREAM_API_KEY"]) == (system.url, "k")
    assert system.kafka().bootstrap_servers == f"127.0.0.1:{values['E2E_KAFKA_PORT']}"
    assert system.credentials["database_url"].endswith(
        f"@127.0.0.1:{values['E2E_POSTGRES_PORT']}/sharpstream"
    )
