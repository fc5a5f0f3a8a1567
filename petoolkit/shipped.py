"""Paths of the files that ship with the project: in the root of a checkout, or inside the installed package."""

from pathlib import Path

from petoolbench import InputError

_INSTALLED = Path(__file__).with_name("shipped_files")
ROOT = _INSTALLED if _INSTALLED.is_dir() else Path(__file__).parent.parent
RECIPES = ROOT / "recipes"


def recipe_path(kind: str, name: str | Path) -> Path:
    """The path of a recipe, given as a path or as the name of a shipped recipe.

    Args:
        kind: the folder in `recipes/`, such as `build`.
        name: a path, or a name such as `quickstart`.

    Raises:
        InputError: if neither the file nor the shipped recipe exists; lists the names.
    """
    if Path(name).is_file():
        return Path(name)
    shipped = {path.stem: path for path in recipes(kind)}
    if str(name) in shipped:
        return shipped[str(name)]
    raise InputError(f"recipe {name} does not exist; give a file's path, or one of: {', '.join(shipped)}.")


def recipes(kind: str) -> list[Path]:
    """Paths of the shipped recipes of a kind, sorted by name."""
    return sorted((RECIPES / kind).glob("*.yaml"))


def recipe_title(path: Path) -> str:
    """The title of a recipe: the comment in its first line."""
    first, *_ = path.read_text(encoding="utf-8").splitlines()
    return first.lstrip("# ").rstrip(".")


def metric(name: str) -> str:
    """The folder of a metric, for `evaluate.load` from any working directory.

        evaluate.load(petoolkit.shipped.metric("tool_acc"))

    Raises:
        InputError: if there is no metric of this name; lists the names.
    """
    names = sorted(path.parent.name for path in ROOT.glob("metrics/*/README.md"))
    if name not in names:
        raise InputError(f"unknown metric {name!r}; choose one of: {', '.join(names)}.")
    return str(ROOT / "metrics" / name)
