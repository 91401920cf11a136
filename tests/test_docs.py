"""What the documentation shows is executed."""

from __future__ import annotations

import ast
import doctest
import importlib
import pkgutil
import re
import sys
import types
from pathlib import Path

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

import eventwire

ROOT = Path(__file__).parent.parent
BLOCK = re.compile(r"^```python\n(.*?)^```\n", re.DOTALL | re.MULTILINE)
EXAMPLES = [
    pytest.param(name, block, id=f"{name}-{number}")
    for name in ("README.md", "CONTRIBUTING.md")
    for number, block in enumerate(BLOCK.findall((ROOT / name).read_text()), 1)
]
MODULES = ["eventwire"] + [
    f"eventwire.{module.name}" for module in pkgutil.iter_modules(eventwire.__path__)
]


def test_the_readme_has_examples():
    """The pattern that finds them still does."""
    assert sum(parameter.values[0] == "README.md" for parameter in EXAMPLES) >= 3


def operations(app):
    """List the methods and paths of an application; routes may stand in routers."""
    if isinstance(app, FastAPI):
        paths = app.openapi()["paths"]
        return [(method.upper(), path) for path, item in paths.items() for method in item]
    return [(method, route.path) for route in app.routes for method in route.methods - {"HEAD"}]


@pytest.mark.parametrize(("name", "block"), EXAMPLES)
def test_an_example_of_the_documentation_runs(name, block, monkeypatch):
    """It executes; if it makes an application, its streams stream."""
    module = types.ModuleType("example")
    monkeypatch.setitem(sys.modules, "example", module)
    exec(compile(block, name, "exec"), module.__dict__)
    if not hasattr(module, "app"):
        return
    client = TestClient(module.app)
    streams = operations(module.app)
    assert streams
    for method, path in streams:
        body = {"text": "hello big world"} if method == "POST" else None
        reply = client.request(method, path, json=body)
        assert reply.status_code == 200, reply.text
        assert reply.headers["content-type"].startswith("text/event-stream")
        assert reply.text.endswith("\n\n")


@pytest.mark.parametrize("name", MODULES)
def test_the_examples_in_docstrings_hold(name):
    """Every `>>>` in the package."""
    module = importlib.import_module(name)
    assert doctest.testmod(module).failed == 0


def test_the_examples_in_the_stub_hold():
    """The binding's docstrings stand in `_core.pyi`."""
    stub = ast.parse(Path(eventwire.__file__).with_name("_core.pyi").read_text())
    texts = [
        ast.get_docstring(node)
        for node in ast.walk(stub)
        if isinstance(node, ast.ClassDef | ast.FunctionDef)
    ]
    tests = [
        doctest.DocTestParser().get_doctest(text, {}, "eventwire._core", None, 0)
        for text in texts
        if text and ">>>" in text
    ]
    assert tests
    assert all(doctest.DocTestRunner().run(test).failed == 0 for test in tests)
