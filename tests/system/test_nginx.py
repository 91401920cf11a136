"""Streams behind Debian's nginx, configured as little as a proxy can be."""

import json
import os
import shutil
import socket
import sys
import time
import zlib
from pathlib import Path

import pytest

from processes import Process
from servers import Stream

PACE = 0.1
"""Seconds between two events."""
LATE = 0.05
"""Seconds within which an event has passed the proxy."""

# All that is not about buffering: a process of our own, below the test's folder.
CONFIGURATION = """
daemon off; master_process off; pid {folder}/nginx.pid; error_log stderr;
events {{ }}
http {{
  access_log off; gzip on; {more}
  client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi; uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
  server {{
    listen 127.0.0.1:{port};
    location / {{ proxy_pass http://127.0.0.1:{upstream}; }}
  }}
}}
"""


@pytest.fixture(scope="module")
def application(tmp_path_factory):
    command = [sys.executable, "-m", "uvicorn", "--port", "PORT", "--no-access-log"]
    command += ["--app-dir", str(Path(__file__).parent), "paced_app:app"]
    with Process(*command, folder=tmp_path_factory.mktemp("uvicorn"), PACE=str(PACE)) as server:
        yield server


@pytest.fixture(params=["", "gzip_types *;"], ids=["defaults", "every type gzipped"])
def nginx(request, application, tmp_path):
    path = shutil.which("nginx", path=os.environ["PATH"] + ":/usr/sbin")
    if path is None:
        pytest.fail("nginx not found. On Debian: apt-get install nginx-light")
    file = tmp_path / "nginx.conf"
    process = Process(path, "-c", str(file), "-p", str(tmp_path), folder=tmp_path)
    file.write_text(
        CONFIGURATION.format(
            folder=tmp_path, port=process.port, upstream=application.port, more=request.param
        )
    )
    with process:
        process.gzips = bool(request.param)
        yield process


def ages(nginx, target):
    """Read a stream with HTTP/1.1 and gzip allowed; return the age of each event on arrival."""
    inflate = zlib.decompressobj(wbits=31)
    request = f"GET {target} HTTP/1.1\r\nhost: x\r\naccept-encoding: gzip\r\n\r\n"
    with socket.create_connection(("127.0.0.1", nginx.port), timeout=20) as connection:
        connection.sendall(request.encode())
        head, _, rest = Stream(connection).read_until(b"\r\n\r\n").partition(b"\r\n\r\n")
        assert (b"content-encoding: gzip" in head.lower()) == nginx.gzips, head
        received, text, found = rest, b"", []
        while True:
            # Chunks that have arrived whole are taken off.
            while (end := received.find(b"\r\n")) > 0:
                size = int(received[:end], 16)
                if len(received) < end + 4 + size:
                    break
                if size == 0:
                    return found
                part = received[end + 2 : end + 2 + size]
                received = received[end + 4 + size :]
                text += inflate.decompress(part) if nginx.gzips else part
                while b"\n\n" in text:
                    frame, _, text = text.partition(b"\n\n")
                    made = json.loads(frame.removeprefix(b"data: "))["at"]
                    found.append(time.monotonic() - made)
            chunk = connection.recv(1 << 16)
            assert chunk, found
            received += chunk


@pytest.mark.parametrize("target", ["/fastapi", "/starlette"])
def test_nginx_passes_each_event_on_at_once(nginx, target):
    """Its gzip would hold them all back until the end; our headers tell it not to."""
    times = sorted(ages(nginx, target))
    assert len(times) == 20
    # One that was kept back would arrive with the next; the rest is for a busy machine.
    assert times[-2] < LATE, times
    assert times[-1] < PACE, times
