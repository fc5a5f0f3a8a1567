"""Packages that only some work needs: what to type where one is missing."""

import re
from importlib.metadata import PackageNotFoundError, requires

from petoolbench import InputError
from petoolkit.shipped import ROOT

_REQUIREMENT = re.compile(r'(?P<package>[^;]+?)\s*;\s*extra == ["\'](?P<extra>[\w-]+)["\']')
_OWN = re.compile(r"petoolbench\[([\w-]+)\]")


def missing_package(what: str, package: str, extra: str) -> InputError:
    """The error for work that needs a package which is not installed.

    Args:
        what: what needs it, as the beginning of a sentence: `the explorer needs`.
        package: its name.
        extra: the extra of `pyproject.toml` that lists it.
    """
    return InputError(f"{what} the package {package}: {install_command(extra)}")


def install_command(extra: str) -> str:
    """A command that installs what an extra lists, here: it names the packages, since no index need know this project."""
    try:
        listed = requires("petoolbench") or []
    except PackageNotFoundError:  # a checkout that was never installed
        return f"pip install -e '{ROOT}[{extra}]'"
    by_extra: dict[str, list[str]] = {}
    for requirement in listed:
        if found := _REQUIREMENT.fullmatch(requirement):
            by_extra.setdefault(found["extra"], []).append(found["package"])
    return "pip install " + " ".join(f"'{package}'" for package in dict.fromkeys(_packages(by_extra, extra)))


def _packages(by_extra: dict[str, list[str]], extra: str) -> list[str]:
    """What an extra lists, with the other extras that it names replaced by what they list."""
    found = []
    for package in by_extra.get(extra, []):
        own = _OWN.fullmatch(package)
        found += _packages(by_extra, own[1]) if own else [package]
    return found
