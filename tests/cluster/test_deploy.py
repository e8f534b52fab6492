"""The files in deploy/cluster say what a cluster needs, and nothing that does not exist."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest

from shoplens.cli import COMMANDS
from shoplens.settings import Settings
from shoplens.settings.server_address import parse_address

yaml = pytest.importorskip("yaml")
pytestmark = pytest.mark.extras
FOLDER = Path(__file__).parents[2] / "deploy" / "cluster"
VARIABLES = {f"SHOPLENS_{field.name.upper()}" for field in dataclasses.fields(Settings)}


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    content: dict[str, Any] = yaml.safe_load((FOLDER / "compose.yaml").read_text("utf-8"))
    return content


@pytest.fixture(scope="module")
def objects() -> list[dict[str, Any]]:
    return [one for one in yaml.safe_load_all((FOLDER / "kubernetes.yaml").read_text("utf-8")) if one]


def named(objects: list[dict[str, Any]], kind: str) -> dict[str, dict[str, Any]]:
    return {one["metadata"]["name"]: one for one in objects if one["kind"] == kind}


def test_compose_runs_three_nodes_and_two_replicas(compose: dict[str, Any]) -> None:
    services = compose["services"]
    nodes = [name for name, one in services.items() if one["image"].startswith("qdrant/qdrant:")]
    replicas = [name for name, one in services.items() if one["image"] == "shoplens-cluster"]
    assert (len(nodes), len(replicas)) == (3, 2)
    first, *others = nodes
    assert services[first]["command"] == ["./qdrant", "--uri", f"http://{first}:6335"]
    for name in others:
        own = ["--uri", f"http://{name}:6335"]
        assert services[name]["command"] == ["./qdrant", "--bootstrap", f"http://{first}:6335", *own]
    for name in replicas:
        assert services[name]["read_only"] and services[name]["cap_drop"] == ["ALL"]
        environment = services[name]["environment"]
        assert environment.keys() <= VARIABLES
        assert parse_address(environment["SHOPLENS_STORE"]).host in nodes
        assert int(environment["SHOPLENS_QDRANT_WRITE_CONSISTENCY"]) <= int(environment["SHOPLENS_QDRANT_REPLICAS"])
    targets = [word for word in services["balancer"]["command"] if word.startswith("replica-")]
    assert targets == [f"{name}:8000" for name in replicas]
    used = {volume.partition(":")[0] for one in services.values() for volume in one.get("volumes", [])}
    assert used == compose["volumes"].keys()
    needed = {name for one in services.values() for name in one.get("depends_on", [])}
    assert needed <= services.keys()


def test_every_pod_is_guarded_and_probed(objects: list[dict[str, Any]]) -> None:
    pods = {**named(objects, "Deployment"), **named(objects, "StatefulSet")}
    assert pods.keys() == {"qdrant", "shoplens", "redis"}
    for workload in pods.values():
        spec = workload["spec"]["template"]["spec"]
        assert spec["securityContext"]["runAsNonRoot"] is True and spec["securityContext"]["runAsUser"] > 0
        assert spec["automountServiceAccountToken"] is False
        for container in spec["containers"]:
            guarded = container["securityContext"]
            assert guarded["readOnlyRootFilesystem"] and not guarded["allowPrivilegeEscalation"]
            assert guarded["capabilities"] == {"drop": ["ALL"]}
            assert {"startupProbe", "readinessProbe", "livenessProbe"} <= container.keys()
            ports = {port["name"] for port in container["ports"]}
            for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
                kind = container[probe].get("httpGet") or container[probe]["tcpSocket"]
                assert kind["port"] in ports
            assert container["resources"]["requests"].keys() == {"cpu", "memory"}
            assert ":" in container["image"] or container["image"] == "shoplens-cluster"
            mounted = {one["name"] for one in container.get("volumeMounts", [])}
            claimed = {one["metadata"]["name"] for one in workload["spec"].get("volumeClaimTemplates", [])}
            assert mounted <= claimed | {one["name"] for one in spec.get("volumes", [])}
        assert workload["spec"]["selector"]["matchLabels"] == workload["spec"]["template"]["metadata"]["labels"]


@pytest.mark.parametrize("version", ["1.28", "1.32"])
def test_every_object_is_valid_by_the_schemas_of_kubernetes(objects: list[dict[str, Any]], version: str) -> None:
    validator = pytest.importorskip("kubernetes_validate")
    for one in objects:
        validator.validate(one, version, strict=True)
    broken = {**objects[0], "spec": {**objects[0]["spec"], "portz": []}}
    with pytest.raises(validator.ValidationError):
        validator.validate(broken, version, strict=True)


def test_replicas_scale_and_survive_maintenance(objects: list[dict[str, Any]]) -> None:
    scaler = named(objects, "HorizontalPodAutoscaler")["shoplens"]["spec"]
    assert scaler["scaleTargetRef"]["name"] in named(objects, "Deployment")
    assert scaler["minReplicas"] >= 2
    assert "replicas" not in named(objects, "Deployment")["shoplens"]["spec"], "the autoscaler sets it"
    budgets = named(objects, "PodDisruptionBudget")
    assert budgets["qdrant"]["spec"]["maxUnavailable"] == 1 and budgets["shoplens"]["spec"]["minAvailable"] >= 1
    labels = [
        one["spec"]["template"]["metadata"]["labels"] for one in objects if one["kind"] in ("Deployment", "StatefulSet")
    ]
    for kind in ("PodDisruptionBudget", "Service"):
        for one in named(objects, kind).values():
            selector = one["spec"]["selector"]
            assert selector.get("matchLabels", selector) in labels


def test_the_replica_is_told_what_exists(objects: list[dict[str, Any]]) -> None:
    (container,) = named(objects, "Deployment")["shoplens"]["spec"]["template"]["spec"]["containers"]
    values = {one["name"]: one.get("value") for one in container["env"]}
    assert {name for name in values if name.startswith("SHOPLENS_")} <= VARIABLES
    assert container["args"][0] in COMMANDS
    services = named(objects, "Service")
    assert parse_address(values["SHOPLENS_STORE"] or "").host in services
    assert int(values["SHOPLENS_QDRANT_WRITE_CONSISTENCY"] or 0) <= int(values["SHOPLENS_QDRANT_REPLICAS"] or 0)
    assert named(objects, "StatefulSet")["qdrant"]["spec"]["serviceName"] in services
    keys = {one["valueFrom"]["secretKeyRef"]["key"] for one in container["env"] if "valueFrom" in one}
    head = (FOLDER / "kubernetes.yaml").read_text("utf-8").partition("apiVersion")[0]
    assert all(f"--from-literal={key}=" in head for key in keys), "the comment says how to make the secret"


def test_every_package_of_the_image_is_pinned() -> None:
    lines = (FOLDER / "requirements.txt").read_text("utf-8").split()
    assert lines and all("==" in line for line in lines)
    names = {line.partition("==")[0] for line in lines}
    assert {"qdrant-client", "ray", "redis", "fsspec", "s3fs"} <= names
