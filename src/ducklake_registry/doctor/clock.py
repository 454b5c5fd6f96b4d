"""Clocks: certificates and tokens hold from one time to another, and so need clocks that agree."""

from __future__ import annotations

import sys
from datetime import UTC
from typing import TYPE_CHECKING

from ducklake_registry.doctor.finding import Finding, Severity
from ducklake_registry.waiting import spoken_duration

if TYPE_CHECKING:
    from datetime import datetime

TOLERATED = 30.0
"""Seconds by which clocks may differ: tokens allow for more (RFC 7519, section 4.1.4: "a few minutes")."""


def skewed(whose: str, theirs: datetime, ours: datetime) -> Finding | None:
    """Return that another's clock differs from this machine's, if it does by more than is harmless."""
    # A time without a zone is of UTC, as all times of HTTP are (RFC 9110, section 5.6.7).
    seconds = ((theirs if theirs.tzinfo else theirs.replace(tzinfo=UTC)) - ours).total_seconds()
    if abs(seconds) <= TOLERATED:
        return None
    way = "ahead of" if seconds > 0 else "behind"
    return Finding(
        f"the clock of {whose} is {spoken_duration(abs(seconds))} {way} this machine's",
        "certificates and tokens count as expired, or as not yet valid",
        set_clock(),
        Severity.WARNING,
        independent=True,
    )


def set_clock() -> str:
    """Return how this machine's clock is set right."""
    if sys.platform == "darwin":
        return "sudo sntp -sS time.apple.com  # and restart Docker Desktop, whose clock stops while the Mac sleeps"
    return "sudo timedatectl set-ntp true"
