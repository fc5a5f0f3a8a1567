"""What training rows show of past calls: the `history` option of the training scripts."""

from pathlib import Path
from typing import TYPE_CHECKING

from petoolbench import InputError
from petoolkit.evaluator.history_methods.method_table import METHOD_KINDS, parse_history_method
from petoolkit.evaluator.history_methods.shown_rows import HistoryView
from petoolkit.evaluator.records import MANIFEST, Manifest
from petoolkit.publisher.local_paths import without_folders

if TYPE_CHECKING:
    from petoolkit.training.arguments import DataArguments, PreferenceArguments


def training_methods() -> list[str]:
    """The forms of the methods that show calls, which are there before a model is trained."""
    return [kind.spec for kind in METHOD_KINDS.values() if not kind.is_written]


def training_view(spec: str) -> HistoryView:
    """What shows the training rows.

    Raises:
        InputError: for an unknown method, or one for which the model that is asked writes a text.
    """
    method = parse_history_method(spec)
    if method.kind.is_written:
        raise InputError(
            f"history {spec} is a text that the model writes when it is asked; for training, choose one of: "
            f"{', '.join(training_methods())}."
        )
    return HistoryView(method)


def history_of(data: "DataArguments | PreferenceArguments") -> str | None:
    """What prompts show of past calls, without this machine's folders; `None` if it is not known, as of pairs on the
    Hub."""
    if history := getattr(data, "history", None):
        return without_folders(history)
    folder = Path(data.dataset_name)
    return without_folders(Manifest.read(folder).options.history) if (folder / MANIFEST).is_file() else None
