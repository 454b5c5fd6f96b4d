"""One Kubernetes cluster, seen through one context of a kubeconfig. The only user of the Kubernetes library."""

from __future__ import annotations

import contextlib
import json
import threading
from email.utils import parsedate_to_datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from ducklake_registry.cluster.kubeconfig import IN_CLUSTER, Kubeconfig
from ducklake_registry.cluster.refusals import translated
from ducklake_registry.errors import ClusterError, ClusterUnreachable
from ducklake_registry.reference import is_loopback

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from kubernetes.client import ApiClient
    from kubernetes.dynamic import DynamicClient
    from kubernetes.dynamic.resource import Resource
    from websocket import WebSocket

    from ducklake_registry.cluster.kinds import Kind
    from ducklake_registry.manifests import Object

FIELD_MANAGER = "dlr"
"""Who server-side apply notes as the owner of what `dlr` sets."""

_PIECE = 64 * 1024


class NotServed(ClusterError):
    """The cluster's API does not have this kind of object."""


class Cluster:
    """A cluster; connected when it is first asked something.

    Objects go in and come out as plain dictionaries, in JSON's names. Every request ends within
    `request_timeout` seconds. All methods raise ClusterUnreachable, AccessDenied or another ClusterError.
    """

    def __init__(
        self, context: str | None = None, kubeconfig: Kubeconfig | None = None, request_timeout: float = 15
    ) -> None:
        self._wanted = context
        self._kubeconfig = kubeconfig or Kubeconfig.parse(None)
        self._timeout = request_timeout
        self._resources: dict[str, list[dict[str, Any]]] = {}
        self._connecting = threading.Lock()

    @cached_property
    def context(self) -> str:
        """The name of the context, IN_CLUSTER for the cluster in a pod of which this runs."""
        return self._kubeconfig.choose(self._wanted)

    @property
    def namespace(self) -> str:
        """The namespace of objects that name none."""
        return self._kubeconfig.namespace(self.context)

    @property
    def server(self) -> str:
        """The address of the API server."""
        return str(self.api.configuration.host)

    @cached_property
    def api(self) -> ApiClient:
        """The library's client, for the few calls that the methods below do not cover."""
        from kubernetes import config
        from kubernetes.client import ApiClient, Configuration
        from kubernetes.config import ConfigException

        with self._translated():
            settings = Configuration()
            try:
                if self.context == IN_CLUSTER:
                    config.load_incluster_config(client_configuration=settings)
                else:
                    # A refreshed token stays in memory: the user's files are not ours to write.
                    config.load_kube_config(
                        str(self._kubeconfig), self.context, client_configuration=settings, persist_config=False
                    )
            except (ValueError, TypeError, AttributeError) as error:  # values that the library takes as they are
                raise ConfigException(str(error)) from error
            if not str(settings.host).startswith(("http://", "https://")):
                raise ConfigException(f"its cluster has no server's address: {settings.host!r}")
            if is_loopback(urlsplit(str(settings.host)).hostname or ""):
                settings.proxy = None  # as kubectl does: no proxy leads to this machine
            settings.retries = 0
            return ApiClient(settings)

    def version(self) -> str:
        """Return the API server's version, such as "v1.34.4"."""
        return str(self.answer("/version", "gitVersion"))

    def time(self) -> datetime:
        """Return what the API server's clock says, to the second (RFC 9110, section 6.6.1)."""
        with self._translated():
            answer = self._dynamic.request("get", "/version", serialize=False, _request_timeout=self._timeout)
        try:
            return parsedate_to_datetime(answer.headers["date"])
        except (KeyError, ValueError) as error:
            raise self._no_api() from error

    def get(self, kind: Kind, name: str, namespace: str | None = None) -> Object | None:
        """Return an object, or None where there is none of that name."""
        from kubernetes.dynamic.exceptions import NotFoundError

        with self._translated(), contextlib.suppress(NotFoundError):
            return self._call("get", kind, name=name, namespace=namespace)
        return None

    def objects(
        self,
        kind: Kind,
        namespace: str | None = None,
        *,
        labels: str | None = None,
        fields: str | None = None,
    ) -> list[Object]:
        """Return the objects of a kind, of one namespace or of all, that the selectors match."""
        with self._translated():
            found = self._call("get", kind, namespace=namespace, label_selector=labels, field_selector=fields)
        return list(found.get("items") or ())

    def apply(self, wanted: Object, *, dry_run: bool = False) -> Object:
        """Make an object what `wanted` says by server-side apply, and return it as it then is.

        With `dry_run` the server says what it would be. Fields that others own are taken over.
        Source: KEP-555, server-side apply.
        """
        with self._translated():
            return self._call(
                "server_side_apply",
                kind_of(wanted),
                body=wanted,
                name=wanted["metadata"]["name"],
                namespace=wanted["metadata"].get("namespace"),
                field_manager=FIELD_MANAGER,
                force_conflicts=True,
                dry_run="All" if dry_run else None,
            )

    def delete(self, kind: Kind, name: str, namespace: str | None = None) -> bool:
        """Ask for an object's deletion, dependents in the foreground; return whether it was there."""
        from kubernetes.dynamic.exceptions import NotFoundError

        with self._translated(), contextlib.suppress(NotFoundError):
            self._call("delete", kind, name=name, namespace=namespace, propagation_policy="Foreground")
            return True
        return False

    def raw(self, path: str) -> str:
        """Return what a GET of a path of the API answers, as text."""
        with self._translated():
            return self._fetch(path)

    def answer(self, path: str, key: str) -> Any:
        """Return what the JSON that a GET of a path of the API answers has under a key."""
        with self._translated():
            return self._value(self._fetch(path), key)

    def stream(self, path: str) -> Iterator[bytes]:
        """Give what a GET of a path answers piece by piece, however long that takes; only connecting is limited.

        Raises ClusterUnreachable also when the connection is lost on the way.
        """
        with self._translated():
            limits = (self._timeout, None)
            answer = self._dynamic.request("get", path, serialize=False, _request_timeout=limits)
            try:
                yield from answer.stream(_PIECE)
            finally:
                answer.close()

    def websocket(self, path: str, protocol: str) -> WebSocket:
        """Open a WebSocket to a path of the API; it may then be silent for as long as it likes."""
        import websocket
        from kubernetes.client.exceptions import ApiException
        from kubernetes.stream.ws_client import create_websocket, get_websocket_url

        url = get_websocket_url(self.server + path)
        with self._translated():
            token = self.api.configuration.auth_settings().get("BearerToken")
            headers = {"sec-websocket-protocol": protocol} | ({"authorization": token["value"]} if token else {})
            websocket.setdefaulttimeout(self._timeout)  # the library has no other way to limit connecting
            try:
                opened: WebSocket = create_websocket(self.api.configuration, url, headers)
            except websocket.WebSocketBadStatusException as error:
                said = (error.resp_body or b"").decode(errors="replace")
                raise ApiException(error.status_code, str(error), body=said) from error
            except websocket.WebSocketException as error:
                raise ClusterUnreachable(f"no way into the cluster of context {self.context}: {error}") from error
        opened.settimeout(None)
        return opened

    def served(self, api_version: str) -> list[dict[str, Any]]:
        """Return the resources of one version of an API group, as discovery describes them.

        Raises NotServed when the cluster has no such group or version.
        """
        from kubernetes.dynamic.exceptions import NotFoundError, ServiceUnavailableError

        if api_version not in self._resources:
            path = f"/{_prefix(api_version)}/{api_version}"
            with self._translated():
                try:
                    self._resources[api_version] = self._value(self._fetch(path), "resources")
                except (NotFoundError, ServiceUnavailableError) as error:
                    raise NotServed(f"the cluster does not serve {api_version}") from error
        return self._resources[api_version]

    @cached_property
    def _dynamic(self) -> DynamicClient:
        from kubernetes.dynamic import DynamicClient

        # The library's own discovery asks for every group and keeps the answers in a file that anyone on the
        # machine may put there; `served` asks for what is used and keeps it for this run.
        with self._connecting:
            return DynamicClient(self.api, discoverer=lambda *_: None)

    def _call(self, verb: str, kind: Kind, **arguments: Any) -> Object:
        method = getattr(self._dynamic, verb)
        answer = method(self._resource(kind), serializer=_plain, _request_timeout=self._timeout, **arguments)
        if not isinstance(answer, dict):  # the library gives what is no JSON as text
            raise self._no_api()
        return answer

    def _fetch(self, path: str) -> str:
        answer = self._dynamic.request("get", path, serialize=False, _request_timeout=self._timeout)
        return str(answer.data.decode(errors="replace"))

    def _value(self, text: str, key: str) -> Any:
        try:
            return json.loads(text)[key]
        except (ValueError, TypeError, LookupError) as error:
            raise self._no_api() from error

    def _no_api(self) -> ClusterUnreachable:
        return ClusterUnreachable(
            f"what {self.server} answers is not what the Kubernetes API answers",
            hint=f"see what is at that address, a proxy perhaps, or correct the server of context {self.context}",
        )

    def is_namespaced(self, kind: Kind) -> bool:
        """Return whether objects of a kind are in a namespace. Raises NotServed."""
        return bool(self._described(kind)["namespaced"])

    def _resource(self, kind: Kind) -> Resource:
        from kubernetes.dynamic.resource import Resource

        found = self._described(kind)
        group, _, version = kind.api_version.rpartition("/")
        return Resource(
            prefix=_prefix(kind.api_version),
            group=group,
            api_version=version,
            kind=kind.name,
            name=found["name"],
            namespaced=found["namespaced"],
            client=self._dynamic,
        )

    def _described(self, kind: Kind) -> dict[str, Any]:
        for _ in range(2):  # what was served before may not be all: a kind can come while we are at work
            for each in self.served(kind.api_version):
                if each["kind"] == kind.name and "/" not in each["name"]:
                    return each
            del self._resources[kind.api_version]
        raise NotServed(f"the cluster does not serve {kind.name} of {kind.api_version}")

    def _translated(self) -> contextlib.AbstractContextManager[None]:
        return translated(self.context)


def kind_of(wanted: Object) -> Kind:
    """Return the kind of an object."""
    from ducklake_registry.cluster.kinds import Kind

    return Kind(wanted["apiVersion"], wanted["kind"])


def _prefix(api_version: str) -> str:
    return "apis" if "/" in api_version else "api"


def _plain(_client: object, answer: Any) -> Any:
    return answer
