"""All tags of 1,000 repositories: `dlr list-registry-images --no-details` against crane and wrk.

python -m benchmarks.list_tags --repositories 1000 --rounds 5
"""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from benchmarks.lists import DLR, compare, crane, filled_registry, in_turns, run, wrk
from benchmarks.storage_tree import names

if TYPE_CHECKING:
    from collections.abc import Callable


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repositories", type=int, default=1000)
    parser.add_argument("--tags", type=int, default=10)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    with filled_registry(options.repositories, options.tags) as registry:
        host = registry.host
        paths = [f"/v2/{name}/tags/list" for name in names(options.repositories)]
        works: dict[str, Callable[[], object]] = {
            "dlr": lambda: run(*DLR, "--no-details", "--registry", host),
            "crane, 4 processes": lambda: crane(host),
            "wrk": lambda: wrk(host, paths, len(paths)),
        }
        medians = in_turns(works, options.rounds)
    compare(medians, [("dlr", "crane, 4 processes", 0.2), ("dlr", "wrk", 6)])


if __name__ == "__main__":
    main()
