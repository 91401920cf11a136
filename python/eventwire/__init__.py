"""Server-sent events for Starlette and FastAPI, with the pump and the encoder in Rust.

``EventSourceResponse`` streams any async or sync iterable; ``ServerSentEvent`` is one event with
its fields; ``Encoder`` turns one item into one frame; ``drain`` ends the open streams of a loop,
for servers whose stop goes unnoticed. FastAPI users import the drop-in for
``fastapi.sse`` from :mod:`eventwire.fastapi`.
"""

from eventwire._core import Encoder, EventTemplate, ServerSentEvent, TemplatedEvent, __version__
from eventwire._outbox import SendTimeoutError
from eventwire._response import EventSourceResponse
from eventwire._shutdown import drain
from eventwire._template import Slot

__all__ = [
    "Encoder",
    "EventSourceResponse",
    "EventTemplate",
    "SendTimeoutError",
    "ServerSentEvent",
    "Slot",
    "TemplatedEvent",
    "__version__",
    "drain",
]
