"""Many requests in flight, their results in order."""

from __future__ import annotations

from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

Item = TypeVar("Item")
Result = TypeVar("Result")

# More hide a distant registry's latency; with a near one two already keep Python busy.
WORKERS = 8
_AHEAD = 4


def in_parallel(
    function: Callable[[Item], Result],
    items: Iterable[Item],
    workers: int = WORKERS,
    stop: Callable[[], None] = lambda: None,
) -> Iterator[Result]:
    """Give `function` of each item, in the items' order, working only a little ahead of who takes them.

    The first error is raised in its place; what had not begun by then never does. What is at work then is waited
    for; `stop` is called before, to have it end early.
    """
    pending: deque[Future[Result]] = deque()
    left = iter(items)
    pool = ThreadPoolExecutor(workers, thread_name_prefix="registry")
    try:
        pending.extend(pool.submit(function, item) for item in islice(left, workers * _AHEAD))
        while pending:
            yield pending.popleft().result()
            pending.extend(pool.submit(function, item) for item in islice(left, 1))
    finally:
        stop()
        pool.shutdown(wait=True, cancel_futures=True)
