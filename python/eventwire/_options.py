"""Options that are checked where they are given: errors name the option and what it may be."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from collections.abc import Set as AbstractSet

    IncEx = AbstractSet[int] | AbstractSet[str] | Mapping[int, Any] | Mapping[str, Any]


def dump_options(
    has_type: bool,  # noqa: FBT001  # called from the binding
    *,
    include: IncEx | None = None,
    exclude: IncEx | None = None,
    by_alias: bool = True,
    exclude_unset: bool = False,
    exclude_defaults: bool = False,
    exclude_none: bool = False,
) -> dict[str, Any]:
    """Return the keyword arguments of Pydantic's ``dump_json`` for an encoder's options.

    Raises:
        TypeError: an option is given for an encoder without a declared type, to whose items
            there is nothing that they could refer to.
    """
    options = {
        "include": include,
        "exclude": exclude,
        "by_alias": by_alias,
        "exclude_unset": exclude_unset,
        "exclude_defaults": exclude_defaults,
        "exclude_none": exclude_none,
    }
    if not has_type:
        defaults = {"include": None, "exclude": None, "by_alias": True}
        for name, value in options.items():
            if value is not defaults.get(name, False):
                raise TypeError(f"{name} applies to items of a declared type: give item_type")
    return options


def _is_number(name: str, value: Any) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError(f"{name} must be a number of seconds, not {value!r}")
    return math.isfinite(value)


def _interval(name: str, value: Any) -> None:
    if value is not None and not (_is_number(name, value) and value > 0):
        raise ValueError(f"{name} must be a positive number of seconds, or None, not {value!r}")


def _period(name: str, value: Any) -> None:
    if not (_is_number(name, value) and value >= 0):
        raise ValueError(f"{name} must be a number of seconds, 0 or more, not {value!r}")


def _flag(name: str, value: Any) -> None:
    if not isinstance(value, bool):
        raise TypeError(f"{name} must be True or False, not {value!r}")


def _callback(name: str, value: Any) -> None:
    if value is not None and not callable(value):
        raise TypeError(f"{name} must be a function, or None, not {value!r}")


def _message(name: str, value: Any) -> None:
    if isinstance(value, str):
        raise TypeError(f"{name} must be bytes, an event or a function, not a str: {value!r}")
    if isinstance(value, bytes) and not value.endswith((b"\n", b"\r")):
        raise ValueError(f"{name} must end with a line end, for example b': ping\\n\\n': {value!r}")


CHECKS: dict[str, Callable[[str, Any], None]] = {
    "cleanup_timeout": _period,
    "coalesce": _flag,
    "drain_on_shutdown": _flag,
    "escape_line_separators": _flag,
    "farewell": _callback,
    "on_disconnect": _callback,
    "ping_interval": _interval,
    "ping_message": _message,
    "ping_single_newline": _flag,
    "send_timeout": _interval,
    "shutdown_grace_period": _period,
    "wait_for_first_event": _flag,
}
"""The options of ``EventSourceResponse``, and what checks each of them."""


def check(name: str, value: Any) -> None:
    """Raise TypeError or ValueError, naming the option, if it may not have this value."""
    CHECKS[name](name, value)
