"""What FastAPI does with the items of a route that declares their type, beside what we do.

That is its field's `validate`, then `serialize_json`, with the route's `response_model_*` options.
"""

import itertools
import types
import warnings

from fastapi.exceptions import ResponseValidationError
from fastapi.utils import create_model_field

import oracle
from eventwire._core import Driver
from eventwire._fastapi_hook import RouteResponse
from oracle import frame, outcome

NAMES = ("by_alias", "exclude_unset", "exclude_defaults", "exclude_none")
FLAGS = [
    dict(zip(NAMES, flags, strict=True)) for flags in itertools.product((True, False), repeat=4)
]
DEFAULT = {"by_alias": True, **dict.fromkeys(NAMES[1:], False)}
CHOICES = [
    {"include": {"f"}},
    {"include": set()},
    {"exclude": {"f"}},
    {"exclude": set()},
    {"include": {"f": {"n", "when", 0}}},
    {"exclude": {"f": {"n", "when", "_", 0, 1, "a"}}},
    {"include": {"n", "when", "a", 0}, "exclude": {"when": True}},
    {"exclude": {"f": {"__all__": {"n"}}, "leaf": {"n"}, "n": ...}},
    {"exclude": {"__all__": {"n": True}, 0: {"n"}}},
    {"include": {"f": True, "last": False}},
]
CHOSEN = [
    *({**DEFAULT, **choice} for choice in CHOICES),
    {**DEFAULT, "exclude": {"f": {0}}, "exclude_none": True, "exclude_unset": True},
]
NO_ENDPOINT = types.SimpleNamespace(call=None, path=None)


class Judge:
    """FastAPI's field of one type, and our encoders for it, one for each choice of options."""

    def __init__(self, annotation):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # on options that mean nothing outside of a model
            self.field = create_model_field("item", annotation, mode="serialization")
        self.ours = {}

    def theirs(self, value, options):
        """Return what FastAPI writes for an item."""
        taken, errors = self.field.validate(value, {}, loc=("response",))
        if errors:
            raise ResponseValidationError(errors=errors, body=value, endpoint_ctx={})
        return frame(self.field.serialize_json(taken, **options))

    def driver(self, options):
        """Return what makes frames of a route's items, with the route's own errors."""
        key = repr(options)
        if key not in self.ours:
            encoder = oracle.route(self.field._type_adapter, **options)
            response = RouteResponse(iter(()), route_encoder=encoder, dependant=NO_ENDPOINT)
            self.ours[key] = Driver(
                aiter(Nothing()), encoder, invalid=response._invalid({"type": "http"})
            )
        return self.ours[key]

    def differences(self, make, options_table):
        """Return the options with which ours and theirs differ, for the first time or later."""
        found = []
        for options in options_table:
            expected = outcome(lambda options=options: self.theirs(make(), options))
            for turn in ("first", "again"):
                driver = self.driver(options)
                given = outcome(lambda driver=driver: driver.frame(make()))
                if given != expected:
                    found.append((options, turn, given, expected))
        return found


class Nothing:
    """An async iterator of no items."""

    def __aiter__(self):
        return self

    async def __anext__(self):
        raise StopAsyncIteration
