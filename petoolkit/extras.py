"""Optional packages, and the command that installs them."""

import re
from importlib.metadata import PackageNotFoundError, requires

from petoolbench import InputError
from petoolkit.shipped import ROOT

_REQUIREMENT = re.compile(r'(?P<package>[^;]+?)\s*;\s*extra == ["\'](?P<extra>[\w-]+)["\']')
_OWN = re.compile(r"petoolbench\[([\w-]+)\]")


def missing_package(who_needs: str, package: str, extra: str) -> InputError:
    """The error for a package that is needed and not installed.

    Args:
        who_needs: the beginning of the sentence, up to the package: `the explorer needs`.
        package: the name of the package.
        extra: the extra of `pyproject.toml` that lists the package.
    """
    return InputError(f"{who_needs} the package {package}: {install_command(extra)}")


def install_command(extra: str) -> str:
    """The command that installs the packages of an extra; it names them, since this project may not be in an index."""
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
    """The packages of an extra; an extra of this project that it lists is replaced by the packages of that extra."""
    found = []
    for package in by_extra.get(extra, []):
        own = _OWN.fullmatch(package)
        found += _packages(by_extra, own[1]) if own else [package]
    return found
