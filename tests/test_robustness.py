"""The encoder under abuse: right bytes or an `Exception`, never a crash or a panic."""

import gc
import itertools
import os
import subprocess
import sys
import textwrap
import time
import weakref
from typing import Any

import pytest
from pydantic import BaseModel, Field, TypeAdapter, create_model, field_serializer

from eventwire import Encoder, ServerSentEvent
from forms import FORMS, encode, every_form, in_threads, still_works
from oracle import Leaf, Plain, differences, frame, outcome, route

Open = create_model("Open", __config__={"extra": "allow"}, number=(int, 1))
Nothing = create_model("Nothing")
Crowd = create_model("Crowd", members=(list[Nothing], []), last=(int, 1))


@pytest.fixture
def impatient():
    """Make threads switch as often as they can."""
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(interval)


@every_form
@pytest.mark.usefixtures("impatient")
def test_other_threads_may_change_what_is_encoded(form):
    """Containers, attributes and extras that change meanwhile end in a frame or an error."""
    row, table, extended = [], {}, Open(more=1)
    plain = Plain.model_construct(leaves=row, table=table)
    values = [row, table, plain, [plain, row], {"a": table}, extended]
    until = time.monotonic() + 0.7
    seen = set()

    def work(number):
        for turn in itertools.count():
            if time.monotonic() > until:
                return
            if number % 2:
                result = encode(form, values[turn % len(values)])
                seen.add(type(result))
                assert isinstance(result, bytes | Exception)
                continue
            object.__setattr__(plain, "__dict__", dict(plain.__dict__))
            row.append(Leaf(n=turn) if turn % 3 else {"turn": turn})
            table[f"k{turn % 50}"] = [turn]
            plain.__dict__[f"x{turn % 2}"] = turn
            extended.__pydantic_extra__[f"k{turn % 9}"] = turn
            if len(row) > 30:
                row.clear()
                table.clear()
                extended.__pydantic_extra__.clear()
                plain.__dict__.pop("x0", None)
                plain.__dict__.pop("x1", None)

    assert in_threads(8, work) == []
    assert bytes in seen


@every_form
def test_a_serializer_may_change_what_is_being_encoded(form):
    """Containers that a custom serializer empties while they are read are no danger."""

    class Vandal(BaseModel):
        number: int = 1

        @field_serializer("number")
        def _number(self, value):
            for container in containers:
                container.clear()
            return value

    for position in range(5):
        vandals = {"a": 1, "b": Vandal(), "c": 3}
        row, extended = [1, Vandal(), 3], Open(**vandals)
        plain = Plain.model_construct(table=vandals, leaves=row)
        every = [vandals, row, plain.__dict__, extended.__dict__, extended.__pydantic_extra__]
        containers = every[position : position + 1]
        for value in (vandals, row, plain, extended):
            assert isinstance(encode(form, value), bytes | Exception)
            assert still_works(form)


@every_form
def test_a_serializer_may_replace_the_dict_of_what_is_being_encoded(form):
    """The instance goes on being read, from the old `__dict__` or the new one, or is refused."""

    class Vandal(BaseModel):
        number: int = 1

        @field_serializer("number")
        def _number(self, value):
            for victim in (outer, self):
                object.__setattr__(victim, "__dict__", {"number": 5, "leaves": []})
            gc.collect()
            return value

    for _ in range(20):
        outer = Plain.model_construct(table={"a": Vandal(), "b": Leaf()})
        assert isinstance(encode(form, outer), bytes | Exception)
        assert still_works(form)


@every_form
def test_a_serializer_may_use_the_encoder_that_called_it(form):
    """Encoding inside of encoding spoils neither frame."""

    class Nested(BaseModel):
        depth: int = 0

        @field_serializer("depth")
        def _depth(self, value):
            if value:
                inner.append(encode(form, [Leaf(n=value), Nested(depth=value - 1)]))
            return f"depth {value}"

    inner: list[bytes] = []
    assert b'"depth 4"}\n\n' in encode(form, Nested(depth=4))
    assert len(inner) == 4
    for number, made in enumerate(list(inner), start=1):
        assert made == encode(form, [Leaf(n=number), Nested(depth=number - 1)])


def test_garbage_collection_may_change_what_is_being_encoded():
    """A finalizer that runs in the middle of an instance may add to its attributes."""
    crowds = []

    class Finalized:
        def __init__(self):
            self.me = self

        def __del__(self):
            crowds[-1].__dict__.update(late=1)

    encoder = route(TypeAdapter(Crowd), by_alias=True)
    encoder.encode(Crowd(members=[Nothing()]))
    ordinary = gc.get_threshold()
    for threshold in (50, 100, 200, 350):
        gc.disable()
        # Instances that have no `__dict__` yet get one when it is read: an allocation each.
        bare = [Nothing.__new__(Nothing) for _ in range(400)]
        crowds.append(Crowd.model_construct(members=bare))
        keep = [{} for _ in range(2000)]  # empties the interpreter's store of unused dicts
        gc.collect()
        Finalized()
        gc.set_threshold(threshold, 10, 10)
        gc.enable()
        try:
            result, _ = outcome(lambda: encoder.encode(crowds[-1]))
        finally:
            gc.set_threshold(*ordinary)
        del keep
        whole = frame('{"members":[' + ",".join(["{}"] * 400) + '],"last":1}')
        assert result == whole or isinstance(result, tuple)  # an Exception


def test_a_set_of_fields_may_run_code():
    """A member of `__pydantic_fields_set__` whose `__eq__` changes the instance is no danger."""

    class Member(str):
        __slots__ = ()
        __hash__ = str.__hash__

        def __eq__(self, other):
            pair.__dict__.update(late=1, later=2)
            return False

    pair = create_model("Pair", left=(int, 1), right=(int, 2))()
    object.__setattr__(pair, "__pydantic_fields_set__", {Member("left"), "right"})
    encoder = route(TypeAdapter(type(pair)), by_alias=True, exclude_unset=True)
    result, _ = outcome(lambda: encoder.encode(pair))
    assert isinstance(result, bytes | tuple)  # a frame or an Exception
    assert encoder.encode(type(pair)(left=5)) == b'data: {"left":5}\n\n'


def test_a_forked_child_encodes():
    """A process forked after the encoder was used encodes with what it inherited."""
    frames = [encode(form, Plain()) for form in FORMS]
    child = os.fork()
    if child == 0:
        same = [encode(form, Plain()) for form in FORMS] == frames
        new = encode("compact", create_model("New", f=(int, 1))()) == b'data: {"f":1}\n\n'
        os._exit(0 if same and new else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


@pytest.mark.usefixtures("impatient")
def test_threads_share_an_encoder_an_event_and_a_new_class():
    """Eight threads that meet a class, an event and an encoder at once write what one writes."""
    for turn in range(20):
        cls = create_model("Shared", f=(int, Field(turn, alias=f"a{turn}")))
        encoders = [
            (Encoder(cls), ""),
            (Encoder(), ""),
            (route(), " "),
            (route(TypeAdapter(cls), by_alias=True), ""),
        ]
        event = ServerSentEvent(data=cls(), event="e", id=str(turn))

        def work(_, cls=cls, encoders=encoders, event=event, turn=turn):
            for (encoder, space), _ in itertools.product(encoders, range(10)):
                assert encoder.encode(cls()) == frame(f'{{"a{turn}":{space}{turn}}}')
                assert encoder.encode(event).startswith(b'event: e\ndata: {"')

        assert in_threads(8, work) == []


def recursive():
    """Return a new class that refers to itself."""
    cls = create_model("Recursive", child=("Recursive | None", None))
    cls.model_rebuild(_types_namespace={"Recursive": cls})
    return cls


KINDS = {
    "flat": lambda: create_model("Flat", f=(int, 1)),
    "nested": lambda: create_model("Outer", f=(create_model("Inner", g=(int, 1)), None)),
    "recursive": recursive,
    "union": lambda: create_model("Union", f=(create_model("Inner") | int, 1)),
    "extra": lambda: create_model("Extra", __config__={"extra": "allow"}),
    "not compiled": lambda: create_model("Set", f=(set[int], {1})),
}


@pytest.mark.newest  # older Pydantic keeps recursive models alive by itself
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("typed", [False, True])
def test_a_plan_does_not_keep_its_class_alive(kind, typed):
    """A class that was encoded is collected like any other, and so is its typed encoder."""

    def use():
        cls = KINDS[kind]()
        for encoder in (Encoder(cls) if typed else Encoder(), route()):
            for _ in range(2):
                outcome(lambda encoder=encoder: encoder.encode(cls.model_construct()))
                event = ServerSentEvent(data=cls.model_construct(f=1))
                outcome(lambda encoder=encoder, event=event: encoder.encode(event))
        return weakref.ref(cls)

    gone = use()
    gc.collect()
    assert gone() is None


@pytest.fixture
def small_heap():
    """Collecting takes milliseconds, however many objects the tests before have left."""
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()


def test_a_class_at_a_reused_address_has_its_own_plan(small_heap):
    """Classes that come and go, all of one name, are each written with their own keys."""
    addresses = set()
    for turn in range(100):
        cls = create_model("Same", f=(int, Field(turn, serialization_alias=f"a{turn}")))
        addresses.add(id(cls))
        assert differences(TypeAdapter(cls), cls()) == []
        del cls
        gc.collect()
    assert len(addresses) < 100


@pytest.mark.parametrize("classes", [1, 2, 10])
def test_a_rebuilt_model_gets_a_new_plan(classes):
    """An alias changed before `model_rebuild` is written at once, whatever memory is reused."""
    rebuilt = [create_model("Rebuilt", f=(int, 1)) for _ in range(classes)]
    stale = []
    for turn, cls in itertools.product(range(50), rebuilt):
        cls.model_fields["f"].serialization_alias = f"a{turn}"
        cls.model_rebuild(force=True)
        gc.collect(0)  # frees the serializer before this one: the next may get its address
        if Encoder().encode(cls()) != frame(f'{{"a{turn}":1}}'):
            stale.append(turn)
    assert stale == []


@pytest.mark.parametrize("owner", [0, 1, 2], ids=["class", "base", "BaseModel"])
def test_a_method_replaced_later_is_called(owner, monkeypatch):
    """FastAPI calls `model_dump` and `model_dump_json`: a patch of them counts from then on."""
    cls = create_model("Patched", __base__=create_model("Base", f=(int, 1)))
    assert differences(TypeAdapter(cls), cls()) == []
    monkeypatch.setattr(cls.__mro__[owner], "model_dump", lambda self, **_: {"patched": 1})
    monkeypatch.setattr(cls.__mro__[owner], "model_dump_json", lambda self, **_: '{"patched": 2}')
    assert differences(TypeAdapter(cls), cls()) == []


def test_a_metaclass_may_refuse_every_question():
    """An object whose class raises on unknown attributes is left to the general path."""

    class Refusing(type):
        def __getattr__(cls, name):
            raise RuntimeError(name)

    assert differences(TypeAdapter(Any), Refusing("Item", (), {})()) == []


def test_a_deferred_model_is_built_however_shallow_the_stack():
    """Pydantic looks for names some Python frames up: a script's top level has few."""
    program = """if True:
        from pydantic import create_model
        from eventwire import Encoder
        cls = create_model("Deferred", __config__={"defer_build": True}, f=(int, 1))
        print(Encoder(cls).encode(cls.model_construct()))
    """
    run = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )
    assert run.stdout == "b'data: {\"f\":1}\\n\\n'\n", run.stderr


def test_a_sub_interpreter_cannot_import_it():
    """PyO3 refuses a second interpreter with an ImportError, not with a crash."""
    program = """
        import eventwire
        try:
            import _interpreters as interpreters
        except ImportError:
            import _xxsubinterpreters as interpreters
        second = interpreters.create()
        again = "try: import eventwire\\nexcept ImportError as e: print('refused', e, flush=True)"
        interpreters.run_string(second, again)
        interpreters.destroy(second)
        print(eventwire.Encoder().encode(1))
    """
    command = [sys.executable, "-c", textwrap.dedent(program)]
    run = subprocess.run(command, capture_output=True, text=True, check=True)
    assert run.stdout.startswith("refused ")
    assert run.stdout.endswith("b'data: 1\\n\\n'\n")


def test_a_hundred_classes_in_one_stream_are_examined_once_each():
    """Examining a class takes a thousand times as long as a value: none may drive out another."""
    asked = []

    class Meta(type(BaseModel)):
        def __getattribute__(cls, name):
            asked.append(name)
            return super().__getattribute__(name)

    class Base(BaseModel, metaclass=Meta):
        pass

    values = [
        create_model(f"Model{number}", __base__=Base, f=(int, number))() for number in range(100)
    ]
    expected = [b'data: {"f": %d}\n\n' % number for number in range(100)]
    encoder = Encoder(dialect="spaced")
    for _ in range(3):  # the interpreter gives a class its version at a first look
        assert [encoder.encode(value) for value in values] == expected
    asked.clear()
    assert [encoder.encode(value) for value in values] == expected
    assert asked == []
