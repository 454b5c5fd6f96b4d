"""The measurements of an earlier run, to be compared with this one's."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ducklake_registry.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class Baseline:
    """What an earlier run measured: for the path of each check its numbers by their names.

    `started` is when that was, as RFC 3339; None for no such run. `registry` and `client` are which registry was
    measured and from where, as far as the run said.
    """

    started: str | None = None
    measured: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    registry: str | None = None
    client: str | None = None

    @classmethod
    def of(cls, document: Mapping[str, Any]) -> Baseline:
        """Read the document of a run. Raises ValueError, TypeError, LookupError, AttributeError."""
        measured = {
            f"{each['category']}/{each['name']}": {name: float(value) for name, value in each["measured"].items()}
            for each in document["results"]
        }
        client = document.get("environment", {}).get("client")
        return cls(str(document["started"]), measured, document.get("registry"), client)

    def otherwise(self, registry: str, client: str) -> str | None:
        """Say what makes its numbers no measure for a run: another registry, or another machine or Python."""
        pairs = ((self.registry, registry), (self.client, client))
        others = [f"{was}, not {now}" for was, now in pairs if was and was != now]
        return f"the baseline is of {'; and of '.join(others)}" if others else None


def read_baseline(file: Path | None) -> Baseline:
    """Read what `dlr test-registry -o json` wrote; nothing for no file. Raises UsageError."""
    if file is None:
        return Baseline()
    try:
        return Baseline.of(json.loads(file.read_text("utf-8")))
    except OSError as error:
        raise UsageError(f"cannot read {file}: {error.strerror}") from error
    except (ValueError, TypeError, LookupError, AttributeError) as error:
        raise UsageError(
            f"{file} is no result of an earlier test", "make one: dlr test-registry -o json > FILE"
        ) from error
