"""Random types and random values of them, well-typed, ill-typed and changed behind Pydantic's back.

A *pair* is a type and a strategy for values of it.
"""

import functools
import operator

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from pydantic import Field, TypeAdapter, create_model

patient = settings(
    max_examples=2 * settings().max_examples,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
keys = st.text(max_size=3) | st.sampled_from(["_sa", "_sab", "a"])
NOTHING = st.just({})
INTERNED = ("f0", "f1", "f2", "f3")
"""Names of fields, as source texts have them: the plan leaves others to Pydantic."""


@st.composite
def drawn(draw, strategy):
    """Draw from a strategy, with a short `repr`."""
    return draw(strategy)


def sampled(values):
    """Draw one of the values, none of which need have a `repr`."""
    values = [*values]
    return st.sampled_from(range(len(values))).map(lambda position: values[position])


def trees(odd):
    """Return a strategy for builtin containers of builtin values and of odd ones."""
    nested = st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text() | odd,
        lambda inner: (
            st.lists(inner, max_size=4)
            | st.tuples(inner, inner)
            | st.dictionaries(keys, inner, max_size=4)
            | st.dictionaries(st.none() | st.integers() | st.floats() | keys, inner, max_size=3)
        ),
        max_leaves=12,
    )
    return drawn(nested)


def plain(annotation):
    """Whether a type neither is nor holds a union, and is not recursive.

    Pydantic tries every member of a union, strictly and then leniently: what it needs for a value
    that fits none is exponential in how deep unions stand in unions (minutes, at six levels).
    """
    schema = repr(TypeAdapter(annotation).core_schema)
    return "'type': 'union'" not in schema and "'definition-ref'" not in schema


def one_of(pairs):
    """Return the union of types, and a strategy for its values.

    Of those that cannot stand in one the first, alone.
    """
    pairs = [pair for pair in pairs if plain(pair[0])] or pairs[:1]
    annotation = functools.reduce(operator.or_, (annotation for annotation, _ in pairs))
    return annotation, st.one_of(values for _, values in pairs)


@st.composite
def models(draw, pairs, *, odd, trees, configs=NOTHING, decorations=NOTHING):
    """Draw a model and a strategy for its instances, most fields of them well-typed."""
    fields, values = {}, {}
    for name, (annotation, fitting) in zip(
        INTERNED, draw(st.lists(pairs, max_size=4)), strict=False
    ):
        alias = draw(st.none() | keys.map(lambda key, name=name: key + name))
        exclude = draw(st.sampled_from([None, None, None, True]))
        fields[name] = (annotation, Field(serialization_alias=alias, exclude=exclude))
        values[name] = st.one_of(fitting, fitting, fitting, trees)
    extra = draw(st.sampled_from(["ignore", "ignore", "allow", "forbid"]))
    config = {**draw(configs), "extra": extra}
    cls = create_model("Drawn", __config__=config, __validators__=draw(decorations), **fields)

    def instance(attributes, unset, more, gone):
        made = cls.model_construct(set(attributes) - unset, **attributes)
        made.__dict__.update(more)
        for name in gone & made.__dict__.keys():
            del made.__dict__[name]
        return made

    names = st.sampled_from([*fields, "other"])
    unset = st.sets(names)
    more = st.just({}) | st.dictionaries(names, odd, max_size=1)
    gone = st.just(set()) | st.sets(names, max_size=1)
    return cls, st.builds(instance, st.fixed_dictionaries(values), unset, more, gone)


def types(leaves, models, around=lambda pairs: st.nothing()):
    """Return a strategy for pairs: leaves, and lists, dicts, unions and models of pairs."""
    return st.recursive(
        leaves,
        lambda pairs: (
            pairs.map(lambda pair: (list[pair[0]], st.lists(pair[1], max_size=3)))
            | pairs.map(
                lambda pair: (dict[str, pair[0]], st.dictionaries(keys, pair[1], max_size=3))
            )
            | st.lists(pairs, min_size=2, max_size=3).map(one_of)
            | models(pairs)
            | around(pairs)
        ),
        max_leaves=6,
    )
