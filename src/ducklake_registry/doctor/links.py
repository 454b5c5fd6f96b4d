"""The way to the registry, link by link, in the order in which a request and then a pod's pull go."""

from __future__ import annotations

from ducklake_registry.doctor import (
    address,
    configuration,
    conversation,
    kubernetes,
    laptop,
    pods,
    pull,
    services,
    settings,
    wiring,
)
from ducklake_registry.doctor.link import Link

LINKS = (
    Link("engine", laptop.engine),
    Link("kind", laptop.kind_cluster, ("engine",)),
    Link("nodes", laptop.nodes, ("kind",)),
    Link("kubernetes", kubernetes.api, ("nodes",)),
    Link("namespace", kubernetes.namespace, ("kubernetes",)),
    Link("claim", kubernetes.claim, ("namespace",)),
    Link("configuration", configuration.configuration, ("namespace",)),
    Link("pod", pods.pod, ("claim", "configuration")),
    Link("service", services.service, ("pod",)),
    Link("node port", services.node_port, ("pod",)),
    Link("host port", address.host_port, ("kind", "nodes")),
    Link("tls", conversation.tls, ("host port",)),
    Link("http", conversation.http, ("node port", "tls")),
    Link("login", conversation.authentication, ("http",)),
    Link("writing", conversation.writing, ("configuration", "login")),
    Link("client", settings.client, ("http",)),
    Link("wiring", wiring.wiring, ("nodes",)),
    Link("pull", pull.pull, ("wiring", "node port", "login")),
)
