"""What a client makes of a stream: HTML Standard, 9.2.5 "parsing" and 9.2.6 "interpreting".

Written from the standard's text, step by step, to judge what the package writes; it shares
nothing with the core's decoder. `test_received.py` checks it with the standard's own examples.
"""

import dataclasses
import re


@dataclasses.dataclass(frozen=True)
class Message:
    """A dispatched event."""

    type: str
    data: str
    last_event_id: str


@dataclasses.dataclass
class Received:
    """What a whole stream comes to."""

    messages: list[Message] = dataclasses.field(default_factory=list)
    last_event_id: str = ""
    reconnection_time: int | None = None
    lines: list[tuple[str, str]] = dataclasses.field(default_factory=list)
    """Every field as (name, value), ignored ones too; comments have the name ":"."""


def receive(stream):
    """Read the bytes of a stream that ends here."""
    received = Received()
    data = event_type = last_event_id = ""
    # "UTF-8 decode" strips one leading byte order mark.
    text = stream.decode("utf-8", "replace").removeprefix("\ufeff")
    # "Once the end of the file is reached, any pending data must be discarded."
    *lines, _pending = re.split("\r\n|\n|\r", text)
    for line in lines:
        if not line:
            received.last_event_id = last_event_id
            if data:
                message = Message(event_type or "message", data.removesuffix("\n"), last_event_id)
                received.messages.append(message)
            data = event_type = ""
            continue
        if line.startswith(":"):
            received.lines.append((":", line[1:].removeprefix(" ")))
            continue
        field, _, value = line.partition(":")
        value = value.removeprefix(" ")
        received.lines.append((field, value))
        if field == "event":
            event_type = value
        elif field == "data":
            data += value + "\n"
        elif field == "id" and "\0" not in value:
            last_event_id = value
        elif field == "retry" and re.fullmatch("[0-9]+", value):
            received.reconnection_time = int(value)
    return received
