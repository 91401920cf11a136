"""Every protocol, and both kinds of iterables."""

import pytest

from ai_helpers import PROTOCOLS, Tokens, sync_tokens


@pytest.fixture(params=PROTOCOLS)
def protocol(request):
    return request.param


@pytest.fixture
def make(protocol):
    return PROTOCOLS[protocol]


@pytest.fixture(params=["async", "sync"])
def source(request):
    """Make an async or a sync iterator over items."""
    return Tokens if request.param == "async" else lambda *items: sync_tokens(items)
