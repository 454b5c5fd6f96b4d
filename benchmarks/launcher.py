"""Start programs from a small process: what a program is charged of memory begins with what its parent has.

Run by itself (`python -I -S launcher.py`); reads one request in JSON a line, and answers with one line.
"""

import json
import os
import sys
import time

_QUIET = [
    (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
    (os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0),
]


def launch(words: list[str], environ: dict[str, str], errors: str) -> dict[str, float]:
    """Run a program to its end; `errors` is the file that gets what it says there."""
    said = (os.POSIX_SPAWN_OPEN, 2, errors, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    start = time.perf_counter()
    child = os.posix_spawn(words[0], words, environ, file_actions=[*_QUIET, said])
    _, status, usage = os.wait4(child, 0)
    return {
        "seconds": time.perf_counter() - start,
        "processor": usage.ru_utime + usage.ru_stime,
        "memory": usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024),
        "code": os.waitstatus_to_exitcode(status),
    }


def main() -> None:
    for line in sys.stdin:
        print(json.dumps(launch(*json.loads(line))), flush=True)


if __name__ == "__main__":
    main()
