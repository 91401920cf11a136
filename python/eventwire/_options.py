"""Options that are checked where they are given: errors name the option and what it may be."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping
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
        for name, value in options.items():
            if value is not (True if name == "by_alias" else None) and value is not False:
                raise TypeError(f"{name} applies to items of a declared type: give item_type")
        if not by_alias:
            raise TypeError("by_alias applies to items of a declared type: give item_type")
    return options
