"""Quantities as Kubernetes writes them: 10Gi, 500m."""

from __future__ import annotations

import contextlib
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ducklake_registry.errors import UsageError
from ducklake_registry.manifests import (
    parse_quantity,
)
from ducklake_registry.manifests.quantity import smaller

if TYPE_CHECKING:
    from collections.abc import Callable

    from ducklake_registry.manifests import Object

    Patch = Callable[[list[Object], Any], list[Object]]


_SCALES = {
    "": 1,
    "k": 10**3,
    "M": 10**6,
    "G": 10**9,
    "T": 10**12,
    "P": 10**15,
    "E": 10**18,
    "Ki": 2**10,
    "Mi": 2**20,
    "Gi": 2**30,
    "Ti": 2**40,
    "Pi": 2**50,
    "Ei": 2**60,
}
quantities = st.tuples(st.integers(0, 10**9), st.sampled_from(sorted(_SCALES)))


@given(quantities)
def test_a_quantity_is_its_number_times_its_suffix(quantity: tuple[int, str]) -> None:
    number, suffix = quantity
    assert parse_quantity(f"{number}{suffix}") == number * _SCALES[suffix]


@given(st.integers(0, 10**9))
def test_a_thousandth_is_written_m(number: int) -> None:
    assert parse_quantity(f"{number}m") * 1000 == number


@given(quantities, quantities)
def test_the_smaller_of_two_is_as_it_was_written(one: tuple[int, str], other: tuple[int, str]) -> None:
    texts = [f"{number}{suffix}" for number, suffix in (one, other)]
    found = smaller(*texts)
    assert found in texts
    assert parse_quantity(found) == min(map(parse_quantity, texts))


@pytest.mark.parametrize(("text", "expected"), [("1.5Gi", "1610612736"), (".5", "0.5"), ("2.", "2"), ("0", "0")])
def test_decimal_quantities(text: str, expected: str) -> None:
    assert parse_quantity(text) == Decimal(expected)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Gi",
        "10 Gi",
        "10GB",
        "10gi",
        "-1Gi",
        "+1",
        "1,5Gi",
        "ten",
        "10Gi\n",
        "1_0",
        "NaN",
        "\u0661\u0660Gi",
        ".",
    ],
)
def test_what_is_no_quantity(text: str) -> None:
    with pytest.raises(UsageError, match="is no quantity"):
        parse_quantity(text)


@given(st.text(max_size=8))
def test_any_text_is_a_quantity_or_a_usage_error(text: str) -> None:
    with contextlib.suppress(UsageError):
        assert parse_quantity(text) >= 0
