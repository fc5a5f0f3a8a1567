"""Which versions a process runs: all workers of a cluster need the same, for the same rows."""

import platform
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path

from petoolkit.files import content_hash

Installed = dict[str, str]  # versions by package, of Python too

_PACKAGES = ("datasets", "numpy", "pyarrow", "scikit-learn", "scipy", "sentence-transformers", "torch", "transformers")


@cache
def installed_here() -> Installed:
    """Versions that rows may depend on; of this project, a hash of its code, so that checkouts are told apart."""
    own, builder = (_folder(package) for package in ("petoolkit", "petoolkit.builder"))
    files = [file for file in _modules(own) if not file.is_relative_to(builder)] + _modules(builder)
    found = {"Python": platform.python_version(), "petoolbench": content_hash(*files)[:12]}
    for package in _PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = "none"
    return found


def difference(here: Installed, there: Installed) -> str:
    """What another process has otherwise, as part of a sentence; empty if nothing."""
    return ", ".join(
        f"{name} {there.get(name, 'none')} instead of {own}" for name, own in here.items() if there.get(name) != own
    )


def _folder(package: str) -> Path:
    spec = find_spec(package)
    assert spec is not None and spec.origin is not None, package
    return Path(spec.origin).parent


def _modules(folder: Path) -> list[Path]:
    shipped = folder / "shipped_files"  # scripts that a wheel has there, and a checkout beside the package
    return [file for file in sorted(folder.rglob("*.py")) if not file.is_relative_to(shipped)]
