"""Each pod gets the keys without which its role does not start, and no key that does not exist."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from bus.runtime import secret_files
from tests.deploy.test_keys_reach_roles import EVERY, environment

ROOT = Path(__file__).parents[2]
BASE = ROOT / "deploy" / "kubernetes" / "base"
OVERLAY_GIVES = {
    "KAFKA_BOOTSTRAP_SERVERS",
    "S3_ENDPOINT_URL",
    "S3_PUBLIC_ENDPOINT_URL",
    "GATEWAY_PUBLIC_URL",
    "GATEWAY_TRUSTED_PROXIES",
    "OTEL_EXPORTER_OTLP_ENDPOINT",
    "DATABASE_ADDRESS",
}
"""DATABASE_ADDRESS is no key of ours: DATABASE_URL is made of it."""


def pods() -> dict[str, dict[str, str]]:
    """Return role or job -> the keys that its container names itself."""
    found = {}
    for path in sorted(BASE.glob("*.yaml")):
        if path.name == "kustomization.yaml":
            continue
        for each in yaml.safe_load_all(path.read_text()):
            if each["kind"] in {"Deployment", "StatefulSet", "Job"}:
                (container,) = each["spec"]["template"]["spec"]["containers"]
                found[each["metadata"]["name"]] = {
                    one["name"]: one.get("value", "from the overlay") for one in container["env"]
                }
    return found


def of_all() -> set[str]:
    """Return the keys of the map that every pod reads: the base's and what each overlay adds."""
    (made,) = yaml.safe_load((BASE / "kustomization.yaml").read_text())["configMapGenerator"]
    return {each.partition("=")[0] for each in made["literals"]} | OVERLAY_GIVES


PODS = pods()


def test_every_role_has_a_pod() -> None:
    assert set(PODS) == set(EVERY)


@pytest.mark.parametrize("overlay", ["dev", "staging", "production"])
def test_an_overlay_gives_what_the_base_leaves_open(overlay: str) -> None:
    path = ROOT / "deploy" / "kubernetes" / "overlays" / overlay / "kustomization.yaml"
    (merged,) = yaml.safe_load(path.read_text())["configMapGenerator"]
    assert {each.partition("=")[0] for each in merged["literals"]} == OVERLAY_GIVES


@pytest.mark.parametrize("name", list(EVERY))
def test_a_pod_has_the_keys_that_its_role_requires(name: str) -> None:
    given = of_all() | {key.removesuffix(secret_files.SUFFIX) for key in PODS[name]}
    for settings in EVERY[name]:
        for key, field in environment.keys(settings).items():
            if field.is_required():
                assert key in given, f"{name} does not start without {key}"
    if name in environment.ROLES:
        assert PODS[name]["KAFKA_USERNAME"] == f"sharpstream-{name}"


@pytest.mark.parametrize("name", list(EVERY))
def test_a_pod_names_only_keys_of_its_role(name: str) -> None:
    known = {key: field for settings in EVERY[name] for key, field in environment.keys(settings).items()}
    files = {f"{key}{secret_files.SUFFIX}" for key, field in known.items() if secret_files.is_secret(field)}
    assert set(PODS[name]) - {"DATABASE_ADDRESS"} <= set(known) | files


def test_the_map_that_every_pod_reads_has_real_keys_and_no_secret() -> None:
    every = {
        key: field
        for classes in EVERY.values()
        for settings in classes
        for key, field in environment.keys(settings).items()
    }
    ours = of_all() - {"DATABASE_ADDRESS", "OTEL_EXPORTER_OTLP_ENDPOINT"}
    assert ours <= set(every)
    assert not [key for key in ours if secret_files.is_secret(every[key])]
