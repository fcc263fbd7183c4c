"""The examples for containers and clusters name commands, ports, paths and labels that exist."""

import re
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from typer.testing import CliRunner

from tests.docs.dockerfile_reading import command, stages
from tests.root import ROOT
from tools.cli import app

CONFIGS = ROOT / "configs"
INSIDE = command(
    stages((ROOT / "Dockerfile").read_text("utf-8"))[-1]
)  # what the image runs, without arguments


def read(name: str) -> list[dict[str, Any]]:
    return list(yaml.safe_load_all((CONFIGS / name).read_text(encoding="utf-8")))


def options_of(words: list[str]) -> set[str]:
    return {word for word in words if word.startswith("--")}


@cache
def known_options() -> set[str]:
    shown = CliRunner().invoke(app, ["run", "--help"], env={"COLUMNS": "200"}).output
    return set(re.findall(r"--[a-z-]+", shown))


def port_inside(option: str) -> str:
    return INSIDE[INSIDE.index(option) + 1].rpartition(":")[2]


def test_compose_runs_a_node_per_scanner_and_one_prometheus() -> None:
    (compose,) = read("compose.yaml")
    services = compose["services"]
    nodes = {name: service for name, service in services.items() if name.startswith("node-")}
    assert len(nodes) == 2
    published = [service["ports"][0].split(":") for service in nodes.values()]
    assert {inside for _, inside in published} == {port_inside("--bind")}
    assert len({outside for outside, _ in published}) == 2
    for service in nodes.values():
        assert options_of(service["command"]) <= known_options()
        assert service["volumes"][0].endswith(":/keys:ro")
        assert service["read_only"] is True
        assert service["cap_drop"] == ["ALL"]
        assert service["security_opt"] == ["no-new-privileges:true"]
    for volume in services["prometheus"]["volumes"]:
        assert (CONFIGS / Path(volume.split(":")[0])).is_file()
    assert services["prometheus"]["ports"] == ["127.0.0.1:9090:9090"]  # it has no password

    (prometheus,) = read("prometheus.yml")
    assert all((CONFIGS / name).is_file() for name in prometheus["rule_files"])
    scraped = prometheus["scrape_configs"][0]["static_configs"]
    assert [entry["targets"] for entry in scraped] == [[f"{name}:{port_inside('--http')}"] for name in nodes]
    assert [f"node-{entry['labels']['scanner']}" for entry in scraped] == list(nodes)


def test_kubernetes_keeps_a_waiting_node_reachable_and_labels_its_scanner() -> None:
    deployment, service, scrape = read("kubernetes.yaml")
    pod = deployment["spec"]["template"]
    labels = pod["metadata"]["labels"]
    assert deployment["spec"]["selector"]["matchLabels"] == labels == service["spec"]["selector"]
    assert deployment["spec"]["replicas"] == 1
    (node,) = pod["spec"]["containers"]
    assert node["securityContext"] == {
        "readOnlyRootFilesystem": True,
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
    }
    ports = {port["name"]: str(port["containerPort"]) for port in node["ports"]}
    assert ports == {"results": port_inside("--bind"), "http": port_inside("--http")}
    for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
        # /readyz would take the address away while nobody scans
        assert node[probe]["httpGet"] == {"path": "/livez", "port": "http"}
    assert options_of(node["args"]) <= known_options()
    dockerfile = (ROOT / "Dockerfile").read_text("utf-8")
    assert f"--uid {pod['spec']['securityContext']['runAsUser']} " in dockerfile
    mounted = {mount["name"] for mount in node["volumeMounts"]} | {
        mount["name"] for mount in pod["spec"]["initContainers"][0]["volumeMounts"]
    }
    assert mounted == {volume["name"] for volume in pod["spec"]["volumes"]}
    (keys,) = [mount for mount in node["volumeMounts"] if mount["name"] == "keys"]
    assert keys["mountPath"] + "/musse.key" in (CONFIGS / "container.toml").read_text("utf-8")
    job = yaml.safe_load(scrape["data"]["prometheus.yml"])["scrape_configs"][0]
    sources = {source for rule in job["relabel_configs"] for source in rule["source_labels"]}
    assert {f"__meta_kubernetes_pod_label_{label}" for label in labels} <= sources
    assert "scanner" in {rule.get("target_label") for rule in job["relabel_configs"]}
