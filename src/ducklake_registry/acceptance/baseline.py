"""The measurements of an earlier run, to be compared with this one's."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING

from ducklake_registry.errors import UsageError

if TYPE_CHECKING:
    from pathlib import Path

Baseline = Mapping[str, Mapping[str, float]]
"""For the path of each check that measures: its numbers by their names."""


def read_baseline(file: Path | None) -> Baseline:
    """Read what `dlr test-registry -o json` wrote; nothing for no file. Raises UsageError."""
    if file is None:
        return {}
    try:
        results = json.loads(file.read_text("utf-8"))["results"]
        return {
            f"{each['category']}/{each['name']}": {
                str(name): float(value) for name, value in each["measured"].items()
            }
            for each in results
        }
    except OSError as error:
        raise UsageError(f"cannot read {file}: {error.strerror}") from error
    except (ValueError, TypeError, LookupError, AttributeError) as error:
        raise UsageError(
            f"{file} is no result of an earlier test", "make one: dlr test-registry -o json > FILE"
        ) from error
