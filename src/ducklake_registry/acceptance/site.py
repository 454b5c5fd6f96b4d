"""`Site`: the cluster in which the registry under test runs, if it is there and no other one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import yaml

from ducklake_registry.acceptance.check import CheckFailed, CheckSkipped
from ducklake_registry.acceptance.context import IMAGES
from ducklake_registry.cluster import kinds
from ducklake_registry.cluster.commands import Commands
from ducklake_registry.cluster.execute import execute
from ducklake_registry.cluster.hosting import published
from ducklake_registry.cluster.workload import is_ready, newest_pods
from ducklake_registry.errors import ClusterError, DlrError
from ducklake_registry.manifests import names
from ducklake_registry.reference import Digest

if TYPE_CHECKING:
    from ducklake_registry.acceptance.context import Context
    from ducklake_registry.cluster.client import Cluster
    from ducklake_registry.cluster.execute import Executed
    from ducklake_registry.manifests import Object

_EXEC_SECONDS = 20.0


@dataclass(frozen=True, slots=True)
class Site:
    """The namespace of a cluster that the registry is in, each question about it a method."""

    cluster: Cluster
    namespace: str

    def deployment(self) -> Object | None:
        """Return the registry's Deployment."""
        return self.cluster.get(kinds.DEPLOYMENT, names.DEPLOYMENT, self.namespace)

    def pods(self) -> list[Object]:
        """Return the registry's pods that are not on their way out, the newest first."""
        deployment = self.deployment()
        return newest_pods(self.cluster, deployment) if deployment else []

    def pod(self) -> Object:
        """Return a pod of the registry that is ready. Raises CheckFailed."""
        ready = next(filter(is_ready, self.pods()), None)
        if ready is None:
            look = Commands.of(self.cluster, self.namespace).dlr("registry-status")
            raise CheckFailed("no pod of the registry is ready", f"see why: {look}")
        return ready

    def run(self, *argv: str) -> Executed:
        """Run a program in the registry's pod, as the registry's user."""
        return execute(self.cluster, self.pod(), argv, _EXEC_SECONDS)

    def has_blob(self, digest: Digest) -> bool:
        """Tell whether the registry's volume has a blob. Source: distribution, "storage/paths.go"."""
        path = f"{names.FOLDER}/docker/registry/v2/blobs/{digest.algorithm}/{digest.hex[:2]}/{digest.hex}/data"
        return self.run("test", "-f", path).status == 0

    def wants_login(self) -> bool:
        """Tell whether the registry's configuration on the cluster has authentication.

        Raises CheckSkipped for one that cannot be read: the registry runs with an earlier one.
        """
        found = self.cluster.get(kinds.CONFIG_MAP, names.CONFIG, self.namespace)
        text = ((found or {}).get("data") or {}).get("config.yml")
        try:
            settings = yaml.safe_load(text or "{}")
        except yaml.YAMLError:
            settings = None
        if not isinstance(settings, dict):
            raise CheckSkipped("it lets anyone in, and its configuration on the cluster cannot be read")
        return bool(settings.get("auth"))


def find_site(cluster: Cluster, namespace: str, context: Context, *, may_push: bool) -> Site:
    """Return where the registry under test runs.

    Raises CheckSkipped where it cannot be asked, or is not the registry that the context asks: a registry is the
    cluster's if that says so, or if what is put into it appears on the cluster's volume. The latter is only tried
    with `may_push`: a look at somebody's registry must not change it.
    """
    site = Site(cluster, namespace)
    try:
        where = f"namespace {namespace} of context {cluster.context}"
        if site.deployment() is None:
            raise CheckSkipped(f"there is no registry in {where}")
        if published(cluster) == context.registry or (may_push and _arrives(site, context)):
            return site
    except ClusterError as error:
        raise CheckSkipped(f"no cluster: {error.message}") from error
    raise CheckSkipped(f"{context.registry} is not the registry in {where}")


def _arrives(site: Site, context: Context) -> bool:
    """Put something into the registry and look for it on the volume."""
    mark = context.text("Where does this go?").encode()
    try:
        context.push_blob(IMAGES, mark)
        return site.has_blob(Digest.of(mark))
    except ClusterError:
        raise
    except DlrError:
        return False
