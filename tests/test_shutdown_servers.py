"""Real servers that are told to stop while streams are open.

Uvicorn promises: gone within a second of the signal. A server that takes longer without any
stream (workers, reload: several processes) is compared with itself.
"""

from __future__ import annotations

import contextlib
import shutil
import signal
import sys
import time

import pytest

from processes import HERE, Process, server
from servers import wait_until

CUT = "ASGI callable returned without completing response."


RUN = """
import uvicorn
from shutdown_app import app

uvicorn.run(app, port=PORT)
"""

TRIGGER = """
import asyncio, signal
import eventwire
from hypercorn.asyncio import serve
from hypercorn.config import Config
from shutdown_app import app

async def main():
    stop = asyncio.Event()
    # Stands for anything that is no signal to stop: a message, a supervisor's word.
    asyncio.get_running_loop().add_signal_handler(signal.SIGUSR1, stop.set)

    async def trigger():
        await stop.wait()
        await eventwire.drain()

    config = Config()
    config.bind = ["127.0.0.1:PORT"]
    await serve(app, config, shutdown_trigger=trigger)

asyncio.run(main())
"""


def check_cut(process, streams):
    """Everything was cleaned up, nothing looks complete."""
    for stream in streams:
        reply = stream.read_all()
        assert (reply.body, reply.whole) == (b"data: 1\n\n", False)
    lines = process.log.splitlines()
    assert lines.count("closed") == len(streams)
    assert "lifespan ended" in lines
    assert lines.index("lifespan ended") > max(
        number for number, line in enumerate(lines) if line == "closed"
    )
    assert "Traceback" not in process.log


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("loop", ["asyncio", "uvloop"])
def test_uvicorn_with_100_idle_streams_exits_within_a_second(tmp_path, number, loop):
    """Every `finally` and the lifespan's end ran; bodies are cut; one line of uvicorn's each."""
    with (
        server("uvicorn", "--loop", loop, folder=tmp_path) as process,
        contextlib.ExitStack() as stack,
    ):
        streams = process.opened("/idle", stack, 100)
        assert process.stop(number) < 1
        check_cut(process, streams)
        assert process.log.count(CUT) == 100


def test_uvicorn_run_exits_within_a_second(tmp_path):
    """`uvicorn.run` in a script; Ctrl-C lets it return, or raise, as ever."""
    with (
        Process(sys.executable, "-c", RUN, folder=tmp_path) as process,
        contextlib.ExitStack() as stack,
    ):
        streams = process.opened("/idle", stack, 10)
        assert process.stop(signal.SIGINT) < 1
        check_cut(process, streams)


def test_uvicorns_workers_exit_as_fast_as_without_streams(tmp_path):
    """The signal reaches them by their supervisor."""
    with server("uvicorn", "--workers", "2", folder=tmp_path) as process:
        plain = process.stop()
    with (
        server("uvicorn", "--workers", "2", folder=tmp_path) as process,
        contextlib.ExitStack() as stack,
    ):
        streams = process.opened("/idle", stack, 20)
        assert process.stop() < plain + 0.6
        for stream in streams:
            assert not stream.read_all().whole
        assert process.log.splitlines().count("closed") == 20
        assert process.log.count("lifespan ended") == 2


def test_uvicorns_reload_does_not_wait_for_streams(tmp_path):
    """A changed file: the streams are cut, and the new server answers."""
    shutil.copy(HERE / "shutdown_app.py", tmp_path)
    with (
        server("uvicorn", "--reload", folder=tmp_path, PYTHONPATH=str(tmp_path)) as process,
        contextlib.ExitStack() as stack,
    ):
        streams = process.opened("/idle", stack, 5)
        copy = tmp_path / "shutdown_app.py"
        copy.write_text(copy.read_text() + "\nsay('reloaded')\n")

        def is_noticed():
            # A change before the first look of uvicorn's reloader is none to it.
            copy.touch()
            return "detected changes" in process.log

        wait_until(is_noticed, "uvicorn to see the change", 8)
        wait_until(lambda: "reloaded" in process.log, "the new server", 8)
        check_cut(process, streams)
        with process.open("/ready") as stream:
            assert stream.read_all().status == 204


def test_uvicorn_lets_a_farewell_arrive(tmp_path):
    """A grace period, an event, a clean end; then the exit, and nothing in the log."""
    with server("uvicorn", folder=tmp_path) as process, contextlib.ExitStack() as stack:
        streams = process.opened("/polite", stack, 10)
        assert 0.3 <= process.stop() < 1.3
        for stream in streams:
            reply = stream.read_all()
            assert (reply.body, reply.whole) == (b"data: 1\n\nevent: bye\n\n", True)
        assert process.log.splitlines().count("closed") == 10
        assert "ERROR" not in process.log


def test_a_stream_that_is_not_to_be_drained_completes(tmp_path):
    """3 s long, and the server waits for it."""
    with (
        server("uvicorn", folder=tmp_path, SECONDS="3") as process,
        contextlib.ExitStack() as stack,
    ):
        since = time.monotonic()
        (stream,) = process.opened("/patient", stack, 1)
        time.sleep(0.3)
        process.stop()
        assert time.monotonic() - since > 3
        reply = stream.read_all()
        assert (reply.body, reply.whole) == (b"data: 1\n\ndata: 2\n\n", True)
        assert "complete" in process.log


def test_a_signal_while_a_dependency_is_still_slow(tmp_path):
    """Its stream starts when the server is stopping already, and ends at once."""
    with server("uvicorn", folder=tmp_path) as process, process.open("/dependency") as stream:
        wait_until(lambda: "asked" in process.log, "the request")
        assert 0.5 < process.stop() < 1.7
        reply = stream.read_all()
        assert (reply.status, reply.body, reply.whole) == (200, b"", False)
        lines = process.log.splitlines()
        assert "closed" not in lines  # never entered
        assert lines.index("dependency ended") < lines.index("lifespan ended")


def test_uvicorns_graceful_timeout_closes_generators_within_a_longer_grace_period(tmp_path):
    """It leaves the loop a few steps only: enough for a `finally` that hardly waits."""
    with (
        server("uvicorn", "--timeout-graceful-shutdown", "1", folder=tmp_path) as process,
        contextlib.ExitStack() as stack,
    ):
        process.opened("/slow", stack, 10)
        assert 1 <= process.stop() < 2
        assert "timeout graceful shutdown exceeded" in process.log
        assert process.log.splitlines().count("closing") == 10
        assert "lifespan ended" in process.log


@pytest.mark.parametrize("loop", ["asyncio", "uvloop"])
def test_granian_exits_within_a_second(tmp_path, loop):
    """Its handlers are the loop's: bodies are cut, every `finally` ran."""
    with (
        server("granian", "--loop", loop, folder=tmp_path) as process,
        contextlib.ExitStack() as stack,
    ):
        streams = process.opened("/idle", stack, 100)
        assert process.stop() < 1
        check_cut(process, streams)


def test_granian_lets_a_farewell_arrive(tmp_path):
    """Clean ends within the grace period."""
    with server("granian", folder=tmp_path) as process, contextlib.ExitStack() as stack:
        (stream,) = process.opened("/polite", stack, 1)
        assert process.stop() < 1.3
        reply = stream.read_all()
        assert (reply.body, reply.whole) == (b"data: 1\n\nevent: bye\n\n", True)


def test_hypercorn_in_one_process_exits_within_a_second(tmp_path):
    """`--workers 0`: its handlers are the loop's."""
    with (
        server("hypercorn", "--workers", "0", folder=tmp_path) as process,
        contextlib.ExitStack() as stack,
    ):
        streams = process.opened("/idle", stack, 20)
        assert process.stop() < 1
        check_cut(process, streams)


@pytest.mark.parametrize("path", ["/idle", "/hidden/"])
def test_hypercorns_workers_do_not_wait_for_streams(tmp_path, path):
    """No signal reaches them; below a middleware the stream of another request tells."""
    with server("hypercorn", folder=tmp_path) as process:
        alone = process.stop()
    with server("hypercorn", folder=tmp_path) as process, contextlib.ExitStack() as stack:
        streams = process.opened("/idle", stack, 1) + process.opened(path, stack, 5)
        assert process.stop() < alone + 1
        assert not any(stream.read_all().whole for stream in streams)
        assert process.log.splitlines().count("closed") == 6


def test_hypercorn_with_drain_in_its_trigger_exits_within_a_second(tmp_path):
    """What the README recommends: a farewell arrives, then the server stops."""
    with (
        Process(sys.executable, "-c", TRIGGER, folder=tmp_path) as process,
        contextlib.ExitStack() as stack,
    ):
        streams = process.opened("/idle", stack, 5)
        (polite,) = process.opened("/polite", stack, 1)
        assert 0.3 <= process.stop(signal.SIGUSR1) < 1.3
        assert polite.read_all().whole
        assert not any(stream.read_all().whole for stream in streams)
        assert process.log.splitlines().count("closed") == 6
