"""The explorer as a folder that the Hub runs as a Space."""

import re
import shutil
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import yaml
from jinja2 import Environment, StrictUndefined

import petoolbench
import petoolkit
from petoolbench import InputError
from petoolkit.evaluator.results_folder import MANIFEST, PREDICTIONS, SCORES, evaluations_in, read_results
from petoolkit.explorer.server import read_shelf
from petoolkit.files import read_json, replacing, write_json, write_json_lines
from petoolkit.text import counted

_TEMPLATES = Path(__file__).with_name("space")
_ROOMS = ("evaluator", "explorer")  # of petoolkit, that the page imports, beside its single files
_NEEDED = (
    "click",
    "datasets",
    "jinja2",
    "numpy",
    "pyarrow",
    "pydantic",
    "pyyaml",
    "rich",
)  # gradio comes with the Space
_TELLS_OF_A_MACHINE = ("base_url",)


def write_space(folder: Path, dataset: str, revision: str | None, results: list[Path]) -> None:
    """Write the folder of a Space that shows a dataset and evaluations, ready for `upload_folder(repo_type="space")`.

        write_space(Path("space"), "user/petoolbench", "<commit>", [Path("results/gpt-4o-mini")])

    The folder runs by `python app.py` on port 7860. It holds the explorer's code, `explorer.json` (what to show) and
    the evaluations' manifests, predictions and scores, about the published dataset instead of this machine's folder.
    The rows stay in the dataset: make the Space after it, with the commit that was pushed.

    Args:
        folder: what it writes, in one piece; what was there goes.
        dataset: a Hub id (a folder only to try the Space where it was written).
        revision: of the dataset; a commit, so that rows and evaluations keep belonging together.
        results: folders that `petoolbench evaluate --out` wrote, about these rows, or folders of such.

    Raises:
        InputError: if the dataset can't be read, an evaluation is about other rows, gradio is not installed, or the
            folder can't be written.
    """
    results = [found for folder in results for found in evaluations_in(folder)]
    shelf = read_shelf(dataset, revision, results)
    title = f"{shelf.title.rpartition('/')[2]} explorer"
    with replacing(folder) as beside:
        beside.mkdir()
        _copy_code(beside)
        shutil.copy(_TEMPLATES / "app.py", beside / "app.py")
        names = [_write_results(beside, number, path, dataset, revision) for number, path in enumerate(results, 1)]
        write_json(beside / "explorer.json", {"dataset": dataset, "revision": revision, "results": names})
        _write(beside / "requirements.txt", "".join(f"{name}=={_version(name)}\n" for name in _NEEDED))
        models = counted(len(shelf.evaluations.runs), "model") if results else ""
        _write(beside / "README.md", _readme(title, dataset, revision, models))


def _copy_code(space: Path) -> None:
    shutil.copy(petoolbench.__file__, space)
    kit = Path(petoolkit.__file__).parent
    (space / "petoolkit").mkdir()
    for file in kit.glob("*.py"):
        shutil.copy(file, space / "petoolkit")
    left_out = shutil.ignore_patterns("__pycache__", "space", "space_folder.py")
    for room in _ROOMS:
        shutil.copytree(kit / room, space / "petoolkit" / room, ignore=left_out)


def _write_results(space: Path, number: int, path: Path, dataset: str, revision: str | None) -> str:
    """Put an evaluation into the Space; returns its place there."""
    name = f"results/{number:02}-{re.sub(r'[^A-Za-z0-9._-]+', '-', path.resolve().name)}"
    for file in (MANIFEST, SCORES):
        kept = {key: value for key, value in read_json(path / file).items() if key not in _TELLS_OF_A_MACHINE}
        write_json(space / name / file, {**kept, "dataset": dataset, "revision": revision})
    write_json_lines(space / name / PREDICTIONS, read_results(path).predictions)
    return name


def _readme(title: str, dataset: str, revision: str | None, models: str) -> str:
    header = {
        "title": title,
        "emoji": "\N{HAMMER AND WRENCH}",
        "colorFrom": "blue",
        "colorTo": "yellow",
        "sdk": "gradio",
        "sdk_version": _version("gradio"),
        "python_version": "3.11",
        "app_file": "app.py",
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
        raise InputError(f"a Space needs the package {package}: pip install 'petoolbench[explore]'") from None


def _write(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8")
