"""With which software an evaluation was run."""

import subprocess
from importlib.metadata import distributions
from pathlib import Path

import petoolbench

_PACKAGES = ("petoolbench", "datasets", "torch", "transformers", "peft", "openai", "vllm")


def software_versions() -> dict[str, str]:
    """Versions of the packages that may matter, as far as they are installed, and this project's `commit` where it
    runs from a checkout."""
    installed = {distribution.metadata["Name"].lower(): distribution.version for distribution in distributions()}
    versions = {package: installed[package] for package in _PACKAGES if package in installed}
    file = Path(petoolbench.__file__)
    if _git(file.parent, "ls-files", "--error-unmatch", file.name):
        versions["commit"] = _git(file.parent, "describe", "--always", "--dirty", "--abbrev=12")
    return versions


def _git(folder: Path, *arguments: str) -> str:
    """What git says; nothing where it isn't there, or the folder is none of its own."""
    try:
        done = subprocess.run(["git", "-C", folder, *arguments], capture_output=True, text=True)
    except OSError:
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""
