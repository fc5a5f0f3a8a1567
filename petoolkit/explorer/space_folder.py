"""The explorer as a folder that the Hub runs as a Space."""

import re
import shutil
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import yaml
from jinja2 import Environment, StrictUndefined

import petoolbench
import petoolkit
from petoolkit.evaluator.history_methods.memories import read_memories, write_memories
from petoolkit.evaluator.records import Manifest, Scores
from petoolkit.evaluator.report.score_files import scored_evaluations_in
from petoolkit.evaluator.results_folder import PREDICTIONS, read_results
from petoolkit.explorer.content import read_content
from petoolkit.explorer.server import PORT
from petoolkit.extras import missing_package
from petoolkit.files import replacing, write_json, write_json_lines
from petoolkit.text import counted

_TEMPLATES = Path(__file__).with_name("space")
_COPIED = ("app.py", "Dockerfile")
_ROOMS = (
    "endpoint",
    "evaluator",
    "explorer",
    "selector",
)  # of petoolkit, that the page imports beside its single files
# Packages that the page imports.
_NEEDED = (
    *("click", "datasets", "filelock", "jinja2", "json-repair", "numpy", "pyarrow", "pydantic", "pyyaml", "rich"),
    *("starlette", "uvicorn"),
)


def write_space(
    folder: Path,
    dataset: str,
    revision: str | None,
    results: list[Path],
    say: Callable[[str], None] = lambda text: None,
) -> None:
    """Write the folder of a Space that shows a dataset and evaluations, ready for `upload_folder(repo_type="space")`.

        write_space(Path("space"), "user/petoolbench", "<commit>", [Path("results/gpt-4o-mini")])

    The Hub runs it in a container (`Dockerfile`), and so does `python app.py` here, on port 7860. It holds the
    explorer's code, `explorer.json` (what to show) and the evaluations' manifests, predictions and scores, in which
    the published dataset stands instead of this machine's folder. The rows stay in the dataset: make the Space after
    the dataset was pushed, with the commit of the push.

    Args:
        folder: is written in one piece, and replaced if it exists.
        dataset: a Hub id; a folder only to try the Space on this machine.
        revision: of the dataset; a commit, so that rows and evaluations keep fitting together.
        results: evaluations of these rows, or folders that hold some.
        say: gets a message about folders that were skipped.

    Raises:
        InputError: if the dataset cannot be read, an evaluation is about other rows, a package is not installed, or
            the folder cannot be written.
    """
    evaluations = scored_evaluations_in(results, say) if results else []
    content = read_content(dataset, revision, evaluations, may_look=False)
    title = f"{content.title.rpartition('/')[2]} explorer"
    with replacing(folder) as beside:
        beside.mkdir()
        _copy_code(beside)
        for name in _COPIED:
            shutil.copy(_TEMPLATES / name, beside / name)
        names = [_write_results(beside, number, path, dataset, revision) for number, path in enumerate(evaluations, 1)]
        write_json(beside / "explorer.json", {"dataset": dataset, "revision": revision, "results": names})
        _write(beside / "requirements.txt", "".join(f"{name}=={_version(name)}\n" for name in _NEEDED))
        models = counted(len(content.evaluations.by_name), "model") if evaluations else ""
        _write(beside / "README.md", _readme(title, dataset, revision, models))


def _copy_code(space: Path) -> None:
    """Copy the installed modules that the page imports."""
    shutil.copy(petoolbench.__file__, space)
    kit = Path(petoolkit.__file__).parent
    (space / "petoolkit").mkdir()
    for file in kit.glob("*.py"):
        shutil.copy(file, space / "petoolkit")
    left_out = shutil.ignore_patterns("__pycache__", "space", "space_folder.py")
    for room in _ROOMS:
        shutil.copytree(kit / room, space / "petoolkit" / room, ignore=left_out)


def _write_results(space: Path, number: int, path: Path, dataset: str, revision: str | None) -> str:
    """Write an evaluation into the Space, without the endpoint's address; returns its path there."""
    name = f"results/{number:02}-{re.sub(r'[^A-Za-z0-9._-]+', '-', path.resolve().name)}"
    changes = {"base_url": None, "dataset": dataset, "revision": revision}
    for record in (Manifest.read(path), Scores.read(path)):
        record.model_copy(update=changes).write(space / name)
    write_json_lines(space / name / PREDICTIONS, read_results(path).all_predictions)
    write_memories(space / name, read_memories(path))
    return name


def _readme(title: str, dataset: str, revision: str | None, models: str) -> str:
    header = {
        "title": title,
        "emoji": "\N{HAMMER AND WRENCH}",
        "colorFrom": "blue",
        "colorTo": "yellow",
        "sdk": "docker",
        "app_port": PORT,
        "license": "apache-2.0",
        "datasets": [dataset],
        "tags": ["tool-use", "personalization", "petoolbench"],
    }
    template = Environment(undefined=StrictUndefined, autoescape=False, keep_trailing_newline=True).from_string(
        (_TEMPLATES / "README.md.jinja").read_text(encoding="utf-8")
    )
    written = yaml.safe_dump(header, sort_keys=False, allow_unicode=True)
    return template.render(header=written, title=title, dataset=dataset, revision=revision, models=models)


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        raise missing_package("a Space needs", package, "explore") from None


def _write(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8")
