"""FastAPI's two JSON forms for values without a declared type, by FastAPI's own encoder.

These are the general path: what the compiled encoder does not write itself comes here.
"""

from __future__ import annotations

import json
import math
from typing import Any

try:
    from fastapi.encoders import jsonable_encoder
except ModuleNotFoundError as error:
    if error.name not in {"fastapi", "fastapi.encoders"}:
        raise
    raise ModuleNotFoundError(
        "dialect='spaced' is FastAPI's and needs it: pip install eventwire[fastapi]",
        name=error.name,
    ) from error


def _finite(value: Any) -> Any:
    """Replace non-finite floats by None, as FastAPI does; keys are left alone."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {key: _finite(member) for key, member in value.items()}
    if isinstance(value, list):
        return [_finite(member) for member in value]
    return value


def dumped(value: Any) -> str:
    """JSON of what an encoder has returned."""
    return json.dumps(_finite(value))


def untyped_json(value: Any) -> str:
    """JSON of an item without a declared type: spaced, ASCII."""
    return dumped(jsonable_encoder(value))


def event_json(data: Any) -> str:
    """JSON of the ``data`` of an event: a model writes itself, compact, by field names."""
    if hasattr(data, "model_dump_json"):
        text: str = data.model_dump_json()
        return text
    return untyped_json(data)
