"""A method of both clients, which returns its answer or an awaitable.

The client that it is called on decides which, also for type checkers.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import wraps
from typing import TYPE_CHECKING, Any, Generic, ParamSpec, TypeVar, overload

from sharpstream.client.request import Call

if TYPE_CHECKING:
    from sharpstream.client.asynchronous import AsyncClient
    from sharpstream.client.synchronous import Client

P = ParamSpec("P")
T = TypeVar("T")


class Operation(Generic[P, T]):
    """A method that sends the call which ``make`` returns."""

    def __init__(self, make: Callable[P, Call[T]]) -> None:
        self._make = make
        self.__doc__ = make.__doc__

    @overload
    def __get__(self, client: AsyncClient, owner: type) -> Callable[P, Awaitable[T]]: ...
    @overload
    def __get__(self, client: Client, owner: type) -> Callable[P, T]: ...
    @overload
    def __get__(self, client: None, owner: type) -> Operation[P, T]: ...
    def __get__(self, client: Any, owner: type) -> Any:
        """Return the method of a client."""
        if client is None:
            return self

        @wraps(self._make)
        def method(*args: P.args, **kwargs: P.kwargs) -> Any:
            return client.send(self._make(*args, **kwargs))

        return method
