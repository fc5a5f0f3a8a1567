"""Software versions recorded with an evaluation."""

import subprocess
from importlib.metadata import distributions
from pathlib import Path

import petoolbench

_PACKAGES = ("petoolbench", "datasets", "torch", "transformers", "peft", "openai", "vllm")


def software_versions() -> dict[str, str]:
    """Versions by package, of the packages that may change results and are installed.

    If this project runs from a git checkout, `commit` is its commit, with `-dirty` for uncommitted changes.
    """
    installed = {distribution.metadata["Name"].lower(): distribution.version for distribution in distributions()}
    versions = {package: installed[package] for package in _PACKAGES if package in installed}
    file = Path(petoolbench.__file__)
    if _git(file.parent, "ls-files", "--error-unmatch", file.name):
        versions["commit"] = _git(file.parent, "describe", "--always", "--dirty", "--abbrev=12")
    return versions


def _git(folder: Path, *arguments: str) -> str:
    """The output of a git command; empty if git is not installed or the command fails."""
    try:
        done = subprocess.run(["git", "-C", folder, *arguments], capture_output=True, text=True)
    except OSError:
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""
