"""Server-sent events for Starlette and FastAPI, with the pump and the encoder in Rust.

``EventSourceResponse`` streams any async or sync iterable; ``ServerSentEvent`` is one event with
its fields; ``Encoder`` turns one item into one frame. FastAPI users import the drop-in for
``fastapi.sse`` from :mod:`eventwire.fastapi`.
"""

from eventwire._core import Encoder, ServerSentEvent, __version__
from eventwire._outbox import SendTimeoutError
from eventwire._response import EventSourceResponse

__all__ = [
    "Encoder",
    "EventSourceResponse",
    "SendTimeoutError",
    "ServerSentEvent",
    "__version__",
]
