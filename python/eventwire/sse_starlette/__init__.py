r"""A drop-in for ``sse_starlette`` 3.7: the same names, the same bytes, a fraction of the CPU.

>>> from eventwire.sse_starlette import EventSourceResponse, ServerSentEvent
>>> ServerSentEvent("hello", event="greeting").encode()
b'event: greeting\r\ndata: hello\r\n\r\n'

:func:`install` puts it underneath code that imports ``sse_starlette`` itself.
"""

from eventwire.sse_starlette._install import install, uninstall
from eventwire.sse_starlette.event import JSONServerSentEvent, ServerSentEvent
from eventwire.sse_starlette.sse import EventSourceResponse

__all__ = [
    "EventSourceResponse",
    "JSONServerSentEvent",
    "ServerSentEvent",
    "install",
    "uninstall",
]
__version__ = "3.7.0"
"""Of the package that it stands for."""
