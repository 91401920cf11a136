"""granian's ``receive``, which takes no second caller while it reads the request's body.

A call that is cancelled meanwhile, as Starlette's ``request.is_disconnected()`` does, has the other
one, or the next, say ``http.disconnect`` (granian 2.8.7: 5 of 15 requests). So there the generator
takes its first step when our own ``receive`` has returned the body.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from starlette.types import Receive

BODY_TIME = 0.1
"""How long a generator waits for a body that is still on its way, in seconds."""

_PROTOCOL = ("granian._granian", "ASGIHTTPProtocol")


def must_be_alone(receive: Receive) -> bool:
    """Whether ``receive`` is granian's."""
    owner = type(getattr(receive, "__self__", None))
    return (owner.__module__, owner.__name__) == _PROTOCOL
