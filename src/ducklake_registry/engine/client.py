"""A connection to the Docker Engine. The only user of the docker SDK."""

from __future__ import annotations

import contextlib
import io
import socket
import tarfile
import threading
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from ducklake_registry.engine.refusals import NotThere, translated
from ducklake_registry.errors import EngineError, TimeoutExpired
from ducklake_registry.waiting import spoken_duration

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import docker

    from ducklake_registry.step import Report
    from ducklake_registry.waiting import Deadline

_CLUSTER_LABEL = "io.x-k8s.kind.cluster"
_ROLE_LABEL = "io.x-k8s.kind.role"


@dataclass(frozen=True, slots=True)
class Node:
    """A node of a kind cluster, as its container shows it.

    `ports` maps the ports of the node to those of the host, also where the node is stopped. One that is `paused`
    does not run either.
    """

    name: str
    role: str
    running: bool
    ports: Mapping[int, int]
    paused: bool = False


class Engine:
    """The Docker Engine that the user's `docker` command talks to; connected when first used.

    All methods raise EngineError when it does not answer or refuses.
    """

    def __init__(self, timeout: float = 60) -> None:
        self._timeout = timeout

    @cached_property
    def _client(self) -> docker.DockerClient:
        import os

        import docker
        from docker.context import ContextAPI

        # The SDK reads DOCKER_HOST, but does not know of `docker context use`.
        host = os.environ.get("DOCKER_HOST")
        with translated():
            if host or (context := ContextAPI.get_current_context()) is None or context.Name == "default":
                _knock(host or "")
                return docker.from_env(timeout=int(self._timeout))
            _knock(context.Host or "")
            return docker.DockerClient(base_url=context.Host, tls=context.TLSConfig, timeout=int(self._timeout))

    @property
    def api(self) -> docker.APIClient:
        """The SDK's own client, for the modules of this package; use it within `translated`."""
        return self._client.api

    def close(self) -> None:
        """Close the connections, if there are any."""
        if "_client" in vars(self):
            self._client.close()

    def version(self) -> str:
        """Return the engine's version, such as "28.2.2"."""
        return str(self._versions["Version"])

    def described(self) -> str:
        """Return what the engine is, such as "Docker 28.2.2" or "Podman 5.4.0"."""
        return f"{'Podman' if self.is_podman else 'Docker'} {self.version()}"

    @property
    def is_podman(self) -> bool:
        """Whether it is Podman, whose socket speaks Docker's API."""
        return any(each.get("Name") == "Podman Engine" for each in self._versions.get("Components") or ())

    @cached_property
    def _versions(self) -> dict[str, Any]:
        with translated():
            return dict(self._client.version())

    def info(self) -> dict[str, Any]:
        """Return what `docker info` shows: the engine's settings, under the API's own names."""
        with translated():
            return dict(self._client.info())

    def image_id(self, reference: str) -> str | None:
        """Return the id ("sha256:…") of the image that the engine has under a name or digest, if it has one."""
        with contextlib.suppress(NotThere), translated():
            return str(self._client.images.get(reference).id)
        return None

    def inspect(self, reference: str) -> dict[str, Any]:
        """Return all that the engine knows of an image; raises NotThere."""
        with translated():
            return self._client.images.get(reference).attrs

    def tags_of(self, repository: str) -> list[str]:
        """Return the names, with tags, under which the engine has images of a repository."""
        with translated():
            found = self._client.images.list(name=repository)
            return sorted(tag for image in found for tag in image.tags if tag.startswith(f"{repository}:"))

    def pull(self, reference: str, deadline: Deadline, report: Report) -> None:
        """Pull an image; raise EngineError, with the registry's words, when it cannot be had.

        The engine is left to end by itself what it began when the deadline passes: TimeoutExpired.
        """
        finished: list[EngineError | None] = []

        def pull() -> None:
            try:
                self._pull(reference, report)
                finished.append(None)
            except EngineError as error:
                finished.append(error)

        thread = threading.Thread(target=pull, daemon=True)
        thread.start()
        thread.join(deadline.remaining)
        if not finished:
            limit = spoken_duration(deadline.seconds)
            raise TimeoutExpired(f"{reference} could not be pulled within {limit}")
        if finished[0]:
            raise finished[0]

    def _pull(self, reference: str, report: Report) -> None:
        with translated():
            for event in self._client.api.pull(reference, stream=True, decode=True):
                if "error" in event:
                    raise EngineError(f"cannot pull {reference}: {event['error']}")
                report(f"{event.get('status', '')} {event.get('progress', '')}".strip())

    def remove_name(self, reference: str) -> None:
        """Take a name from an image, and with its last name the image; one that is not there is fine."""
        with contextlib.suppress(NotThere), translated():
            self._client.images.remove(reference)

    def nodes(self, cluster: str) -> list[Node]:
        """Return the nodes of a kind cluster, stopped ones too, the control plane first.

        The load balancer that kind puts before several control planes is no node.
        """
        with translated():
            found = self._client.containers.list(
                all=True, filters={"label": f"{_CLUSTER_LABEL}={cluster}"}, ignore_removed=True
            )
            nodes = [node for node in map(_node, found) if node.role in {"control-plane", "worker"}]
        return sorted(nodes, key=lambda node: (node.role != "control-plane", node.name))

    def holder_of(self, port: int) -> str | None:
        """Return the name of the container that publishes a port of the host, if one does."""
        with translated():
            for each in self._client.containers.list(ignore_removed=True):
                if port in _published(each).values():
                    return str(each.name)
        return None

    def kind_cluster_at(self, host_port: int, node_port: int) -> str | None:
        """Return the name of the running kind cluster whose `node_port` is that port of the host, if one is."""
        with translated():
            for each in self._client.containers.list(filters={"label": _CLUSTER_LABEL}, ignore_removed=True):
                if _published(each).get(node_port) == host_port:
                    return str(each.labels[_CLUSTER_LABEL])
        return None

    def remove_container(self, name: str) -> None:
        """Remove a container with its volumes, running or not; one that is gone is fine."""
        with contextlib.suppress(NotThere), translated():
            self._client.containers.get(name).remove(force=True, v=True)

    def run_in(self, container: str, argv: Sequence[str]) -> str:
        """Run a program in a running container and return its output; EngineError if it fails."""
        with translated():
            status, output = self._client.containers.get(container).exec_run(list(argv))
        text = str(output, errors="replace")  # type: ignore[arg-type]  # bytes, as it is not streamed
        if status:
            raise EngineError(f"`{' '.join(argv[:3])}` failed in {container}: {text.strip() or status}")
        return text

    def start_container(self, name: str) -> None:
        """Let a container run that was stopped or paused."""
        with translated():
            container = self._client.containers.get(name)
            if container.status == "paused":
                container.unpause()
            else:
                container.start()

    def has_files(self, container: str, files: Mapping[str, str]) -> bool:
        """Return whether all these text files (path to content) are in a container, running or not."""
        return all(self._read(container, path) == text for path, text in files.items())

    def has_anything_in(self, container: str, folder: str, *, but_folders: bool = False) -> bool:
        """Return whether a folder of a container, running or not, is there and not empty.

        With `but_folders` only files count, at any depth.
        """
        with contextlib.suppress(NotThere), translated():
            chunks = iter(self._client.containers.get(container).get_archive(folder)[0])
            first = next(chunks)
            # Of folders alone there are not as many as would fill a piece.
            if next(chunks, None) is not None:
                return True
            with tarfile.open(fileobj=io.BytesIO(first), mode="r|") as archive:
                archive.next()  # the folder itself
                return any(not (but_folders and each.isdir()) for each in iter(archive.next, None))
        return False

    def files_in(self, container: str, folder: str) -> dict[str, str]:
        """Return the text files below a folder of a container, by their paths; none where it is not there."""
        with contextlib.suppress(NotThere), translated():
            chunks, _ = self._client.containers.get(container).get_archive(folder)
            with tarfile.open(fileobj=io.BytesIO(b"".join(chunks))) as archive:
                files = ((each.name, archive.extractfile(each)) for each in archive if each.isfile())
                parent = folder.rpartition("/")[0]
                return {f"{parent}/{name}": file.read().decode(errors="replace") for name, file in files if file}
        return {}

    def write_files(self, container: str, files: Mapping[str, str]) -> bool:
        """Put text files (path to content) into a running container; return whether any was not so already."""
        missing = {path: text for path, text in files.items() if self._read(container, path) != text}
        if missing:
            with translated():
                self._client.containers.get(container).put_archive("/", _archive(missing))
        return bool(missing)

    def _read(self, container: str, path: str) -> str | None:
        with contextlib.suppress(NotThere), translated():
            chunks, _ = self._client.containers.get(container).get_archive(path)
            with tarfile.open(fileobj=io.BytesIO(b"".join(chunks))) as archive:
                member = archive.extractfile(archive.getmembers()[0])
                return member.read().decode() if member else None
        return None


def _node(container: Any) -> Node:
    return Node(
        name=container.name,
        role=container.labels.get(_ROLE_LABEL, ""),
        running=container.status == "running",
        ports=_published(container),
        paused=container.status == "paused",
    )


def _published(container: Any) -> dict[int, int]:
    bindings = container.attrs["HostConfig"].get("PortBindings") or {}
    return {
        int(port.partition("/")[0]): int(binding["HostPort"])
        for port, hosts in bindings.items()
        for binding in hosts or ()
        if binding.get("HostPort")
    }


def _archive(files: Mapping[str, str]) -> bytes:
    """Return a tar of text files; missing folders on their paths are made, those that are there stay."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for path, text in files.items():
            member = tarfile.TarInfo(path.lstrip("/"))
            member.size, member.mode = len(text.encode()), 0o644
            archive.addfile(member, io.BytesIO(text.encode()))
    return buffer.getvalue()


def load_sdk() -> None:
    """Load the SDK, for those who have several threads: while one loads a library, others must not load it too."""
    import docker.context
    import docker.errors
    import docker.transport  # noqa: F401


def _knock(host: str) -> None:
    """Raise OSError where nothing listens on the engine's socket: the SDK would leave its own end of it open."""
    from docker.utils import parse_host

    scheme, _, path = str(parse_host(host)).partition("://")
    if scheme == "http+unix":
        with socket.socket(socket.AF_UNIX) as sock:
            sock.connect(path)
