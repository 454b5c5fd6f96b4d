"""The client's own settings: proxies, logins, and what the engine allows."""

from __future__ import annotations

import http.client
import socket
import sys
import urllib.error
import urllib.request
from contextlib import suppress
from http import HTTPStatus
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from ducklake_registry.doctor.finding import Finding, Look, sound
from ducklake_registry.errors import DlrError, EngineError
from ducklake_registry.registry import docker_credentials

if TYPE_CHECKING:
    from ducklake_registry.doctor.patient import Patient

_SECONDS = 3.0
_ENGINES = Path("/etc/docker/daemon.json")


def client(patient: Patient) -> Look:
    """Nothing in this machine's settings keeps programs from the registry."""
    return sound("nothing in the way", _proxied(patient), _login(patient), _insecure(patient))


def _proxied(patient: Patient) -> Finding | None:
    """Return that programs which read the proxy variables lose the registry to a proxy, if they do.

    dlr itself asks the registry directly, and Go's programs never send localhost through a proxy; curl, pip and
    Python's do. So it is asked as they would ask.
    """
    scheme, host, proxies = patient.endpoint.scheme, patient.endpoint.host, urllib.request.getproxies()
    proxy = proxies.get(scheme) or proxies.get("all")  # which curl and requests know, and urllib does not
    if not patient.is_local or not proxy or urllib.request.proxy_bypass(host):
        return None
    said = _asked_like_curl(f"{patient.endpoint.url}/v2/", scheme, proxy)
    if said is None:
        return None
    where = urlsplit(proxy if "://" in proxy else f"http://{proxy}")
    seen = f"the environment sends {patient.endpoint.name} through the proxy {where.hostname}:{where.port or 80}: "
    means = "curl and many other programs do not reach the registry, for want of NO_PROXY"
    repair = "export NO_PROXY=localhost,127.0.0.1,::1 no_proxy=localhost,127.0.0.1,::1"
    return Finding(seen + said, means, repair, independent=True)


def _asked_like_curl(url: str, scheme: str, proxy: str) -> str | None:
    """Ask through a proxy; return what came instead of a registry's answer."""
    if proxy.startswith("socks"):
        return None  # curl can, and perhaps it leads here; nobody can ask here without its library
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({scheme: proxy}))
    try:
        with opener.open(url, timeout=_SECONDS) as answer:
            status, headers = answer.status, answer.headers
    except urllib.error.HTTPError as error:
        status, headers = error.code, error.headers
        error.close()
    except urllib.error.URLError as error:
        return f"{getattr(error.reason, 'strerror', None) or error.reason}"
    except (OSError, http.client.HTTPException) as error:
        return str(error) or type(error).__name__
    good = {HTTPStatus.OK, HTTPStatus.UNAUTHORIZED}
    if status in good and "docker-distribution-api-version" in headers:
        return None
    return f"it answers {status}"


def _login(patient: Patient) -> Finding | None:
    """Return that Docker's configuration cannot be used, which ends every push, if it is so."""
    try:
        docker_credentials(patient.endpoint.name)
    except DlrError as error:
        means = "docker push and dlr cannot find out who asks"
        return Finding(error.message, means, error.hint or "see ~/.docker/config.json", independent=True)
    return None


def _insecure(patient: Patient) -> Finding | None:
    """Return that the engine insists on TLS where the registry has none, if it does."""
    with suppress(EngineError):
        if patient.endpoint.scheme == "https" or allowed(patient.engine_info, patient.endpoint.name):
            return None
        name = patient.endpoint.name
        seen = f"the registry is plain HTTP, and the engine's insecure-registries do not have {name}"
        means = 'docker push and pull end with "server gave HTTP response to HTTPS client"'
        return Finding(seen, means, _allow(name), independent=True)
    return None


def _allow(name: str) -> str:
    """Return how an engine is told to speak plain HTTP to a registry.

    It reads that anew while it runs on; an engine that is started anew ends its containers. Source: Docker's
    reference of dockerd, "Configuration reload behavior".
    """
    setting = f'{{"insecure-registries": ["{name}"]}}'
    if sys.platform == "darwin":
        return f"put {setting} into Docker Desktop's settings, Docker Engine, and restart it"
    write = f"sudo tee {_ENGINES} >/dev/null && sudo systemctl reload docker"
    if not _ENGINES.exists():
        return f"echo '{setting}' | {write}"
    merged = f"""$(sudo jq '."insecure-registries" += ["{name}"]' {_ENGINES})"""
    return f"""settings={merged} && printf '%s\\n' "$settings" | {write}"""


def allowed(info: dict[str, Any], name: str) -> bool:
    """Tell whether an engine speaks plain HTTP to a registry, by what `docker info` has in RegistryConfig.

    Source: the Engine API, SystemInfo: IndexConfigs by name, and InsecureRegistryCIDRs, which include loopback and
    are compared with the addresses of a name (moby, registry/config.go, isCIDRMatch).
    """
    config = info.get("RegistryConfig") or {}
    index = (config.get("IndexConfigs") or {}).get(name)
    if index is not None:
        return not index.get("Secure", True)
    networks = [ip_network(each) for each in config.get("InsecureRegistryCIDRs") or ()]
    addresses = _addresses(urlsplit(f"//{name}").hostname or name)
    return any(address in network for network in networks for address in addresses)


def _addresses(host: str) -> set[IPv4Address | IPv6Address]:
    """Return the addresses of a host, none for a name that nobody knows."""
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except OSError:
        return set()
    return {ip_address(str(address[0]).partition("%")[0]) for *_, address in found}
