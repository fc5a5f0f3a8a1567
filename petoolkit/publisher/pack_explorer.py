"""The explorer as it is published: a Space that shows a dataset of the Hub, and evaluations on it."""

import json
import tempfile
from pathlib import Path

from petoolbench import InputError
from petoolkit.evaluator.dataset_rows import resolved_revision
from petoolkit.evaluator.results_folder import PREDICTIONS
from petoolkit.explorer.space_folder import write_space
from petoolkit.files import read_json, read_json_lines
from petoolkit.publisher.hub import Package
from petoolkit.publisher.pack_results import public, refuse_keys

SDK = "gradio"
_OWNED = ("*.py", "*.json", "*.jsonl", "*.css", "*.js", "*.jinja", "*.yaml", "requirements.txt")


def pack_explorer(dataset: str, revision: str | None, results: list[Path]) -> Package:
    """What the Space needs: the explorer's code, which dataset it shows at which commit, and the evaluations.

    Args:
        dataset: a dataset's id on the Hub.
        revision: a branch, tag or commit of it; the commit that it stands for now is shown.
        results: folders that `petoolbench evaluate --out` wrote about these rows, or folders of such.

    Raises:
        InputError: for a folder of this machine, a dataset or evaluation that can't be read or don't belong together.
    """
    if Path(dataset).is_dir():
        raise InputError(f"a Space can't show the folder {dataset}; push the dataset, then give its id on the Hub.")
    commit = resolved_revision(dataset, revision)
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place, "space")
        write_space(folder, dataset, commit, results)
        files: dict[str, Path | bytes] = {
            path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()
        }
        for path in folder.glob(f"results/*/{PREDICTIONS}"):
            refuse_keys(read_json_lines(path), path.relative_to(folder))
        for path in folder.glob("results/*/*.json"):
            shown = json.dumps(public(read_json(path)), ensure_ascii=False, indent=2) + "\n"
            files[path.relative_to(folder).as_posix()] = shown.encode()
    return Package(files, _OWNED, f"The explorer of {dataset}")
