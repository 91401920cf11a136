"""The table of routes: what a row is, and how a request to its application is said.

A row declares routes with the classes of the module it is given, `fastapi.sse` or
`eventwire.fastapi`, and says with which requests the two applications are compared. It writes what
it sees into `trace`. A row that differs names the rows of README's table by their `Difference`.
"""

from __future__ import annotations

import json as json_module
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import ModuleType

    from fastapi import FastAPI

    from route_table.differences import Difference

    Trace = Callable[[Any], None]
    Declare = Callable[[FastAPI, ModuleType, Trace], Any]
    """Declares routes of the application, or returns an application of its own."""

MULTIPART = "multipart/form-data; boundary=edge"


@dataclass(frozen=True)
class Request:
    """One request, and the status that both sides are to answer with (None: they differ)."""

    method: str
    target: str
    status: int | None = 200
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""
    empty: bool = False
    """Whether the body may be empty."""
    delivers: bytes | None = None
    """The very body, where FastAPI's is another one."""
    leaves: bool = False
    """Whether the client leaves once something of the body has arrived."""


def ask(
    method: str,
    target: str = "/",
    *,
    status: int | None = 200,
    json: Any = None,
    form: str | None = None,
    files: dict[str, str] | None = None,
    body: bytes = b"",
    empty: bool = False,
    delivers: bytes | None = None,
    leaves: bool = False,
    **headers: str,
) -> Request:
    """Say a request; a header's name is written with `_` for `-`."""
    if json is not None:
        headers, body = (
            {"content_type": "application/json", **headers},
            json_module.dumps(json).encode(),
        )
    if form is not None:
        headers = {"content_type": "application/x-www-form-urlencoded", **headers}
        body = form.encode()
    if files is not None:
        headers = {"content_type": MULTIPART, **headers}
        disposition = 'content-disposition: form-data; name="{0}"; filename="{0}.txt"'
        parts = [
            f"--edge\r\n{disposition.format(name)}\r\ncontent-type: text/plain\r\n\r\n{text}\r\n"
            for name, text in files.items()
        ]
        body = "".join([*parts, "--edge--\r\n"]).encode()
    named = tuple((name.replace("_", "-"), value) for name, value in headers.items())
    return Request(method, target, status, named, body, empty, delivers, leaves)


def get(target: str = "/", **more: Any) -> Request:
    """Say a GET request."""
    return ask("GET", target, **more)


def post(target: str = "/", **more: Any) -> Request:
    """Say a POST request."""
    return ask("POST", target, **more)


@dataclass(frozen=True)
class Row:
    """One entry of the table."""

    name: str
    declare: Declare
    requests: tuple[Request, ...]
    differs: tuple[Difference, ...] = ()
    newest: bool = False
    """Whether older versions of FastAPI answer something else, which is a row of README."""
    untidy: bool = False
    """Whether FastAPI leaves coroutines or errors behind for the garbage collector."""
    not_by: tuple[Literal["server", "client"], ...] = ()
    """Who answers such a request by itself, or cannot take the answer."""


ROWS: dict[str, Row] = {}


def row(*requests: Request, **options: Any) -> Callable[[Declare], Declare]:
    """Enter a function into the table; its name is the row's."""

    def enter(declare: Declare) -> Declare:
        add(declare.__name__, declare, *requests, **options)
        return declare

    return enter


def add(name: str, declare: Declare, *requests: Request, **options: Any) -> None:
    """Enter a row under a name of its own."""
    name = name.replace("_", " ")
    assert name not in ROWS, f"two rows are called {name!r}"
    ROWS[name] = Row(name, declare, requests or (get(),), **options)
