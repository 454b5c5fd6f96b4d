"""Keys and certificates for tests, made by `openssl`."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class KeyPair:
    certificate: Path
    key: Path


def openssl(*words: str | Path, stdin: bytes = b"") -> bytes:
    return subprocess.run(["openssl", *words], input=stdin, capture_output=True, check=True).stdout


def authority(folder: Path, name: str = "tests") -> KeyPair:
    """Make a certificate that signs others."""
    pair = KeyPair(folder / f"{name}-ca.pem", folder / f"{name}-ca.key")
    openssl(
        *("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", f"/CN={name} authority"),
        *("-addext", "keyUsage=critical,keyCertSign,digitalSignature"),
        *("-keyout", pair.key, "-out", pair.certificate),
    )
    return pair


def signed(folder: Path, by: KeyPair, name: str, alternatives: str) -> KeyPair:
    """Make a certificate for a server or a client, which holds for two days."""
    pair = KeyPair(folder / f"{name}.pem", folder / f"{name}.key")
    request, extensions = folder / f"{name}.csr", folder / f"{name}.ext"
    extensions.write_text(f"subjectAltName={alternatives}\n")
    openssl(
        *("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"),  # RSA takes a while
        *("-subj", f"/CN={name}", "-keyout", pair.key, "-out", request),
    )
    openssl(
        *("x509", "-req", "-days", "2", "-in", request, "-extfile", extensions, "-CAcreateserial"),
        *("-CA", by.certificate, "-CAkey", by.key, "-out", pair.certificate),
    )
    return pair


def dated(folder: Path, by: KeyPair, name: str, start: str, end: str) -> KeyPair:
    """Make a certificate for localhost that holds from one time to another (YYYYMMDDhhmmssZ)."""
    pair = signed(folder, by, name, "DNS:localhost,IP:127.0.0.1")
    settings, database = folder / f"{name}.cnf", folder / f"{name}.index"
    database.write_text("")
    settings.write_text(
        f"[ca]\ndefault_ca=it\n[it]\ndatabase={database}\nnew_certs_dir={folder}\nrand_serial=yes\n"
        "default_md=sha256\npolicy=policy\n[policy]\ncommonName=supplied\n"
    )
    openssl(
        *("ca", "-batch", "-notext", "-config", settings, "-cert", by.certificate, "-keyfile", by.key),
        *("-in", folder / f"{name}.csr", "-extfile", folder / f"{name}.ext", "-out", pair.certificate),
        *("-startdate", start, "-enddate", end),
    )
    return pair
