"""Every error that `dlr` raises on purpose, in one tree.

* DlrError (1): what was checked does not hold, or was not there

  * UsageError (2): what was asked for cannot be done as it was written
  * ClusterError (3): Kubernetes, kind or a node

    * ClusterUnreachable, AccessDenied, FieldImmutable, RolloutFailed

  * RegistryError (4): the Registry API

    * RegistryUnreachable

      * UnknownHost (2)

    * InvalidAnswer, DigestMismatch
    * NotFound (1)
    * Unauthorized, Denied, TooManyRequests
    * Unsupported

      * DeleteDisabled, ReadOnly

  * EngineError (5): the Docker Engine
  * TimeoutExpired (6): a wait came to its limit
  * Busy (7): another `dlr` works on the same cluster

The number is the exit code of `dlr` when the error reaches its edge. Anything outside this tree is a bug and
keeps its traceback.
"""

from __future__ import annotations

from ducklake_registry.printable import one_line


class DlrError(Exception):
    """An error with one line for the user and, where there is one, a hint with what to type.

    `details` are further lines of evidence: the last events of a pod, the end of its log. What any of them
    quotes, from wherever it came, can be shown as it is: see `printable`.
    """

    exit_code = 1

    def __init__(self, message: str, hint: str | None = None, details: tuple[str, ...] = ()) -> None:
        self.message = one_line(message)
        self.hint = hint and one_line(hint)
        self.details = tuple(map(one_line, details))
        super().__init__(self.message)


class UsageError(DlrError):
    """Bad input: an option, a name or a file that cannot mean what it says."""

    exit_code = 2


class ClusterError(DlrError):
    """Kubernetes, kind or a node refused or failed."""

    exit_code = 3


class ClusterUnreachable(ClusterError):
    """No answer from the cluster's API server, or nothing that says where it is."""


class AccessDenied(ClusterError):
    """The API server knows who asks, or does not, and says no."""


class FieldImmutable(ClusterError):
    """The API server refuses a change because the field cannot be changed in an object that is there."""


class RolloutFailed(ClusterError):
    """A workload will not become ready without somebody's help."""


class RegistryError(DlrError):
    """The registry refused, failed or answered what the specification does not allow."""

    exit_code = 4


class RegistryUnreachable(RegistryError):
    """No connection to the registry, no answer in time, or none that holds until its end."""


class UnknownHost(RegistryUnreachable):
    """No host has the name that was given for the registry."""

    exit_code = 2


class InvalidAnswer(RegistryError):
    """The answer is not what the specification says: HTML for JSON, a manifest that cannot be read."""


class DigestMismatch(RegistryError):
    """The content is not what its digest names; the message has both digests."""


class NotFound(RegistryError):
    """The registry has no such repository, manifest or blob."""

    exit_code = 1


class Unauthorized(RegistryError):
    """The registry wants to know who asks, or does not accept the user name and password."""


class Denied(RegistryError):
    """The registry knows who asks and says no."""


class TooManyRequests(RegistryError):
    """The registry still asked for slower requests when the time for repeats was over."""


class Unsupported(RegistryError):
    """The registry does not do that, or not as it is configured."""


class DeleteDisabled(Unsupported):
    """The registry is configured without `storage.delete.enabled`."""


class ReadOnly(Unsupported):
    """The registry is in its read-only maintenance mode."""


class EngineError(DlrError):
    """The Docker Engine is missing, does not answer, refused or failed."""

    exit_code = 5


class TimeoutExpired(DlrError):
    """A wait came to its limit; the message tells what it last saw."""

    exit_code = 6


class Busy(DlrError):
    """Another `dlr` is at work on the same cluster."""

    exit_code = 7
