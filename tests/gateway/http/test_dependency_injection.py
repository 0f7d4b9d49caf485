"""Dependencies by name: each name once, and never the name of a value that a client sends."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from litestar import Litestar, get, post
from litestar.datastructures import State
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody
from msgspec import Struct

from gateway.http.dependency_injection import check, provide, publish


class Store:
    """An instance that a handler asks for."""


@dataclass
class Group:
    stores: Store


@dataclass
class Other:
    stores: Store


class Body(Struct):
    stores: int
    size: int


class FineBody(Struct):
    size: int


def test_a_handler_receives_the_instance_of_the_built_group() -> None:
    state, store = State(), Store()
    publish(state, Group(stores=store))
    assert provide(Group)["stores"].dependency(state) is store


def test_two_groups_with_the_same_field_are_refused() -> None:
    with pytest.raises(RuntimeError, match="stores"):
        provide(Group, Other)


def test_a_field_of_a_body_named_like_a_dependency_is_refused() -> None:
    @post("/", operation_id="make", sync_to_thread=False)
    def make(data: JSONBody[Body], stores: NamedDependency[Store]) -> None: ...

    with pytest.raises(RuntimeError, match="make: these are dependencies too: stores"):
        check(Litestar([make], dependencies=provide(Group)))


def test_a_parameter_named_like_a_dependency_of_another_handler_is_refused() -> None:
    @get("/{stores:int}", operation_id="read", sync_to_thread=False)
    def read(stores: FromPath[int]) -> None: ...

    with pytest.raises(Exception, match="stores"):  # Litestar itself may be the first to say so
        check(Litestar([read], dependencies=provide(Group)))


def test_other_names_pass() -> None:
    @post("/{number:int}", operation_id="make", sync_to_thread=False)
    def make(number: FromPath[int], data: JSONBody[FineBody], stores: NamedDependency[Store]) -> None: ...

    check(Litestar([make], dependencies=provide(Group)))
