"""The command line: options in, a workflow or a report, and its display out.

What holds for a process that runs one command and ends is said here, before anything else is loaded.
"""

from __future__ import annotations

import gc
import sys

# What is loaded stays, and looking through it for rubbish again and again is an eighth of a start. Rubbish that is
# made later is still found.
gc.set_threshold(100_000)

# httpx's own command line, which nobody asks for here: where click is installed it takes as long as httpx itself.
sys.modules.setdefault("httpx._main", None)  # type: ignore[arg-type]
