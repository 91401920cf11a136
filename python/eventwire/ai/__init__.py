"""Streams of model output in the form that each official client reads.

Each helper takes an async or a sync iterable of text, and returns an :class:`EventStream` with the
events of one protocol, from the opening to the end:

>>> from eventwire.ai import openai_chat_stream
>>> openai_chat_stream(["Hel", "lo"], model="mine").response().media_type
'text/event-stream'

Besides text an iterable may yield :class:`ToolCall` and :class:`Finish`, the same for all
protocols, or the events of the protocol themselves (objects of its SDK, models, dicts), which are
passed through. No SDK is needed at run time.
"""

from eventwire.ai._anthropic import anthropic_messages_stream
from eventwire.ai._chat import openai_chat_stream
from eventwire.ai._items import Finish, ToolCall, Usage
from eventwire.ai._responses import openai_responses_stream
from eventwire.ai._stream import EventStream
from eventwire.ai._ui import ui_message_stream

__all__ = [
    "EventStream",
    "Finish",
    "ToolCall",
    "Usage",
    "anthropic_messages_stream",
    "openai_chat_stream",
    "openai_responses_stream",
    "ui_message_stream",
]
