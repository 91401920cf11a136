"""Examples of events, with the slots that an ``EventTemplate`` fills in.

Here an example is taken apart, once for each template: it is copied, its slots are found or put in,
and each gets a path. What it is encoded to, and how slots are filled, is the binding's.
"""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple, is_typeddict

from pydantic import BaseModel
from pydantic_core import PydanticUndefined

from eventwire import _core, _event_model

if TYPE_CHECKING:
    from collections.abc import Iterator

Path = tuple[Any, ...]
"""Names of fields, keys and positions, as in ``loc`` of Pydantic's errors."""

_FILL = object()  # in a memo of `copy.deepcopy`: what each slot becomes


class Slot:
    """A place in the example of an :class:`EventTemplate` that is filled in for each event.

    Args:
        name: the keyword by which the value is given; two slots of one name get one value.

    >>> from eventwire import EventTemplate, Slot
    >>> EventTemplate(data={"text": Slot("text"), "done": False})
    EventTemplate(data={'text': Slot('text'), 'done': False})
    """

    __slots__ = ("_name",)

    def __init__(self, name: str) -> None:
        if type(name) is not str or not name:
            raise TypeError(f"the name of a slot must be a str that is not empty, not {name!r}")
        self._name = name

    @property
    def name(self) -> str:
        """The keyword by which the value is given."""
        return self._name

    def __repr__(self) -> str:
        return f"Slot({self._name!r})"

    def __eq__(self, other: object) -> bool:
        return self._name == other._name if isinstance(other, Slot) else NotImplemented

    def __hash__(self) -> int:
        return hash((Slot, self._name))

    def __reduce__(self) -> tuple[type[Slot], tuple[str]]:
        return Slot, (self._name,)

    def __copy__(self) -> Slot:
        return self

    def __deepcopy__(self, memo: dict[Any, Any]) -> Any:
        fill = memo.get(_FILL)
        if fill is None:
            memo.setdefault(Slot, []).append(self)
            return self
        return fill(self)


class Place(NamedTuple):
    """A slot in an example's payload."""

    slot: Slot
    """An object of its own, by which it is told from others of that name."""
    path: Path


class Example(NamedTuple):
    """An example, as the binding takes it."""

    data: Any
    raw_data: Any
    event: Any
    id: Any
    retry: int | None
    comment: str | None
    places: list[Place]
    """Of ``data``, in the order in which they stand there."""
    names: list[str]
    """Of all slots, each once."""


def example(
    *,
    data: Any,
    raw_data: Any,
    event: Any,
    id: Any,  # noqa: A002  # the field's name
    retry: Any,
    comment: Any,
    slots: Mapping[str, Any] | None,
) -> Example:
    """Take the arguments of an ``EventTemplate`` apart, and check them."""
    _event_model.register_with_fastapi()
    if isinstance(data, type):
        data = _of_type(data)
    memo: dict[Any, Any] = {}
    payload = copy.deepcopy(data, memo)
    for name, path in _paths(slots):
        payload = _with_slot(payload, Slot(name), path)
    places: list[Place] = []
    payload = _with_places(payload, (), places, set())
    found = {place.slot for place in places}
    for slot in memo.get(Slot, ()):
        if slot not in found:
            raise TypeError(
                f"{slot!r} cannot be filled where it stands: a slot is a value in a dict, a list, "
                "a tuple, a model or a dataclass"
            )
    texts = {"raw_data": _text(raw_data), "event": _text(event), "id": _text(id)}
    for field, value in {"retry": retry, "comment": comment}.items():
        if isinstance(value, Slot):
            raise TypeError(
                f"{value!r} cannot be filled in {field!r}: slots stand in data, raw_data, event, id"
            )
    # Checks what is constant as any event's fields are, with something legal in the slots.
    checked = _core.ServerSentEvent(
        data=payload,
        **{field: _constant(text) for field, text in texts.items()},
        retry=retry,
        comment=comment,
    )
    for field, text in texts.items():
        if text is not None and not isinstance(text, Slot | tuple):
            texts[field] = getattr(checked, field)
    names = dict.fromkeys(place.slot.name for place in places)
    for text in texts.values():
        names |= dict.fromkeys(slot.name for slot in _slots_of(text))
    return Example(
        payload,
        **texts,
        retry=checked.retry,
        comment=checked.comment,
        places=places,
        names=[*names],
    )


def substituted(data: Any, places: list[Place], values: list[Any]) -> Any:
    """Return a copy of an example's payload with the values in its places."""
    by_slot = {id(place.slot): value for place, value in zip(places, values, strict=True)}
    memo: dict[Any, Any] = {_FILL: lambda slot: by_slot[id(slot)]}
    return copy.deepcopy(data, memo)


def restored(template: Any, values: dict[str, Any]) -> Any:
    """Make an event anew: of a pickle, of a copy."""
    return template(**values)


def _text(value: Any) -> Any:
    """Return one slot, or text and slots one after the other, or a constant as it was given."""
    if not isinstance(value, tuple):
        return value
    for part in value:
        if not isinstance(part, str | Slot):
            raise TypeError(f"a text with slots is a tuple of str and Slot, not of {part!r}")
    return value if any(isinstance(part, Slot) for part in value) else "".join(value)


def _constant(text: Any) -> Any:
    if isinstance(text, Slot):
        return ""
    if isinstance(text, tuple):
        return "".join(part for part in text if isinstance(part, str))
    return text


def _slots_of(text: Any) -> Iterator[Slot]:
    parts = text if isinstance(text, tuple) else (text,)
    return (part for part in parts if isinstance(part, Slot))


def _paths(slots: Mapping[str, Any] | None) -> Iterator[tuple[str, Path]]:
    if not isinstance(slots, Mapping | None):
        raise TypeError(f"slots must be a dict of names and paths, not {slots!r}")
    for name, path in (slots or {}).items():
        yield name, tuple(path) if isinstance(path, tuple | list) else (path,)


def _of_type(cls: type) -> Any:
    """Return an instance of a class with fields: a slot for each that has no fixed default."""
    if issubclass(cls, BaseModel):
        model = cls.model_construct()
        values: dict[str, Any] = {}
        for name, info in cls.model_fields.items():
            fixed = info.default is not PydanticUndefined
            values[name] = info.default if fixed else Slot(name)
        object.__setattr__(model, "__dict__", values)
        model.__pydantic_fields_set__.update(cls.model_fields)
        return model
    if dataclasses.is_dataclass(cls):
        instance = object.__new__(cls)
        for field in dataclasses.fields(cls):
            fixed = field.default is not dataclasses.MISSING
            object.__setattr__(instance, field.name, field.default if fixed else Slot(field.name))
        return instance
    if is_typeddict(cls):
        return {
            name: Slot(name)
            for name in cls.__annotations__
            if name in getattr(cls, "__required_keys__", ())
        }
    raise TypeError(
        f"the data of a template is an example, or a model, dataclass or TypedDict, not {cls!r}"
    )


def _extra(model: BaseModel) -> dict[str, Any]:
    """Return what a model has beside its fields; it need not be initialized."""
    extra = getattr(model, "__pydantic_extra__", None)
    return extra if isinstance(extra, dict) else {}


def _members(value: Any) -> list[tuple[Any, Any]] | None:
    """Return what a value holds, with a step of a path for each; None: nothing that we know."""
    if isinstance(value, BaseModel):
        if not type(value).__pydantic_complete__:  # the plan of a class needs its schema
            type(value).model_rebuild(raise_errors=False)
        return [*value.__dict__.items(), *_extra(value).items()]
    if isinstance(value, dict):
        return [*value.items()]
    if isinstance(value, list | tuple):
        return [*enumerate(value)]
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        names = [field.name for field in dataclasses.fields(value)]
        return [(name, getattr(value, name)) for name in names if hasattr(value, name)]
    return None


def _replaced(value: Any, step: Any, member: Any) -> Any:
    """Return a shallow copy of a value with another member; nothing is validated."""
    if isinstance(value, tuple):
        members = [*value]
        members[step] = member
        make = getattr(type(value), "_make", type(value))
        return make(members)
    changed = copy.copy(value)
    if isinstance(value, BaseModel):
        extra = _extra(changed)
        if step in extra and step not in changed.__dict__:
            extra[step] = member
        else:
            changed.__dict__[step] = member
        changed.__pydantic_fields_set__.add(step)
    elif isinstance(value, dict | list):
        changed[step] = member
    else:
        object.__setattr__(changed, step, member)
    return changed


def _with_slot(value: Any, slot: Slot, path: Path, done: Path = ()) -> Any:
    if not path:
        return slot
    step, *rest = path
    members = dict(_members(value) or ())
    if isinstance(value, list | tuple) and isinstance(step, int) and step < 0:
        step += len(value)
    if step not in members:
        raise ValueError(f"slots[{slot.name!r}]: there is no {step!r} in data at {(*done,)!r}")
    member = _with_slot(members[step], slot, tuple(rest), (*done, step))
    return _replaced(value, step, member)


def _with_places(value: Any, path: Path, places: list[Place], above: set[int]) -> Any:
    """Give each slot an object of its own; what holds one is copied, so that nothing is shared."""
    if isinstance(value, Slot):
        places.append(Place(Slot(value.name), path))
        return places[-1].slot
    members = None if id(value) in above else _members(value)
    for step, member in members or ():
        changed = _with_places(member, (*path, step), places, above | {id(value)})
        if changed is not member:
            value = _replaced(value, step, changed)
    return value
