"""Compiled plans: every value gives what the general path gives, be it bytes, error or warning.

The oracles are the general paths themselves (see `oracle`).
"""

import contextlib
import functools
import itertools
import math
import warnings
from collections import OrderedDict
from typing import Annotated, Any

import pytest
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    PrivateAttr,
    RootModel,
    TypeAdapter,
    computed_field,
    create_model,
    field_serializer,
    field_validator,
    model_serializer,
    model_validator,
)

from eventwire import Encoder
from oracle import Leaf, Number, Plain, Ring, Text, Tree, differences


def nine(instance):
    if instance.number == 9:
        raise ValueError("nine")
    return instance


def variant(why="", *, extra="ignore", **namespace):
    """Return a subclass of `Plain`, and why `describe` says it is not compiled."""
    names = {"__module__": __name__, "__qualname__": "Variant"}
    return type(Plain)("Variant", (Plain,), {**names, **namespace}, extra=extra), why


class Excluding(BaseModel):
    hidden: int = Field(default=1, exclude=True)
    seen: int | None = 2


def config(why="", **settings):
    """Return a model with some configuration, and why it is not compiled."""
    model = create_model(
        "Set",
        __config__=ConfigDict(**settings),
        f=(float, Field(1.5, alias="g")),
        e=(bytes if "ser_json_bytes" in settings else Any, None),
        leaf=(Leaf, Leaf()),
    )
    return model, why


def held(cls):
    """Return types that hold the class, each with how an instance gets into a value of it."""
    holder = create_model("Holder", f=(cls, ...), last=(int, 1))
    return [
        (TypeAdapter(cls), lambda instance: instance),
        (TypeAdapter(list[cls]), lambda instance: [instance]),
        (TypeAdapter(holder), lambda instance: holder.model_construct(f=instance)),
        (TypeAdapter(Annotated[cls, Field(title="t")]), lambda instance: instance),
    ]


SLOT = BaseModel.__dict__["__dict__"]
VALIDATED = "item: validated by Pydantic before it is written\n"
CUSTOM = "general path: a custom serializer\n"
SETS = "general path: Set: its configuration sets "
HIDES = "general path: Variant: replaces __getattribute__ or __dict__\n"
# Each class, and why `describe` says it is not compiled; "" if it is.
CLASSES = {
    "leaf": (Leaf, ""),
    "plain": (Plain, ""),
    "tree": (Tree, ""),
    "ring": (Ring, ""),
    "excluding": (Excluding, ""),
    "root": (RootModel[list[Leaf]], "item: compiled root model RootModel[list[Leaf]]\n"),
    "extra allow": variant(extra="allow"),
    "extra forbid": variant(extra="forbid"),
    "private": variant(_private=PrivateAttr(default=5)),
    "cached property": variant(square=functools.cached_property(lambda self: 4)),
    "computed": variant(
        "general path: Variant: computed fields\n",
        double=computed_field(return_type=int)(property(lambda self: self.number * 2)),
    ),
    "field serializer": variant(
        "general path: Variant: field number has a serializer that takes the model\n",
        _f=field_serializer("number")(lambda self, value: f"<{value}>"),
    ),
    "model serializer": variant(CUSTOM, _m=model_serializer(lambda self: {"all": self.number})),
    "wrap serializer": variant(
        CUSTOM,
        _m=model_serializer(mode="wrap")(lambda self, handler: {**handler(self), "more": 1}),
    ),
    "field validators": variant(
        _b=field_validator("number", mode="before")(abs),
        _w=field_validator("number", mode="wrap")(lambda value, handler: handler(value) + 1),
        _a=field_validator("text", mode="after")(lambda value: value.strip()),
    ),
    "plain validator": variant(
        "item.number: " + CUSTOM,
        _p=field_validator("number", mode="plain")(lambda value: value),
    ),
    "model validator before": variant(
        _b=model_validator(mode="before")(lambda data: data or {"number": 8})
    ),
    "model validator after": variant(VALIDATED, _a=model_validator(mode="after")(nine)),
    "model validator wrap": variant(
        VALIDATED,
        _w=model_validator(mode="wrap")(
            lambda data, handler: handler({"number": 7} if isinstance(data, Plain) else data)
        ),
    ),
    "post init": variant(model_post_init=lambda self, _: self.__dict__.update(ratio=2.5)),
    "model_dump": variant(model_dump=lambda self, **_: {"dumped": "otherwise"}),
    "model_dump_json": variant(model_dump_json=lambda self, **_: '{"dumped": 1}'),
    "__getattribute__": variant(
        HIDES,
        __getattribute__=lambda self, name: (
            {"text": "lie"} if name == "__dict__" else object.__getattribute__(self, name)
        ),
    ),
    "__dict__": variant(HIDES, __dict__=property(lambda self: {"text": "lie"}, SLOT.__set__)),
    "__getattr__": variant(__getattr__=lambda self, name: 1 // 0),
    "__iter__": variant(__iter__=lambda self: iter([("iterated", 1)])),
    "frozen": config(frozen=True, strict=True, validate_assignment=True, use_enum_values=True),
    "constants": config(why=SETS, ser_json_inf_nan="constants"),
    "strings": config(why=SETS, ser_json_inf_nan="strings"),
    "base64": config(why=SETS, ser_json_bytes="base64"),
    "aliases": config(why=SETS + "serialize_by_alias\n", serialize_by_alias=True),
    "revalidated": config(why=VALIDATED, revalidate_instances="always"),
    "subclasses revalidated": config(why=VALIDATED, revalidate_instances="subclass-instances"),
    "aliases and extras": config(extra="allow", populate_by_name=True),
}


def _swap(instance):
    instance.__dict__ = dict(reversed(instance.__dict__.items()))


def _foreign_keys(instance):
    instance.__dict__ = {"".join(key): value for key, value in instance.__dict__.items()}


def _set(**attributes):
    def change(instance):  # only fields: an added attribute alone is the general path's
        known = type(instance).model_fields.keys() & attributes.keys()
        instance.__dict__.update((name, attributes[name]) for name in sorted(known))

    return change


def _slot(name, value):
    return lambda instance: object.__setattr__(instance, name, value)


# What may be done to an instance behind Pydantic's back.
CHANGES = {
    "nothing": lambda _: None,
    "wrong types": _set(number="n", text=1, ratio=True, leaf={"n": 1}, n="n", seen=[1]),
    "odd numbers": _set(number=2**70, ratio=math.inf, n=True, f=math.nan, table={"a": math.nan}),
    "None": _set(number=None, leaf=None, n=None, hidden=None, table={"a": None, "b": [None]}),
    "subclasses": _set(number=Number(5), text=Text("honest"), n=Number(1)),
    "surrogates": _set(text="\ud800", maybe="\udfff", e="\ud800"),
    "unwritable": _set(table={"a": object()}, leaves=[object()], e=b"\xff", hidden=object()),
    "for SQLAlchemy": _set(table={"_sa": 1, "_sb": 2}, e={"_sa": {"_sa": 1}}),
    "unwritable for SQLAlchemy": _set(table={"_sa": object()}, e={"a": {"_sa": object()}}),
    "nested": _set(leaves=[Leaf.model_construct(n="wrong"), Leaf()], leaf=Plain(), table={"a": {}}),
    "an added attribute": lambda instance: instance.__dict__.update(added=1),
    "no attributes": lambda instance: instance.__dict__.clear(),
    "one attribute less": lambda instance: instance.__dict__.popitem(),
    "another order": _swap,
    "equal keys that are other objects": _foreign_keys,
    "a dict subclass": lambda instance: _slot("__dict__", OrderedDict(instance.__dict__))(instance),
    "nothing set": lambda instance: instance.__pydantic_fields_set__.clear(),
    "all set": lambda instance: instance.__pydantic_fields_set__.update(instance.__dict__),
    "unknown set": lambda instance: instance.__pydantic_fields_set__.add("unknown"),
    "set replaced by a list": _slot("__pydantic_fields_set__", ["number"]),
    "set replaced by a frozenset": _slot("__pydantic_fields_set__", frozenset({"number"})),
    "no set": lambda instance: object.__delattr__(instance, "__pydantic_fields_set__"),
    "extras": _slot("__pydantic_extra__", {"x": 1, "y": None}),
    "empty extras": _slot("__pydantic_extra__", {}),
    "odd extras": _slot("__pydantic_extra__", [1]),
    "no extras": lambda instance: object.__delattr__(instance, "__pydantic_extra__"),
    "a method": lambda instance: instance.__dict__.update(model_dump_json=lambda: '"shadowed"'),
}
HELD = {cls: held(cls) for cls, _ in CLASSES.values()}


@pytest.mark.newest
@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("kind", CLASSES)
def test_an_instance_is_written_as_it_is(kind, change):
    """Whatever was done to an instance, the plan gives what Pydantic gives for it."""
    cls, _ = CLASSES[kind]
    found = []
    for adapter, hold in HELD[cls]:
        instance = cls([Leaf()]) if issubclass(cls, RootModel) else cls()
        with contextlib.suppress(AttributeError):  # the class has no such attribute
            CHANGES[change](instance)
        found += differences(adapter, hold(instance))
    assert found == []


@pytest.mark.newest
@pytest.mark.parametrize("kind", CLASSES)
def test_an_instance_need_not_have_been_initialized(kind):
    """Bare and unvalidated instances, cached properties and subclass instances are no trap."""
    cls, _ = CLASSES[kind]
    made = [cls.__new__(cls)]
    if issubclass(cls, RootModel):
        made += [cls.model_construct([1]), cls.model_construct(object())]
    else:
        made += [cls(), cls.model_construct(), cls.model_construct(unknown=1)]
        made += [create_model("Subclass", __base__=cls, more=(int, 2))()]
    if kind == "cached property":
        assert made[1].square == 4
    found = []
    for (adapter, hold), instance in itertools.product(HELD[cls], made):
        found += differences(adapter, hold(instance))
    assert found == []


@pytest.mark.newest
@pytest.mark.parametrize("kind", CLASSES)
def test_describe_gives_the_reason_for_each_part_that_is_not_compiled(kind):
    """Nothing falls back without a line that says why."""
    cls, why = CLASSES[kind]
    description = Encoder(cls).describe()
    if why:
        assert why in description
    else:
        assert description.startswith(f"item: compiled model {cls.__name__}\n")
        assert "general path" not in description


@pytest.mark.newest
def test_a_field_may_be_left_out_by_a_condition():
    """`exclude_if` decides per value, and keeps its model off the plan."""
    model = create_model("If", f=(int, Field(0, exclude_if=lambda value: value == 0)), g=(int, 1))
    for value in (model(), model(f=1), model.model_construct(f="wrong")):
        assert differences(TypeAdapter(model), value) == []
    assert "item: general path: If: field f is excluded by a condition" in Encoder(model).describe()


def test_two_fields_may_have_one_alias():
    """Compact JSON has the key twice, spaced JSON, made from a dict, once."""
    model = create_model(
        "Twice",
        a=(int, Field(1, serialization_alias="k")),
        b=(int, Field(2, serialization_alias="k")),
    )
    assert differences(TypeAdapter(model), model()) == []
    model = create_model("Swapped", a=(int, Field(1, serialization_alias="b")), b=(int, 2))
    assert differences(TypeAdapter(model), model()) == []


def test_a_field_may_be_named_as_a_method():
    """FastAPI asks the instance for `model_dump_json` and gets the field."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Pydantic warns of the name
        unprotected = ConfigDict(protected_namespaces=())
        model = create_model("Method", __config__=unprotected, model_dump_json=(str, "a field"))
    assert differences(TypeAdapter(model), model()) == []


@pytest.mark.newest
def test_a_forward_reference_is_followed_once_it_is_known():
    """A model that is completed later is compiled later, also by an encoder that met it before."""

    class Late(BaseModel):
        child: "Unborn | None" = None  # noqa: F821  # defined below

    assert differences(TypeAdapter(Late), Late.model_construct(child=None)) == []
    encoder = Encoder(Late)
    Late.model_rebuild(_types_namespace={"Unborn": Leaf})
    assert differences(TypeAdapter(Late), Late(child=Leaf(n=2))) == []
    assert encoder.encode(Late(child=Leaf())) == b'data: {"child":{"n":1}}\n\n'
    assert "item.child.n: compiled int\n" in encoder.describe()


@pytest.mark.newest
@pytest.mark.parametrize("make", ["__call__", "model_construct"])
def test_a_deferred_model_is_compiled_once_it_is_built(make):
    """`defer_build=True`, as in the SDKs, is no reason to stay on the general path."""
    cls = create_model("Deferred", __config__={"defer_build": True}, leaf=(Leaf, Leaf()))
    encoder = Encoder(cls)
    instance = cls() if make == "__call__" else cls.model_construct()
    assert encoder.encode(instance) == b'data: {"leaf":{"n":1}}\n\n'
    assert differences(TypeAdapter(cls), instance) == []
    assert "item.leaf.n: compiled int\n" in encoder.describe()
