"""When to ask again, and how long to wait before."""

from __future__ import annotations

import random
import time
from dataclasses import dataclass
from email.utils import parsedate_to_datetime

PASSING_STATUSES = frozenset({408, 429, 500, 502, 503, 504})


@dataclass(frozen=True, slots=True)
class Retry:
    """How often to try (the first time counts), and the pauses between in seconds.

    Pauses double from `first_pause` up to `longest_pause`, each shortened by chance to spread out clients
    that failed together; a server's Retry-After is obeyed instead where it gives one.
    """

    attempts: int = 5
    first_pause: float = 0.1
    longest_pause: float = 10.0

    def pause(self, attempt: int, retry_after: str | None = None) -> float:
        """Return the seconds to wait after the given attempt failed (the first is 1)."""
        asked = parse_retry_after(retry_after) if retry_after else None
        if asked is not None:
            return asked
        longest: float = min(self.first_pause * 2 ** (attempt - 1), self.longest_pause)
        return longest * random.uniform(0.5, 1.0)  # noqa: S311 - spreads load, guards nothing


def parse_retry_after(text: str) -> float | None:
    """Read Retry-After (RFC 9110, section 10.2.3) as seconds from now; None if it is neither form."""
    text = text.strip()
    if text.isascii() and text.isdigit():
        return float(text)
    try:
        moment = parsedate_to_datetime(text).timestamp()
    except (ValueError, OverflowError):
        return None
    return max(0.0, moment - time.time())
