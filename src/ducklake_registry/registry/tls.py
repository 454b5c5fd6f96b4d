"""Make the TLS context that a registry is asked with."""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING

from ducklake_registry.errors import UsageError

if TYPE_CHECKING:
    from pathlib import Path


def tls_context(
    *,
    ca_file: Path | None = None,
    certificate: Path | None = None,
    key: Path | None = None,
    insecure: bool = False,
) -> ssl.SSLContext:
    """Trust what the system trusts, and `ca_file` besides; show a client certificate if there is one.

    All files are PEM; `key` may be in the file of `certificate`. `insecure` trusts any certificate. Raises
    UsageError that names the file that cannot be used.
    """
    context = ssl.create_default_context()
    try:
        file = ca_file
        if ca_file:
            context.load_verify_locations(ca_file)
        file = certificate
        if certificate:
            context.load_cert_chain(certificate, key)
    except (OSError, ssl.SSLError) as error:
        reason = error.strerror or str(error)
        raise UsageError(f"cannot use {file}: {reason}", "it should be a PEM file") from error
    if insecure:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context
