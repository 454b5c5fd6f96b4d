"""What the engine says of layers and failures."""

from __future__ import annotations

import pytest

from ducklake_registry.engine.failures import ConnectionBroken, registry_failure
from ducklake_registry.engine.layers import Layers
from ducklake_registry.errors import Denied, EngineError, NotFound, Unauthorized


def test_layers_are_summed_up_and_those_that_move_shown() -> None:
    layers = Layers()
    assert str(layers) == "0 of 0 layers"
    for event in (
        {"status": "The push refers to repository [h:5000/a]"},
        {"id": "aaa", "status": "Preparing", "progressDetail": {}},
        {"id": "bbb", "status": "Preparing", "progressDetail": {}},
        {"id": "aaa", "status": "Layer already exists"},
        {"id": "bbb", "status": "Pushing", "progressDetail": {"current": 1_500_000, "total": 6_000_000}},
    ):
        layers.take(event)
    assert str(layers).splitlines() == ["1 of 2 layers, 1.5 of 6.0 MB", "bbb  pushing 1.5 of 6.0 MB"]
    # More than was thought: what is uncompressed on the way counts otherwise.
    layers.take({"id": "bbb", "status": "Pushing", "progressDetail": {"current": 7_000_000, "total": 6_000_000}})
    layers.take({"id": "bbb", "status": "Pushed", "progressDetail": {}})
    layers.take({"id": "v1", "status": "Digest: sha256:0"})
    assert str(layers) == "2 of 2 layers, 7.0 of 7.0 MB"


@pytest.mark.parametrize(
    ("said", "kind", "hint"),
    [
        ("dial tcp 127.0.0.1:5000: connect: connection refused", ConnectionBroken, "registry-status"),
        ("unexpected EOF", ConnectionBroken, "registry-status"),
        ("received unexpected HTTP status: 503 Service Unavailable", ConnectionBroken, "registry-status"),
        ("received unexpected HTTP status: 500 Internal Server Error", EngineError, "may be full"),
        ("unauthorized: authentication required", Unauthorized, "docker login h:5000"),
        ("no basic auth credentials", Unauthorized, "docker login h:5000"),
        ("denied: requested access to the resource is denied", Denied, "may not"),
        ("manifest unknown: manifest unknown", NotFound, "list-registry-images"),
        ("http: server gave HTTP response to HTTPS client", EngineError, "insecure-registries"),
        ("x509: certificate signed by unknown authority", EngineError, "/etc/docker/certs.d/h:5000/ca.crt"),
        ("write /tmp/x: no space left on device", EngineError, "docker system prune"),
        ("something new", EngineError, "dlr logs"),
        ('Head "http://h:5000/v2/certificate/denied": connection refused', ConnectionBroken, "registry-status"),
        ("remote error: tls: bad certificate", EngineError, "/etc/docker/certs.d/h:5000/ca.crt"),
    ],
)
def test_what_a_failure_means(said: str, kind: type[Exception], hint: str) -> None:
    error = registry_failure("cannot push h:5000/a:v1", "h:5000", said)
    assert type(error) is kind
    assert error.message == f"cannot push h:5000/a:v1: {said}"
    assert hint in str(error.hint)
