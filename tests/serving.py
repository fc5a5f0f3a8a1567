"""A real server with OpenAI's protocol that nobody here wrote: `transformers serve`, over a model on the disk."""

import http.client
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_HOST = "127.0.0.1"
_LONGEST_START, _LONGEST_END = 120.0, 20.0  # seconds
_SHOWN = 3_000  # last characters of the server's output, where it does not start


@contextmanager
def transformers_serve(model_folder: Path) -> Iterator[str]:
    """`with transformers_serve(folder) as base_url`: the model's name there is the folder's path.

    The server is a process of its own on a free port, with a home of its own, offline.

    Raises:
        RuntimeError: with the server's last output, if it ends or does not answer within two minutes.
    """
    with socket.create_server((_HOST, 0)) as free:
        port = free.getsockname()[1]
    command = [Path(sys.executable).with_name("transformers"), "serve", model_folder]
    command += ["--host", _HOST, "--port", str(port), "--device", "cpu"]
    with tempfile.TemporaryDirectory() as home, Path(home, "output").open("wb") as output:
        environment = {**os.environ, "HOME": home, "HF_HOME": home, "HF_HUB_OFFLINE": "1"}
        environment["OMP_NUM_THREADS"] = "1"  # with more, so small a model mostly waits for its own threads
        process = subprocess.Popen(
            command, env=environment, stdout=output, stderr=subprocess.STDOUT, start_new_session=True
        )
        try:
            _wait_until_it_answers(process, port, Path(output.name))
            yield f"http://{_HOST}:{port}/v1"
        finally:
            _end(process)


def _wait_until_it_answers(process: subprocess.Popen, port: int, output: Path) -> None:
    """Ask `/health`, which answers once the model is loaded; `/v1/models` fails where there is no Hub cache."""
    give_up = time.monotonic() + _LONGEST_START
    while process.poll() is None and time.monotonic() < give_up:
        connection = http.client.HTTPConnection(_HOST, port, timeout=5)
        try:
            connection.request("GET", "/health")
            if connection.getresponse().status == 200:
                return
        except (OSError, http.client.HTTPException):
            pass  # not yet
        finally:
            connection.close()
        time.sleep(0.2)
    raise RuntimeError(f"transformers serve did not start: {output.read_text(errors='replace')[-_SHOWN:]}")


def _end(process: subprocess.Popen) -> None:
    process.terminate()
    try:
        process.wait(_LONGEST_END)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
