"""What a list of images may be asked for. Apart from what reads it, which takes longer to load."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from ducklake_registry.errors import UsageError


class Sort(StrEnum):
    """By what a list is sorted: names upwards, sizes and dates downwards."""

    NAME = "name"
    SIZE = "size"
    CREATED = "created"


@dataclass(frozen=True, slots=True)
class Wish:
    """What to list: repositories by a shell's pattern (`*` stands for slashes too), and how much of them.

    Without `tags` there is one entry for each repository; without `details` no manifest is read.
    """

    pattern: str = "*"
    tags: bool = True
    details: bool = True
    sort: Sort = Sort.NAME
    limit: int | None = None

    def __post_init__(self) -> None:
        if self.sort is not Sort.NAME and not self.details:
            raise UsageError(f"--sort {self.sort} needs details", "leave out --no-details")
        if self.pattern != self.pattern.lower():
            raise UsageError(
                f"no repository can match {self.pattern!r}: names are lowercase", f"write {self.pattern.lower()}"
            )
