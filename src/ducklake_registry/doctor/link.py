"""`Link`: one thing on the way to the registry, and how to see whether it holds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from ducklake_registry.doctor.finding import Look
    from ducklake_registry.doctor.patient import Patient


@dataclass(frozen=True, slots=True)
class Link:
    """A link, with those before it that it hangs on: what is wrong with it may follow from them.

    `examine` looks and returns what it has seen. It raises DlrError where it cannot see.
    """

    name: str
    examine: Callable[[Patient], Look]
    after: tuple[str, ...] = ()
