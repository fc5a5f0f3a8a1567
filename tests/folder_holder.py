"""Another process that holds the lock of a folder."""

import os
import signal
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

from conftest import ROOT

HOLDER = """
import sys, time
from pathlib import Path
from petoolkit.folder_lock import locked
with locked(Path(sys.argv[1])):
    print("locked", flush=True)
    time.sleep(600)
"""


@contextmanager
def held(folder: Path):
    """Another process holds the folder's lock; yields it."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    words = [sys.executable, "-c", HOLDER, str(folder)]
    with subprocess.Popen(words, stdout=subprocess.PIPE, env=environment, cwd=ROOT) as process:
        assert process.stdout.readline() == b"locked\n"
        try:
            yield process
        finally:
            process.send_signal(signal.SIGKILL)
