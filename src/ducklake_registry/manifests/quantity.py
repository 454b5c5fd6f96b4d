"""Kubernetes quantities: "500m", "10Gi", "1.5".

Source: the API conventions' section on quantities (resource.Quantity).
"""

from __future__ import annotations

import re
from decimal import Decimal

from ducklake_registry.errors import UsageError

_FORM = re.compile(r"(?P<number>\d+(?:\.\d*)?|\.\d+)(?P<suffix>[numkMGTPE]|[KMGTPE]i)?", re.ASCII)
_SCALE = {
    "": Decimal(1),
    **{suffix: Decimal(1000) ** -power for power, suffix in enumerate("mun", 1)},
    **{suffix: Decimal(1000) ** power for power, suffix in enumerate("kMGTPE", 1)},
    **{f"{suffix}i": Decimal(1024) ** power for power, suffix in enumerate("KMGTPE", 1)},
}


def parse_quantity(text: str) -> Decimal:
    """Return the number (of bytes, of cores) that a quantity stands for.

    Raises UsageError for what is no quantity.
    """
    match = _FORM.fullmatch(text)
    if not match:
        raise UsageError(f"{text!r} is no quantity", hint='write it as Kubernetes does: "20Gi", "512Mi", "500m"')
    return Decimal(match["number"]) * _SCALE[match["suffix"] or ""]


def smaller(one: str, other: str) -> str:
    """Return the smaller of two quantities, as it is written."""
    return min(one, other, key=parse_quantity)
