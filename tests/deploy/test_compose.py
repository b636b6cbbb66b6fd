"""The compose file keeps its promises: pinned images, loopback ports, no secret in it, data in volumes."""

from __future__ import annotations

import re
from typing import Any

import pytest
import yaml

from tests.conftest import ROOT


@pytest.fixture
def services() -> dict[str, Any]:
    return dict(yaml.safe_load((ROOT / "deploy" / "compose.yaml").read_text())["services"])


def test_every_image_is_of_one_version(services: dict[str, Any]) -> None:
    base = re.findall(r"^FROM (\S+)$", (ROOT / "deploy" / "Dockerfile").read_text(), re.MULTILINE)
    images = [service["image"] for service in services.values()]
    assert len(base) == 1
    for image in [*base, *images]:
        assert re.fullmatch(r"[\w-]+:\d+(\.\d+)+(-\w+)*", image), image


def test_the_server_has_the_version_of_mlflow_that_the_tests_ran_with(services: dict[str, Any]) -> None:
    (version,) = re.findall(r"^mlflow==(.+)$", (ROOT / "constraints.txt").read_text(), re.MULTILINE)
    assert services["server"]["image"] == f"convspec-server:{version}"


def test_ports_are_open_to_this_machine_alone(services: dict[str, Any]) -> None:
    ports = [port for service in services.values() for port in service["ports"]]
    assert len(ports) == 2
    for port in ports:
        assert re.fullmatch(r"127\.0\.0\.1:\$\{\w+:-\d+\}:\d+", port)


def test_the_password_comes_from_the_environment_and_is_missed_where_it_is_not_set(services: dict[str, Any]) -> None:
    assert services["database"]["environment"]["POSTGRES_PASSWORD"].startswith("${CONVSPEC_DATABASE_PASSWORD:?")
    assert ":${CONVSPEC_DATABASE_PASSWORD}@" in services["server"]["environment"]["MLFLOW_BACKEND_STORE_URI"]
    assert "CONVSPEC_DATABASE_PASSWORD=\n" in (ROOT / "deploy" / "example.env").read_text()
    assert "/deploy/.env" in (ROOT / ".gitignore").read_text().splitlines()


def test_data_outlive_the_containers(services: dict[str, Any]) -> None:
    declared = yaml.safe_load((ROOT / "deploy" / "compose.yaml").read_text())["volumes"]
    kept = {volume.partition(":")[0] for service in services.values() for volume in service["volumes"]}
    assert kept == set(declared) == {"database", "artifacts"}


def test_the_server_is_one_worker_without_jobs_that_serves_artifacts(services: dict[str, Any]) -> None:
    server = services["server"]
    assert {"--workers=1", "--serve-artifacts", "--artifacts-destination=/artifacts"} <= set(server["command"])
    assert server["environment"]["MLFLOW_SERVER_ENABLE_JOB_EXECUTION"] == "false"
    assert server["depends_on"]["database"]["condition"] == "service_healthy"


def test_the_database_takes_more_connections_than_the_server_wants(services: dict[str, Any]) -> None:
    (most,) = (int(word.partition("=")[2]) for word in services["database"]["command"] if "max_connections=" in word)
    settings = services["server"]["environment"]
    wanted = [int(settings[f"MLFLOW_SQLALCHEMYSTORE_{name}"]) for name in ("POOL_SIZE", "MAX_OVERFLOW")]
    assert sum(wanted) >= 40 * 3  # threads of one worker, and what a request takes at most
    assert most > sum(wanted)
    script = (ROOT / "deploy" / "server.py").read_text() + (ROOT / "deploy" / "postgresql.py").read_text()
    assert f"KEPT_CONNECTIONS, MORE_CONNECTIONS = {wanted[0]}, {wanted[1]}\n" in script
    assert f"MOST_CONNECTIONS = {most}\n" in script
