"""FastAPI's event class with a native constructor.

A real subclass, so that everything that Pydantic and FastAPI do with the class goes on working.
Only its call differs: arguments that validation would not change make the instance in Rust, in
the state in which Pydantic leaves it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastapi.sse import ServerSentEvent as _FastAPIServerSentEvent

from eventwire import _core

if TYPE_CHECKING:

    class ServerSentEvent(_FastAPIServerSentEvent):
        """The same to a type checker."""

else:

    class _NativeCall(type(_FastAPIServerSentEvent)):
        """Calls of the class itself; an ``__init__`` would be called for validation, too."""

    class ServerSentEvent(_FastAPIServerSentEvent, metaclass=_NativeCall):
        __doc__ = _FastAPIServerSentEvent.__doc__  # it is the description in the schema
        __module__ = "eventwire.fastapi"

    _core._call_natively(ServerSentEvent)  # noqa: SLF001  # private to the package
