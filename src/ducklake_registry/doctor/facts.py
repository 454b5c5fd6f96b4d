"""`fact`: what is asked once, whoever of several threads asks first, and then known to all."""

from __future__ import annotations

import threading
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from ducklake_registry.errors import DlrError

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")


class Known:
    """The base of whoever has facts."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.answers: dict[str, Future[Any]] = {}


class fact(Generic[T]):  # noqa: N801 - used as `property` is
    """An attribute that is found out when it is first wanted.

    An error is an answer too: what is away is not asked again and again.
    """

    def __init__(self, ask: Callable[[Any], T]) -> None:
        self._ask = ask
        self.__doc__ = ask.__doc__

    def __get__(self, owner: Known, _type: object) -> T:
        name = self._ask.__name__
        with owner.lock:
            future: Future[T] | None = owner.answers.get(name)
            first = future is None
            if future is None:
                future = owner.answers[name] = Future()
        if first:
            self._find_out(owner, future)
        return future.result()

    def _find_out(self, owner: Known, future: Future[T]) -> None:
        try:
            future.set_result(self._ask(owner))
        except DlrError as error:
            future.set_exception(error)
        except BaseException as error:
            future.set_exception(error)  # or whoever else wants to know would wait for ever
            raise
