"""A client of the registry API: what is in a registry, seen and changed.

with RegistryClient("localhost:5000") as client:
    for repository in client.catalog():
        print(repository, client.tags(repository))
"""

from __future__ import annotations

from ducklake_registry.layout import FilePart
from ducklake_registry.registry.answers import Answer
from ducklake_registry.registry.bulk import WantedBlob, WantedManifest
from ducklake_registry.registry.call import Asked
from ducklake_registry.registry.certificate import Certificate
from ducklake_registry.registry.client import Auth, Ping, RegistryClient
from ducklake_registry.registry.credentials import Credentials, docker_credentials
from ducklake_registry.registry.downloads import BlobReader
from ducklake_registry.registry.endpoint import Endpoint
from ducklake_registry.registry.listing import Details, Known, ListedImage, TagList, list_images, list_tags
from ducklake_registry.registry.parallel import in_parallel
from ducklake_registry.registry.retry import Retry
from ducklake_registry.registry.tls import tls_context
from ducklake_registry.registry.transfer import Image, Transfer, gather, load, save
from ducklake_registry.registry.uploads import Content, Progress, Uploaded

__all__ = [
    "Answer",
    "Asked",
    "Auth",
    "BlobReader",
    "Certificate",
    "Content",
    "Credentials",
    "Details",
    "Endpoint",
    "FilePart",
    "Image",
    "Known",
    "ListedImage",
    "Ping",
    "Progress",
    "RegistryClient",
    "Retry",
    "TagList",
    "Transfer",
    "Uploaded",
    "WantedBlob",
    "WantedManifest",
    "docker_credentials",
    "gather",
    "in_parallel",
    "list_images",
    "list_tags",
    "load",
    "save",
    "tls_context",
]
