"""What kustomize makes of each overlay: valid, restricted, complete. Run by `make deploy-check`."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema
import kubernetes_validate
import pytest
import yaml

HERE = Path(__file__).parents[1]
TOOLS = HERE.parents[1] / ".venv" / "tools"
KUSTOMIZE = TOOLS / "kustomize"
OVERLAYS = ("dev", "staging", "production", "production-gpu")
ROLES = {"gateway", "relay", "webhooks", "partners", "inference", "export", "ledger"}
ONCE = {"migrate", "topics", "users", "bucket"}
PROCESSORS = {"inference", "export"}
"""Scaled by lag: their offsets are in Kafka."""
Manifest = dict[str, Any]

pytestmark = pytest.mark.skipif(not KUSTOMIZE.exists(), reason="install Go, then run: make deploy-check")


@cache
def built(overlay: str) -> list[Manifest]:
    command = [KUSTOMIZE, "build", HERE / "overlays" / overlay]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert not done.stderr
    return list(yaml.safe_load_all(done.stdout))


def of_kind(overlay: str, *kinds: str) -> dict[str, Manifest]:
    return {each["metadata"]["name"]: each for each in built(overlay) if each["kind"] in kinds}


def workloads(overlay: str) -> dict[str, Manifest]:
    return of_kind(overlay, "Deployment", "StatefulSet", "Job")


def pod(workload: Manifest) -> Manifest:
    found: Manifest = workload["spec"]["template"]
    return found


def matches(selector: Manifest, labels: dict[str, str]) -> bool:
    assert set(selector) <= {"matchLabels"}
    return selector.get("matchLabels", {}).items() <= labels.items()


def closed(schema: Any) -> Any:
    """Return the schema without room for unknown fields, as the API server's strict mode has none."""
    if isinstance(schema, list):
        return [closed(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    made = {key: closed(value) for key, value in schema.items()}
    if "properties" in made and not made.get("x-kubernetes-preserve-unknown-fields"):
        made.setdefault("additionalProperties", False)
    return made


@cache
def definitions() -> dict[str, Any]:
    found = {}
    for path in sorted((TOOLS / "keda").glob("*.yaml")):
        definition = yaml.safe_load(path.read_text())["spec"]
        for version in definition["versions"]:
            schema = closed(version["schema"]["openAPIV3Schema"])
            schema["properties"]["metadata"] = {"type": "object"}
            found[f"{definition['group']}/{version['name']} {definition['names']['kind']}"] = schema
    return found


def environment(workload: Manifest, overlay: str) -> dict[str, str]:
    """Return the keys that a container gets, secrets as their files."""
    (container,) = pod(workload)["spec"]["containers"]
    found: dict[str, str] = {}
    for source in container["envFrom"]:
        found |= of_kind(overlay, "ConfigMap")[source["configMapRef"]["name"]]["data"]
    for each in container["env"]:
        if "value" in each:
            found[each["name"]] = each["value"]
        else:
            wanted = each["valueFrom"]["configMapKeyRef"]
            found[each["name"]] = of_kind(overlay, "ConfigMap")[wanted["name"]]["data"][wanted["key"]]
    return found


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_every_manifest_is_valid_strictly(overlay: str) -> None:
    kinds = set()
    for each in built(overlay):
        kind = f"{each['apiVersion']} {each['kind']}"
        kinds.add(kind)
        if each["apiVersion"].startswith("keda.sh/"):
            jsonschema.Draft7Validator(definitions()[kind]).validate(each)
        else:
            kubernetes_validate.validate(each, "1.37", strict=True)
    assert {"keda.sh/v1alpha1 ScaledObject", "keda.sh/v1alpha1 TriggerAuthentication"} < kinds


@pytest.mark.parametrize("field", ["replicas", "scaleTarget"])
def test_an_unknown_field_of_keda_is_found(field: str) -> None:
    wrong = {**of_kind("production", "ScaledObject")["export"]}
    wrong["spec"] = {**wrong["spec"], field: 1}
    with pytest.raises(jsonschema.ValidationError, match=field):
        jsonschema.Draft7Validator(definitions()["keda.sh/v1alpha1 ScaledObject"]).validate(wrong)


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_every_pod_is_restricted(overlay: str) -> None:
    found = workloads(overlay)
    assert set(found) == ROLES | ONCE
    for name, workload in found.items():
        spec = pod(workload)["spec"]
        assert spec["securityContext"]["runAsNonRoot"] is True
        assert spec["securityContext"]["runAsUser"] == 10001
        assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        assert spec["automountServiceAccountToken"] is False
        assert spec["enableServiceLinks"] is False
        assert not {"hostNetwork", "hostPID", "hostIPC", "initContainers"} & set(spec), name
        (container,) = spec["containers"]
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
        assert {"memory", "ephemeral-storage"} <= set(container["resources"]["limits"])
        assert {"cpu", "memory", "ephemeral-storage"} <= set(container["resources"]["requests"])
        assert all(set(volume) & {"emptyDir", "secret", "configMap"} for volume in spec["volumes"])
        assert all(volume["emptyDir"]["sizeLimit"] for volume in spec["volumes"] if "emptyDir" in volume)
    (namespace,) = of_kind(overlay, "Namespace").values()
    assert namespace["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"
    assert {each["metadata"].get("namespace") for each in built(overlay) if each is not namespace} == {
        namespace["metadata"]["name"]
    }
    accounts = of_kind(overlay, "ServiceAccount")
    assert {pod(each)["spec"]["serviceAccountName"] for each in found.values()} == set(accounts)
    assert all(each["automountServiceAccountToken"] is False for each in accounts.values())


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_selectors_match_and_a_role_keeps_running(overlay: str) -> None:
    found = of_kind(overlay, "Deployment", "StatefulSet")
    labels = {name: pod(each)["metadata"]["labels"] for name, each in found.items()}
    budgets = of_kind(overlay, "PodDisruptionBudget")
    for name, workload in found.items():
        assert matches(workload["spec"]["selector"], labels[name])
        budget = budgets[name]["spec"]
        assert budget["maxUnavailable"] == 1
        assert [each for each in labels if matches(budget["selector"], labels[each])] == [name]
        (container,) = pod(workload)["spec"]["containers"]
        for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
            assert container[probe]["httpGet"]["port"] == "health"
        assert container["readinessProbe"]["httpGet"]["path"] == "/health/ready"
        assert {"name": "health", "containerPort": 8081} in container["ports"]
        spread = {each["topologyKey"] for each in pod(workload)["spec"]["topologySpreadConstraints"]}
        assert spread == {"topology.kubernetes.io/zone", "kubernetes.io/hostname"}
        if workload["kind"] == "StatefulSet":
            service = of_kind(overlay, "Service")[workload["spec"]["serviceName"]]["spec"]
            assert service["clusterIP"] == "None"
            assert service["selector"].items() <= labels[name].items()
    assert of_kind(overlay, "Service")["gateway"]["spec"]["selector"].items() <= labels["gateway"].items()


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_static_members_have_names_that_stay_and_others_none(overlay: str) -> None:
    found = of_kind(overlay, "Deployment", "StatefulSet")
    keys = {name: environment(workload, overlay) for name, workload in found.items()}
    for name in ("webhooks", "partners", "ledger"):
        assert found[name]["kind"] == "StatefulSet", "its pods' names are the instance ids"
        assert f"{name.upper()}_INSTANCE_ID" not in keys[name]
    for name in PROCESSORS:
        assert found[name]["kind"] == "Deployment"
        assert keys[name][f"{name.upper()}_INSTANCE_ID"] == ""


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_processors_alone_are_scaled_by_lag_up_to_their_partitions(overlay: str) -> None:
    scaled = of_kind(overlay, "ScaledObject")
    assert set(scaled) == PROCESSORS
    authentications = of_kind(overlay, "TriggerAuthentication")
    found = workloads(overlay)
    for name, each in scaled.items():
        assert each["spec"]["scaleTargetRef"] == {"name": name}
        assert "replicas" not in found[name]["spec"], "KEDA says how many"
        assert 1 <= each["spec"]["minReplicaCount"] <= each["spec"]["maxReplicaCount"] <= 12
        for trigger in each["spec"]["triggers"]:
            about = trigger["metadata"]
            assert about["consumerGroup"].startswith(f"sharpstream.{name}")
            key = about["bootstrapServersFromEnv"]
            assert environment(found[name], overlay)[key]
            known = authentications[trigger["authenticationRef"]["name"]]["spec"]
            assert known["secretTargetRef"][0]["name"] == f"sharpstream-{name}"
            assert known["env"][0]["containerName"] == name


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_a_pod_reaches_what_it_needs_and_nothing_else(overlay: str) -> None:
    policies = of_kind(overlay, "NetworkPolicy")
    refused = policies["nothing-by-default"]["spec"]
    assert refused == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
    needs = {"kafka": "KAFKA_USERNAME", "database": "DATABASE_URL", "store": "S3_ACCESS_KEY_ID"}
    for name, workload in workloads(overlay).items():
        labels = pod(workload)["metadata"]["labels"]
        keys = environment(workload, overlay)
        for policy, key in needs.items():
            assert matches(policies[policy]["spec"]["podSelector"], labels) == (key in keys), (name, policy)
        internet = matches(policies["internet"]["spec"]["podSelector"], labels)
        assert internet == (name in {"gateway", "webhooks", "partners", "inference"})
    outside = policies["internet"]["spec"]["egress"][0]["to"][0]["ipBlock"]
    assert {"10.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.168.0.0/16"} <= set(outside["except"])
    for policy in needs:
        (rule,) = policies[policy]["spec"]["egress"]
        assert rule["to"] != [{"ipBlock": {"cidr": "192.0.2.0/24"}}], "the overlay says where it is"


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_secrets_are_files_of_a_secret_of_the_roles_own(overlay: str) -> None:
    assert not of_kind(overlay, "Secret"), "no secret is in the repository"
    for name, workload in workloads(overlay).items():
        spec = pod(workload)["spec"]
        named = {each["secret"]["secretName"] for each in spec["volumes"] if "secret" in each}
        allowed = (
            {f"sharpstream-{name}"} if name in ROLES else {"sharpstream-admin", "sharpstream-role-passwords"}
        )
        assert named <= allowed
        assert all(each["secret"]["defaultMode"] == 0o440 for each in spec["volumes"] if "secret" in each)
        mounts = [each["mountPath"] for each in spec["containers"][0]["volumeMounts"]]
        for key, value in environment(workload, overlay).items():
            if key.endswith("_FILE"):
                assert any(value.startswith(f"{mount}/") for mount in mounts if "secrets" in mount), key
            assert "valueFrom" not in value
        assert "secretKeyRef" not in yaml.safe_dump(workload)


def images(overlay: str) -> Iterator[tuple[str, str]]:
    for name, workload in workloads(overlay).items():
        yield name, pod(workload)["spec"]["containers"][0]["image"]


def test_a_gpu_is_asked_for_where_the_component_is_used() -> None:
    for overlay in OVERLAYS:
        spec = pod(workloads(overlay)["inference"])["spec"]
        gpu = spec["containers"][0]["resources"]["limits"].get("nvidia.com/gpu")
        assert (gpu == 1) == (overlay == "production-gpu")
        assert all(image.startswith("registry.example/sharpstream/") for _, image in images(overlay))
    spec = pod(workloads("production-gpu")["inference"])["spec"]
    assert "inference-gpu" in spec["containers"][0]["image"]
    assert {"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"} in spec["tolerations"]
    assert spec["nodeSelector"] == {"nvidia.com/gpu.present": "true"}
    assert environment(workloads("production-gpu")["inference"], "production-gpu")["LAYERED_DEVICE"] == "cuda"
