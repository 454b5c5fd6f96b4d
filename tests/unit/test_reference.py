from __future__ import annotations

import json
from contextlib import suppress

import pytest
from docker_image import reference as peer
from hypothesis import assume, example, given
from hypothesis import strategies as st

from ducklake_registry.errors import UsageError
from ducklake_registry.reference import Digest, Reference, Repository, Tag, parse_registry

SHA = "a" * 64

components = st.from_regex(r"[a-z0-9]+(?:(?:\.|_|__|-{1,3})[a-z0-9]+){0,3}", fullmatch=True)
repositories = st.lists(components, min_size=1, max_size=4).map("/".join).filter(lambda text: len(text) <= 255)
registries = st.one_of(
    st.sampled_from(["localhost", "localhost:5000", "127.0.0.1:5000", "[::1]:5000", "[2001:db8::1]"]),
    st.from_regex(r"[a-z0-9]{1,9}(?:-[a-z0-9]{1,9})?\.[a-z]{2,9}(?::[1-9][0-9]{0,3})?", fullmatch=True),
)
tags = st.from_regex(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}", fullmatch=True)
digests = st.one_of(
    st.from_regex(r"sha256:[a-f0-9]{64}", fullmatch=True), st.from_regex(r"sha512:[a-f0-9]{128}", fullmatch=True)
)


@given(registries, repositories, st.none() | tags, st.none() | digests)
def test_a_reference_that_was_printed_is_read_again(
    registry: str, repository: str, tag: str | None, digest: str | None
) -> None:
    reference = Reference(
        registry, Repository(repository), Tag(tag) if tag else None, Digest(digest) if digest else None
    )

    assert Reference.parse(str(reference)) == reference
    assert reference.target == (digest or tag)


@given(st.text(max_size=80))
def test_any_text_is_a_reference_or_a_usage_error(text: str) -> None:
    with suppress(UsageError):
        reference = Reference.parse(text)
        assert Reference.parse(str(reference)) == reference


near_misses = st.builds(
    lambda text, at, character: text[:at] + character + text[at:],
    st.builds("{}/{}:{}".format, registries, repositories, tags)
    | st.from_regex(r"[a-zA-Z.:/-]{1,12}", fullmatch=True),
    st.integers(0, 12),
    st.sampled_from(["", *"aA0._-:/@[]é "]),
)


@given(near_misses | st.builds("{}@{}".format, near_misses, digests))
@example(f"a/b:c@sha256:{SHA}")
@example("[::ffff:127.0.0.1]/app")
def test_docker_reads_it_the_same_way(text: str) -> None:
    """The peer is a port of the package `reference` that Docker, containerd and the registry read names with."""
    try:
        theirs = peer.Reference.parse_normalized_named(text)
    except peer.InvalidReference:
        with pytest.raises(UsageError):
            Reference.parse(text, default_registry="docker.io")
        return
    registry, repository = theirs.split_hostname()
    assume(not _has_no_port(registry))
    ours = Reference.parse(text, default_registry="docker.io")
    assert (ours.registry, ours.repository, ours.tag, ours.digest) == (
        registry.lower(),
        repository,
        theirs["tag"],
        theirs["digest"],
    )


def _has_no_port(registry: str) -> bool:
    """To Docker's grammar any number is a port; that there is none of that number it finds when it connects."""
    port = registry.rpartition(":")[2]
    return port.isdigit() and not 0 < int(port) <= 65535


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("localhost:5000/team/app:v1", ("localhost:5000", "team/app", "v1", None)),
        (f"localhost/app@sha256:{SHA}", ("localhost", "app", None, f"sha256:{SHA}")),
        (f"r.test:5/a/b:v1@sha256:{SHA}", ("r.test:5", "a/b", "v1", f"sha256:{SHA}")),
        ("[::1]:5000/app:v1", ("[::1]:5000", "app", "v1", None)),
        ("[::1]/app", ("[::1]", "app", None, None)),
        ("Registry.Example.com/app", ("registry.example.com", "app", None, None)),
        ("index.docker.io/alpine", ("docker.io", "library/alpine", None, None)),
        ("docker.io/team/app", ("docker.io", "team/app", None, None)),
        ("r.test/a__b/c--d", ("r.test", "a__b/c--d", None, None)),
    ],
)
def test_the_parts_of_a_reference(text: str, expected: tuple[str | None, ...]) -> None:
    reference = Reference.parse(text)

    assert (reference.registry, reference.repository, reference.tag, reference.digest) == expected


@pytest.mark.parametrize(
    ("text", "default", "expected"),
    [
        ("team/app:v1", "localhost:5000", "localhost:5000/team/app:v1"),
        ("app", "localhost:5000", "localhost:5000/app"),
        ("alpine", "docker.io", "docker.io/library/alpine"),
        ("team/app", "docker.io", "docker.io/team/app"),
        ("r.test/app", "localhost:5000", "r.test/app"),
    ],
)
def test_the_registry_that_is_meant_where_none_is_named(text: str, default: str, expected: str) -> None:
    assert str(Reference.parse(text, default_registry=default)) == expected


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        ("localhost:5000/Team/App:v1", "uppercase letters in 'Team'", "write team/app"),
        ("localhost:5000/app:", "no tag: it is empty", "v1.2"),
        ("localhost:5000/app:-v1", "it starts with '-'", "v1.2"),
        ("localhost:5000/app:v 1", "may not have ' '", "v1.2"),
        (f"localhost:5000/app:{'v' * 129}", "129 characters are more than 128", "v1.2"),
        ("localhost:5000/app@sha256:abc", "3 hexadecimal digits instead of 64", "64 hexadecimal digits"),
        (f"localhost:5000/app@sha256:{SHA.upper()}", "other than the digits", "64"),
        (f"localhost:5000/app@md5:{SHA}", "unknown algorithm 'md5'", "sha256"),
        ("localhost:5000/app@", "no colon", "sha256"),
        ("localhost:5000/", "names no image", "REGISTRY/REPOSITORY"),
        ("", "names no image", "REGISTRY/REPOSITORY"),
        ("app:v1", "does not say which registry", "localhost:5000/app:v1"),
        ("localhost:5000//app", "nothing between two slashes", "lowercase"),
        ("localhost:5000/../etc", "'..' between slashes", "lowercase"),
        (f"localhost:5000/{'a' * 256}", "256 characters are more than 255", "lowercase"),
        ("localhost:70000/app", "no port 70000", "65535"),
        ("host name:5/app", "no registry", "HOST:PORT"),
    ],
)
def test_what_is_wrong_is_said(text: str, message: str, hint: str) -> None:
    with pytest.raises(UsageError) as caught:
        Reference.parse(text)

    assert caught.value.exit_code == 2
    assert message in caught.value.message
    assert hint in (caught.value.hint or "")


@given(st.binary())
def test_a_digest_names_its_content(content: bytes) -> None:
    digest = Digest.of(content)
    hasher = digest.hasher()
    hasher.update(content)

    assert digest.algorithm == "sha256"
    assert digest.hex == hasher.hexdigest()


def test_names_are_the_text_that_they_are() -> None:
    assert json.dumps([Repository("a/b"), Tag("v1")]) == '["a/b", "v1"]'
    assert len({Tag("v1"), "v1"}) == 1


def test_a_registrys_name_is_lower_case() -> None:
    assert parse_registry("LOCALHOST:5000") == "localhost:5000"
