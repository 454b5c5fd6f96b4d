"""Make the TLS context that a registry is asked with."""

from __future__ import annotations

import contextlib
import ssl
from typing import TYPE_CHECKING

from ducklake_registry.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator
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
    if ca_file:
        with _naming(ca_file):
            context.load_verify_locations(ca_file)
    if certificate:
        _load_own(context, certificate, key or certificate)
    if insecure:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


def _load_own(context: ssl.SSLContext, certificate: Path, key: Path) -> None:
    """Load the client's certificate; OpenSSL itself does not say which of the two files is wrong."""

    def refuse() -> str:
        raise UsageError(f"{key} is encrypted", f"give the key as it is: openssl pkey -in {key} -out FILE")

    with _naming(certificate):
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(certificate)
    with _naming(key):
        key.open("rb").close()
        try:
            context.load_cert_chain(certificate, key, refuse)
        except ssl.SSLError as error:
            if error.reason != "KEY_VALUES_MISMATCH":
                raise
            raise UsageError(
                f"the key in {key} is not that of the certificate in {certificate}",
                "name the one that belongs to it: --key FILE",
            ) from error


@contextlib.contextmanager
def _naming(file: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        reason = error.strerror or str(error)
        raise UsageError(f"cannot use {file}: {reason}", "it should be a PEM file") from error
