"""Loading the Kubernetes library before it is used."""

from __future__ import annotations


def load_library() -> None:
    """Load the library, for those who have several threads: while one loads it, others must not load it too."""
    import kubernetes.client
    import kubernetes.config
    import kubernetes.dynamic
    import kubernetes.stream  # noqa: F401
