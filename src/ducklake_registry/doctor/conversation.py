"""What is said with the registry: TLS, HTTP, who asks, and whether it takes what it is given."""

from __future__ import annotations

import ssl
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import TYPE_CHECKING

from ducklake_registry.cluster import kinds
from ducklake_registry.doctor.address import AIRPLAY_OFF, AIRTUNES
from ducklake_registry.doctor.clock import set_clock, skewed
from ducklake_registry.doctor.configuration import DELETE, configured
from ducklake_registry.doctor.deploying import READ_ONLY
from ducklake_registry.doctor.finding import Finding, Look, Remedy, Severity, not_applicable, sound
from ducklake_registry.errors import DeleteDisabled, DlrError, ReadOnly, RegistryError, RegistryUnreachable
from ducklake_registry.registry.answers import problem

if TYPE_CHECKING:
    from ducklake_registry.doctor.patient import Patient
    from ducklake_registry.registry import Answer

_SOON = timedelta(days=14)
_NOBODYS = f"/v2/dlr-doctor/nothing/manifests/sha256:{0:064x}"
"""A digest that no content has: to ask for its deletion changes nothing, and the refusal says what is allowed."""

_NO_UPLOAD = "/v2/dlr-doctor/nothing/blobs/uploads/none"
"""An upload that nobody has begun: to go on with it changes nothing, but needs the right to push."""

_EXPIRED, _NOT_YET = 10, 9
_WRONG_NAME = frozenset({62, 64})
"""Why a certificate is refused. Source: OpenSSL, X509_STORE_CTX_get_error."""


def tls(patient: Patient) -> Look:
    """The registry's certificate is trusted, and goes on to be."""
    if patient.endpoint.scheme != "https":
        return not_applicable("it is asked over plain HTTP")
    try:
        shown = patient.client.certificate()
    except RegistryUnreachable as error:
        return sound("", _refused(patient, error))
    if shown is None:
        return sound("--insecure: nobody looks at the certificate")
    left = shown.expires - datetime.now(UTC)
    soon = Finding(
        f"the certificate expires in {left.days} days, on {shown.expires:%Y-%m-%d}",
        "from then on nobody pushes or pulls",
        _renewal(patient) or _look_at(patient),
        Severity.WARNING,
    )
    return sound(f"trusted until {shown.expires:%Y-%m-%d}, {shown.protocol}", soon if left < _SOON else None)


def _refused(patient: Patient, error: RegistryUnreachable) -> Finding:
    """Say what is wrong with a certificate."""
    name, cause = patient.endpoint.name, error.__cause__
    if not isinstance(cause, ssl.SSLCertVerificationError):
        if "does not speak TLS" in error.message:
            means = "it is asked over TLS, but its registry is plain HTTP"
            return Finding(error.message, means, _named(f"http://{name}"))
        return Finding(error.message, "there is no TLS connection", f"curl -v {patient.endpoint.url}/v2/")
    if cause.verify_code == _EXPIRED:
        means = "who runs the registry has not renewed it, or this machine's clock is ahead"
        repair = _renewal(patient) or f"renew it; see its dates: {_look_at(patient)}"
        return Finding(error.message, means, repair)
    if cause.verify_code == _NOT_YET:
        return Finding(error.message, "this machine's clock is behind, or the server's was ahead", set_clock())
    if cause.verify_code in _WRONG_NAME:
        means = "the certificate is for other names than the one that is asked"
        return Finding(
            error.message, means, f"call it by one of these: {_look_at(patient, '-ext subjectAltName')}"
        )
    means = "the authority that signed it is not among those that this machine trusts"
    return Finding(error.message, means, f"name that authority: --ca-file FILE; Docker's: {_engine_ca(name)}")


def _named(url: str) -> str:
    """Return how a registry is named with its scheme."""
    return f"export DLR_REGISTRY={url}  # or --registry {url}"


def _renewal(patient: Patient) -> str | None:
    """Return how the certificate is renewed that an ingress of the cluster shows; None where there is none.

    It is in a Secret, which the ingress reads anew by itself. cert-manager writes that, for ingresses that ask it
    to. Source: cert-manager's documentation, "Annotated Ingress resource".
    """
    with suppress(DlrError):
        for ingress in patient.cluster.objects(kinds.INGRESS, patient.case.namespace) if patient.belongs else ():
            for each in ingress["spec"].get("tls") or ():
                if patient.endpoint.host in (each.get("hosts") or ()) and each.get("secretName"):
                    return _renewed(patient, each["secretName"], ingress["metadata"].get("annotations") or {})
    return None


def _renewed(patient: Patient, secret: str, annotations: dict[str, str]) -> str:
    where = f"--namespace {patient.case.namespace}"
    if any(each.startswith("cert-manager.io/") for each in annotations):
        look = patient.case.kubectl(patient.context, "describe certificate", secret, where)
        return f"{look}  # cert-manager renews it; this shows why it has not"
    files = "--cert CERTIFICATE --key KEY --dry-run=client --output yaml"
    create = patient.case.kubectl(patient.context, "create secret tls", secret, where, files)
    return f"{create} | {patient.case.kubectl(patient.context, 'apply --filename -')}"


def _look_at(patient: Patient, what: str = "-dates") -> str:
    where = f"{patient.endpoint.host}:{patient.endpoint.port}"
    return f"openssl s_client -connect {where} </dev/null 2>/dev/null | openssl x509 -noout {what}"


def _engine_ca(name: str) -> str:
    return f"/etc/docker/certs.d/{name}/ca.crt"


def http(patient: Patient) -> Look:
    """`/v2/` answers as a registry does. Source: "API Version Check" of distribution's HTTP API V2."""
    try:
        answer = patient.answer
    except RegistryUnreachable as error:
        means = "something takes the connection, but no registry answers over it"
        return sound("", Finding(error.message, means, _log(patient)))
    if answer.status not in {HTTPStatus.OK, HTTPStatus.UNAUTHORIZED} or _is_page(answer):
        return sound("", _no_registry(patient, answer))
    skew = None
    with suppress(ValueError):
        skew = skewed("the registry", parsedate_to_datetime(answer.header("date")), datetime.now(UTC))
    return sound(f"{patient.endpoint.url}/v2/ answers {answer.status}", skew)


def _is_page(answer: Answer) -> bool:
    said = answer.header("docker-distribution-api-version")
    return not said and answer.header("content-type").startswith("text/html")


def _no_registry(patient: Patient, answer: Answer) -> Finding:
    server = answer.header("server")
    seen = f"{answer.url} answers {answer.status}{f' ({server})' if server else ''}"
    if server.startswith(AIRTUNES):
        means = "that is macOS's AirPlay Receiver, which listens on port 5000"
        return Finding(seen, means, AIRPLAY_OFF)
    error = problem(answer, "/v2/", patient.endpoint.name)
    if isinstance(error, RegistryUnreachable):
        means = "it speaks HTTPS, but is asked in plain HTTP"
        return Finding(seen, means, _named(f"https://{patient.endpoint.name}"))
    if answer.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return Finding(seen, "the registry, or a proxy before it, fails", _log(patient))
    means = "that is no registry: another program, or a proxy that knows no registry"
    return Finding(seen, means, f"curl -i {patient.endpoint.url}/v2/")


def _log(patient: Patient) -> str:
    """Return how to see more of a registry: its log, where that is the cluster's to give."""
    asking = f"curl -i {patient.endpoint.url}/v2/  # and ask who runs it for its log"
    return patient.case.dlr("logs") if patient.belongs else asking


def authentication(patient: Patient) -> Look:
    """The registry lets us in."""
    if patient.answer.status == HTTPStatus.OK:
        return sound("it lets anyone in")
    if patient.answer.status != HTTPStatus.UNAUTHORIZED:
        raise RegistryError(f"/v2/ answers {patient.answer.status}")
    login = f"docker login {patient.endpoint.name}"
    try:
        ping = patient.client.ping()
    except DlrError as error:
        means = "it wants to know who asks, and that could not be found out or was refused"
        return sound("", Finding(error.message, means, login))
    who = patient.client.credentials
    if ping.authorized:
        return (
            sound(f"{ping.authentication}, as {who.username or 'the bearer of a token'}")
            if who
            else _nameless(patient, login)
        )
    if who is None:
        seen = f"{patient.endpoint.name} wants a user name and a password"
        return sound("", Finding(seen, "nobody is logged in there on this machine", login))
    seen = f"{patient.endpoint.name} does not accept the login of {who.username or 'the stored token'}"
    return sound("", Finding(seen, "the password is wrong, has changed or has expired", login))


def _nameless(patient: Patient, login: str) -> Look:
    """Tell what a token is worth that the registry's token server gives to anyone: mostly it is for reading."""
    answer = patient.client.ask("PATCH", _NO_UPLOAD, scope="repository:dlr-doctor/nothing:pull,push")
    if answer.status not in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}:
        return sound("it lets anyone in, with a token that its token server gives to anyone")
    seen = f"nobody is logged in to {patient.endpoint.name} on this machine"
    means = "it lets anyone in with a token for nobody, but who pushes or deletes has to log in"
    return sound("", Finding(seen, means, login))


def writing(patient: Patient) -> Look:
    """It takes pushes, and deletes what it is told to."""
    answer = patient.client.ask("DELETE", _NOBODYS, scope="repository:dlr-doctor/nothing:delete")
    if answer.status in {HTTPStatus.NOT_FOUND, HTTPStatus.ACCEPTED}:
        return sound("takes pushes and deletions")
    error = problem(answer, "what is in it", patient.endpoint.name)
    if isinstance(error, ReadOnly):
        return sound("", _read_only(patient))
    if isinstance(error, DeleteDisabled):
        seen = f"deleting is disabled in {patient.endpoint.name}"
        means = "images can be pushed and pulled, but never removed, and its volume fills"
        ours = patient.case.deploy_registry(patient.spec) if _is_ours(patient) else ""
        repair = ours or f"set {DELETE}: true in the registry's config.yml, and start it anew"
        return sound("", Finding(seen, means, repair, Severity.WARNING))
    return sound(f"cannot be told: {error.message}")


def _read_only(patient: Patient) -> Finding:
    seen = f"{patient.endpoint.name} is in its read-only mode"
    means = "pushes and deletions are refused: maintenance was not ended"
    if not _is_ours(patient):
        return Finding(seen, means, f"set {READ_ONLY}: false in the registry's config.yml, and start it anew")
    if not configured(patient).get(READ_ONLY):
        means += "; its configuration has no such mode by now, and is read at the next start"
        return Finding(seen, means, patient.case.restart(patient.context), remedy=Remedy.RESTART)
    return Finding(seen, means, patient.case.deploy_registry(patient.spec))


def _is_ours(patient: Patient) -> bool:
    """Tell whether the registry's configuration is ours to change."""
    with suppress(DlrError):
        return patient.belongs and patient.config_map is not None
    return False
