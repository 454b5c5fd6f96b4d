"""The kinds of Kubernetes objects that `dlr` looks at, each with the API that serves it."""

from __future__ import annotations

from typing import NamedTuple


class Kind(NamedTuple):
    """A kind of object, such as ("apps/v1", "Deployment")."""

    api_version: str
    name: str


NAMESPACE = Kind("v1", "Namespace")
NODE = Kind("v1", "Node")
POD = Kind("v1", "Pod")
SERVICE = Kind("v1", "Service")
CLAIM = Kind("v1", "PersistentVolumeClaim")
VOLUME = Kind("v1", "PersistentVolume")
CONFIG_MAP = Kind("v1", "ConfigMap")
SECRET = Kind("v1", "Secret")
EVENT = Kind("v1", "Event")
DEPLOYMENT = Kind("apps/v1", "Deployment")
STATEFUL_SET = Kind("apps/v1", "StatefulSet")
DAEMON_SET = Kind("apps/v1", "DaemonSet")
JOB = Kind("batch/v1", "Job")
CRON_JOB = Kind("batch/v1", "CronJob")
CUSTOM_RESOURCE_DEFINITION = Kind("apiextensions.k8s.io/v1", "CustomResourceDefinition")
INGRESS = Kind("networking.k8s.io/v1", "Ingress")
STORAGE_CLASS = Kind("storage.k8s.io/v1", "StorageClass")
POD_METRICS = Kind("metrics.k8s.io/v1beta1", "PodMetrics")
