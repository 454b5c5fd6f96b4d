"""What the registry's objects are called, in `manifests/` and so on every cluster."""

from __future__ import annotations

NAMESPACE = "storage"
"""Where the registry is, unless somebody wants it elsewhere."""

DEPLOYMENT = "docker-registry"
SERVICE = "docker-registry"
NODE_PORT_SERVICE = "docker-registry-nodeport"
CONFIG = "registry-config"
CLAIM = "registry-storage"

PART_OF = ("app.kubernetes.io/part-of", "ducklake-registry")
"""The label that every object of the registry bears."""

PORT = 5000
"""Where the registry listens in its pod."""

FOLDER = "/var/lib/registry"
"""Where the volume is in the pod."""

CONFIG_FILE = "/etc/docker-registry/config.yml"
"""Where its configuration is in the pod."""
