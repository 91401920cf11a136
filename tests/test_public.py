"""The names users import."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import tomllib
from pathlib import Path

import pytest

import eventwire
import eventwire.ai
import eventwire.fastapi

ROOT = Path(__file__).parent.parent


@pytest.mark.parametrize("module", [eventwire, eventwire.ai, eventwire.fastapi])
def test_all_is_sorted_and_defined(module):
    """`__all__` names exist, and every public name is in it."""
    order = sorted(module.__all__, key=lambda name: (not name.isupper(), name))
    assert module.__all__ == order
    assert all(hasattr(module, name) for name in module.__all__)


def test_the_version_is_the_workspaces():
    """One version: Cargo.toml's, the package's and the distribution's."""
    cargo = tomllib.loads((ROOT / "Cargo.toml").read_text())
    version = cargo["workspace"]["package"]["version"]
    assert eventwire.__version__ == version == importlib.metadata.version("eventwire")
