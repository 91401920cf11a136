"""Puts eventwire underneath code that imports ``sse_starlette`` itself."""

from __future__ import annotations

import importlib
import sys
import warnings
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from types import ModuleType

_NAMES = ("sse_starlette", "sse_starlette.event", "sse_starlette.sse")
_replaced: dict[str, ModuleType | None] = {}


def install() -> None:
    """Have ``import sse_starlette`` give eventwire's drop-in, whether that package is there or not.

    It must run before the code that imports names from ``sse_starlette`` (the MCP SDK binds them
    when it is imported): names that are bound already stay what they were, and a
    ``RuntimeWarning`` says in which modules. Calling it again changes nothing.
    """
    if _replaced:
        return
    late = _bound()
    for name in _NAMES:
        _replaced[name] = sys.modules.get(name)
        sys.modules[name] = importlib.import_module(f"eventwire.{name}")
    if late:
        warnings.warn(
            "eventwire.sse_starlette.install() comes too late for modules that have imported from "
            f"sse_starlette already: {', '.join(late)}. Call it before they are imported.",
            RuntimeWarning,
            stacklevel=2,
        )


def uninstall() -> None:
    """Have ``import sse_starlette`` give that package again; what is bound stays."""
    for name, module in _replaced.items():
        if sys.modules.get(name) is importlib.import_module(f"eventwire.{name}"):
            if module is None:
                del sys.modules[name]
            else:
                sys.modules[name] = module
    _replaced.clear()


def _bound() -> list[str]:
    """Return the modules that hold something of the package that is to be replaced."""
    originals = [sys.modules[name] for name in _NAMES if name in sys.modules]
    parts = {
        id(value)
        for module in originals
        for value in vars(module).values()
        if getattr(value, "__module__", "").startswith("sse_starlette")
    } | {id(module) for module in originals}
    return sorted(
        name
        for name, module in list(sys.modules.items())
        if not name.startswith(("sse_starlette", "eventwire"))
        and any(id(value) in parts for value in list(getattr(module, "__dict__", {}).values()))
    )
