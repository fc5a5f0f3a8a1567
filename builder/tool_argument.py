"""The argument of stages that holds all understood tools: a file in the run's folder."""

from collections.abc import Iterable
from pathlib import Path

from .stage_arguments import Argument, Materials
from .stage_notes import Notes
from .tool_table import ToolTable, write_tools

_FILE = "tools.arrow"


class ToolsOfBuild(Argument):
    """Understood tools by name, in a file that is written anew when the stages change that it is made of."""

    def stages(self) -> tuple[str, ...]:
        """See `Argument`."""
        return ("collect", "understand")

    def source(self, materials: Materials) -> tuple[Iterable[str], Iterable[Path]]:
        """See `Argument`."""
        return (write_tools.__module__,), ()

    def value(self, materials: Materials, notes: Notes) -> ToolTable:
        """See `Argument`."""
        return materials.made_once(self, lambda: _made(materials))


def _made(materials: Materials) -> ToolTable:
    run = materials.run
    path = run.folder / _FILE
    key = {stage: run.manifest(stage)["sha256"] for stage in ("collect", "understand")}
    if not path.is_file() or not run.is_recorded("tools", key):
        write_tools(path, run.rows("collect"), run.rows("understand"), materials.engine)
        run.record("tools", key)
    return ToolTable(run.shared(path))
