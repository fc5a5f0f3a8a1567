"""The explorer as it is published: a Space that shows a dataset of the Hub, and evaluations on it."""

import tempfile
from collections.abc import Callable
from pathlib import Path

from petoolbench import InputError
from petoolkit.dataset_record import read_dataset_record
from petoolkit.evaluator.dataset_rows import resolved_revision
from petoolkit.evaluator.records import MANIFEST, SCORES, Manifest, Scores
from petoolkit.evaluator.report.score_files import scored_evaluations_in
from petoolkit.evaluator.results_folder import PREDICTIONS
from petoolkit.explorer.space_folder import write_space
from petoolkit.files import read_json_lines
from petoolkit.folder_lock import all_locked
from petoolkit.publisher.hub import Package
from petoolkit.publisher.logs_consent import check_dataset_of_logs
from petoolkit.publisher.pack_results import as_json, published_record
from petoolkit.publisher.text_search import refuse_keys

SDK = "docker"
_OWNED = ("*.py", "*.json", "*.jsonl", "*.css", "*.js", "*.jinja", "*.svg", "*.yaml", "Dockerfile", "requirements.txt")


def pack_explorer(
    dataset: str,
    revision: str | None,
    results: list[Path],
    say: Callable[[str], None] = lambda text: None,
    may_publish_logs: bool = False,
) -> Package:
    """Collect what the Space needs: the explorer's code, the dataset's name and commit, and the evaluations.

    Args:
        dataset: a dataset's id on the Hub.
        revision: a branch, tag or commit of it; the Space shows the commit that it stands for now.
        results: evaluations of these rows, or folders that hold some.
        say: gets a message about folders that were skipped.
        may_publish_logs: whether the publisher says that logs of real calls may be published.

    Raises:
        InputError: for a folder of this machine, or a dataset and evaluations that cannot be read or are about
            different rows; if another process writes an evaluation; for logs that the publisher does not say may be
            published.
    """
    if Path(dataset).is_dir():
        raise InputError(f"a Space cannot show the folder {dataset}; push the dataset, then give its id on the Hub.")
    commit = resolved_revision(dataset, revision)
    check_dataset_of_logs(read_dataset_record(dataset, commit), may_publish_logs)
    with tempfile.TemporaryDirectory() as temporary:
        space = Path(temporary, "space")
        with all_locked(scored_evaluations_in(results) if results else []):  # scores and replies of one state
            write_space(space, dataset, commit, results, say)
        files: dict[str, Path | bytes] = {
            path.relative_to(space).as_posix(): path.read_bytes() for path in space.rglob("*") if path.is_file()
        }
        for folder in space.glob("results/*"):
            refuse_keys(read_json_lines(folder / PREDICTIONS), folder.relative_to(space) / PREDICTIONS)
            for name, record in {MANIFEST: Manifest.read(folder), SCORES: Scores.read(folder)}.items():
                files[(folder.relative_to(space) / name).as_posix()] = as_json(published_record(record))
    return Package(files, _OWNED, f"The explorer of {dataset}")
