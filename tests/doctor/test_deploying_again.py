"""What a repair leaves to those whose configuration is another."""

from __future__ import annotations

from concurrent.futures import Future
from typing import Any

import pytest
import yaml

from ducklake_registry.doctor import pods, services
from ducklake_registry.doctor.finding import Remedy
from ducklake_registry.errors import AccessDenied
from ducklake_registry.manifests import find, registry_objects
from tests.doctor.patients import DEPLOYMENT, deployed, only, patient

CONFIG = find(registry_objects(), "ConfigMap", "registry-config")
TEXT = CONFIG["data"]["config.yml"]
FROZEN = TEXT.replace("maintenance:", "maintenance:\n    readonly: {enabled: true}")
AUTH = "auth:\n  htpasswd:\n    realm: ours\n    path: /etc/docker-registry/htpasswd\n"


class TestDeployingAgain:
    """It makes the configuration dlr's own, so `--fix` leaves it to those whose configuration is another."""

    @pytest.mark.parametrize(
        ("config_map", "lost"),
        [
            (None, None),
            (CONFIG, None),
            ({}, None),
            ({"data": {"config.yml": FROZEN}}, None),
            (
                {"data": {"config.yml": TEXT + AUTH}},
                "auth.htpasswd.path is /etc/docker-registry/htpasswd (dlr's: missing)",
            ),
            ({"data": {"config.yml": AUTH + "a: ["}}, "its config.yml, which is no YAML"),
            ({"data": {"config.yml": "words"}}, "its config.yml, which is no mapping of settings"),
        ],
    )
    @pytest.mark.parametrize("broken", ["service", "scaled", "removed"])
    def test_is_made_only_where_nothing_was_chosen(
        self, config_map: dict[str, Any] | None, lost: str | None, broken: str
    ) -> None:
        stopped = deployed() | {"spec": DEPLOYMENT["spec"] | {"replicas": 0}}
        deployment = {"service": deployed(), "scaled": stopped, "removed": None}[broken]
        made = patient(deployment=deployment, services={}, pods=[], config_map=config_map)
        found = only(services.service(made) if broken == "service" else pods.pod(made))
        assert found.repair == "dlr deploy-registry"
        assert found.remedy is (None if lost else Remedy.DEPLOY_REGISTRY)
        assert (f"would replace what was chosen: {lost}" if lost else "") in found.means

    @pytest.mark.parametrize(
        ("section", "key", "value"),
        [
            ("redis", "password", "hunter2"),
            ("storage", "s3", {"secretkey": "hunter2"}),
            ("log", "hooks", [{"options": {"smtp": "hunter2"}}]),
        ],
    )
    def test_no_secret_is_told(self, section: str, key: str, value: Any) -> None:
        config = yaml.safe_load(TEXT)
        config.setdefault(section, {})[key] = value
        made = patient(
            deployment=deployed(),
            services={},
            pods=[],
            config_map={"data": {"config.yml": yaml.safe_dump(config)}},
        )
        told = only(services.service(made)).means
        assert f"{section}.{key}" in told
        assert "is set (dlr's: missing)" in told
        assert "hunter2" not in told

    def test_what_is_no_yaml_is_told_without_its_lines(self) -> None:
        broken = {"data": {"config.yml": "redis:\n  password: hunter2\n  a: [\n"}}
        made = patient(deployment=deployed(), services={}, pods=[], config_map=broken)
        told = only(services.service(made)).means
        assert "no YAML: expected the node content, but found '<stream end>' in line 4" in told
        assert "hunter2" not in told

    def test_is_not_made_where_that_cannot_be_seen(self) -> None:
        made = patient(deployment=deployed(), services={}, pods=[])
        made.answers["config_map"] = Future()
        made.answers["config_map"].set_exception(AccessDenied("no right"))
        assert only(services.service(made)).remedy is None
