"""What training rows show of past calls: the `history` option of the training scripts."""

from pathlib import Path
from typing import TYPE_CHECKING

from petoolbench import InputError
from petoolkit.console import make_console
from petoolkit.evaluator.history_methods.memory_function import MemoryFunction
from petoolkit.evaluator.history_methods.method_table import METHOD_KINDS, HistoryMethod, parse_history_method
from petoolkit.evaluator.history_methods.shown_rows import HistoryView
from petoolkit.evaluator.records import MANIFEST, Manifest
from petoolkit.progress_bars import progress_bars
from petoolkit.publisher.local_paths import without_folders

if TYPE_CHECKING:
    from petoolkit.training.arguments import DataArguments, PreferenceArguments


def training_methods() -> list[str]:
    """The forms of the methods that show calls, which are there before a model is trained."""
    return [kind.spec for kind in METHOD_KINDS.values() if not kind.is_written]


def training_method(spec: str) -> HistoryMethod:
    """A method for training rows.

    Raises:
        InputError: for an unknown method, or one for which the model that is asked writes a text.
    """
    method = parse_history_method(spec)
    if method.kind.is_written:
        raise InputError(
            f"history {spec} is a text that the model writes when it is asked; for training, choose one of: "
            f"{', '.join(training_methods())}."
        )
    return method


def shown_training_rows(spec: str, rows: list[dict]) -> list[dict]:
    """Rows with the past calls that a method shows.

    Raises:
        InputError: what `training_method` raises; if a memory fails for a row, or recalls a text.
    """
    view = HistoryView(training_method(spec))
    if view.method.function:
        memory = MemoryFunction(view.method.function)
        with progress_bars(make_console(stderr=True)) as bars:
            bar = bars.add_task("Recalling past calls", total=len(rows))
            for recalled in memory.memories((row for row in rows if row["history"]), takes_text=False):
                if recalled.error:
                    raise InputError(f"{recalled.error}; correct it, or choose another history.")
                view.memories[recalled.key] = recalled
                bars.advance(bar)
    view.prepare(rows)
    return [shown.row for shown in view.of(rows)]


def history_of(data: "DataArguments | PreferenceArguments") -> str | None:
    """What prompts show of past calls, without this machine's folders; `None` if it is not known, as of pairs on the
    Hub."""
    if history := getattr(data, "history", None):
        return without_folders(history)
    folder = Path(data.dataset_name)
    return without_folders(Manifest.read(folder).options.history) if (folder / MANIFEST).is_file() else None
