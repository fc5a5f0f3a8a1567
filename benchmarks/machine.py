"""What a measured figure must say of itself: where, when, with which versions."""

import datetime
import importlib.metadata
import os
import platform
import sys
from pathlib import Path

SHARED = Path(__file__).parent.parent.parent / "shared" / "data"


def heading(title: str, *packages: str) -> str:
    """A first line for a benchmark's output."""
    versions = ", ".join(f"{package} {importlib.metadata.version(package)}" for package in packages)
    machine = f"{os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}"
    return f"## {title}\n{datetime.date.today()}, {machine}, {versions}\n"


def shared_file(name: str) -> Path:
    """A file of the reference data, which is not part of the project; ends the script where it is absent."""
    path = SHARED / name
    if not path.exists():
        sys.exit(f"{path} is not here: this benchmark needs the reference data beside the repository.")
    return path
