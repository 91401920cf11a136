"""Signals while streams are open: the drain, and handlers that are put back."""

from __future__ import annotations

import asyncio
import functools
import signal
import subprocess
import sys

import pytest
import uvloop

from asgi import run, until
from eventwire import _signals
from streams import idle, opened

STOP = (signal.SIGTERM, signal.SIGINT)


@pytest.fixture(autouse=True)
def handlers():
    """After every test the handlers are what they were, and nobody is told of signals."""
    before = {number: signal.getsignal(number) for number in STOP}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)
    assert not _signals._told
    assert not _signals._installed


@pytest.mark.parametrize("loop", [asyncio.new_event_loop, uvloop.new_event_loop])
@pytest.mark.parametrize("number", STOP)
@pytest.mark.parametrize("how", ["signal.signal", "add_signal_handler"])
def test_a_signal_drains_the_streams_and_reaches_the_servers_handler(loop, number, how):
    """Once each, however the server installed it; the handler is the server's afterwards."""
    calls, events = [], []

    def handler(*args):
        calls.append(args[0])

    async def main():
        if how == "signal.signal":
            signal.signal(number, handler)
        else:
            asyncio.get_running_loop().add_signal_handler(number, handler, number)
        installed = signal.getsignal(number)
        wire, task = await opened(idle(events))
        other, second = await opened(idle(events))
        signal.raise_signal(number)
        async with asyncio.timeout(0.25):
            await asyncio.gather(task, second)
        assert events == ["closed", "closed"]
        assert not wire.ended
        assert not other.ended
        await until(lambda: calls)
        assert calls == [number]
        assert signal.getsignal(number) is installed
        if how == "add_signal_handler":
            asyncio.get_running_loop().remove_signal_handler(number)

    with asyncio.Runner(loop_factory=loop) as runner:
        runner.run(main())


def test_handlers_are_replaced_only_while_streams_are_open():
    """Several streams replace them once; the last one puts them back."""

    def handler(number, frame):
        pass

    async def main():
        signal.signal(signal.SIGTERM, handler)
        first, one = await opened(idle([]))
        ours = signal.getsignal(signal.SIGTERM)
        assert ours is not handler
        second, two = await opened(idle([]))
        assert signal.getsignal(signal.SIGTERM) is ours
        first.leave()
        await one
        assert signal.getsignal(signal.SIGTERM) is ours
        second.leave()
        await two
        assert signal.getsignal(signal.SIGTERM) is handler

    run(main)


def test_a_handler_that_somebody_installed_meanwhile_stays():
    """We put back only what is ours."""

    def handler(number, frame):
        pass

    async def main():
        signal.signal(signal.SIGTERM, handler)
        wire, task = await opened(idle([]))
        signal.signal(signal.SIGTERM, newer := lambda number, frame: None)
        wire.leave()
        await task
        assert signal.getsignal(signal.SIGTERM) is newer

    run(main)


@pytest.mark.parametrize("handler", [signal.SIG_DFL, signal.SIG_IGN, signal.default_int_handler])
def test_what_is_no_servers_handler_is_never_replaced(handler):
    """Neither what is not callable nor what raises KeyboardInterrupt."""

    async def main():
        for number in STOP:
            signal.signal(number, handler)
        wire, task = await opened(idle([]))
        assert [signal.getsignal(number) for number in STOP] == [handler, handler]
        wire.leave()
        await task

    run(main)


def test_the_handler_of_asyncios_runner_is_never_replaced():
    """A runner that does not find its own at the end would leave a stale one behind."""

    async def main():
        signal.signal(signal.SIGTERM, lambda number, frame: None)
        current = signal.getsignal(signal.SIGINT)
        assert isinstance(current, functools.partial)
        await opened(idle([]))
        assert signal.getsignal(signal.SIGINT) is current
        # The stream is open when the runner ends.

    signal.signal(signal.SIGINT, signal.default_int_handler)
    run(main)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_a_handler_of_ours_that_is_put_back_later_passes_everything_on():
    """A server that starts while streams are open saves ours, and restores it at its end."""
    calls = []

    def handler(number, frame):
        calls.append(number)

    async def main():
        signal.signal(signal.SIGTERM, handler)
        wire, task = await opened(idle([]))
        saved = signal.signal(signal.SIGTERM, lambda number, frame: None)
        wire.leave()
        await task
        signal.signal(signal.SIGTERM, saved)
        signal.raise_signal(signal.SIGTERM)
        assert calls == [signal.SIGTERM]
        events = []
        _, task = await opened(idle(events))
        signal.raise_signal(signal.SIGTERM)
        await asyncio.wait_for(task, 0.25)
        assert events == ["closed"]
        assert calls == [signal.SIGTERM] * 2

    run(main)


def test_off_the_main_thread_no_handler_is_touched():
    """Nor is a signal expected there, whatever the main thread's streams have installed."""

    def handler(number, frame):
        pass

    async def in_thread():
        before = signal.getsignal(signal.SIGTERM)
        wire, task = await opened(idle([]))
        assert signal.getsignal(signal.SIGTERM) is before
        assert len(_signals._told) == 1
        wire.leave()
        await task
        assert signal.getsignal(signal.SIGTERM) is before

    async def main():
        signal.signal(signal.SIGTERM, handler)
        wire, task = await opened(idle([]))
        await asyncio.to_thread(run, in_thread)
        wire.leave()
        await task

    run(main)


UNTOUCHED = """
import signal, sys
import uvicorn, uvicorn.main, uvicorn.supervisors
import uvicorn.protocols.http.h11_impl, uvicorn.protocols.http.httptools_impl

def everything():
    found = {}
    for name, module in list(sys.modules.items()):
        if name.startswith("uvicorn"):
            for key, value in vars(module).items():
                found[name, key] = id(value)
                if isinstance(value, type) and value.__module__.startswith("uvicorn"):
                    found.update({(name, key, k): id(v) for k, v in vars(value).items()})
    return found, [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]

before = everything()
assert len(before[0]) > 500
import eventwire.fastapi
assert everything() == before
"""


@pytest.mark.parametrize(
    "program",
    [
        UNTOUCHED,
        "import eventwire.fastapi, sys; assert not {*sys.modules} & {'uvicorn'}",
    ],
    ids=["untouched", "not imported"],
)
def test_importing_eventwire_changes_no_attribute_of_uvicorn(program):
    """Of no module and no class of it, and no signal handler; nor does it import uvicorn."""
    subprocess.run([sys.executable, "-c", program], check=True, timeout=30)
