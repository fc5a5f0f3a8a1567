"""How a report was made: the command, the date, the machine and the versions."""

import datetime
import os
import platform
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from petoolkit.versions import software_versions


@dataclass(frozen=True)
class Origin:
    """How a report was made.

    Args:
        command: makes it again, where it was made.
        date: of the day, in UTC.
        machine: system, processor and Python; no name of the machine or of its user.
        versions: software versions by package, with our commit in a checkout.
    """

    command: str
    date: str
    machine: str
    versions: dict[str, str]

    @property
    def sentence(self) -> str:
        """All but the command."""
        versions = ", ".join(f"{package} {number}" for package, number in self.versions.items())
        return f"Made on {self.date} with {versions}; {self.machine}."


def origin(folders: Sequence[Path], out: Path, forms: Sequence[str]) -> Origin:
    """The origin of a report that is made now of these folders."""
    command = ["petoolbench", "report", *map(str, folders), "--out", str(out), "--format", ",".join(forms)]
    machine = f"{platform.system()} {platform.machine()}, {os.cpu_count()} CPUs, Python {platform.python_version()}"
    ours = {name: number for name, number in software_versions().items() if name in ("petoolbench", "commit")}
    return Origin(
        shlex.join(command),
        datetime.datetime.now(datetime.UTC).date().isoformat(),
        machine,
        {**ours, "matplotlib": version("matplotlib")},
    )
