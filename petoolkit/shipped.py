"""Where the files lie that ship with the project: at the root of a checkout, or inside the installed package."""

from pathlib import Path

from petoolbench import InputError

_INSTALLED = Path(__file__).with_name("shipped_files")
ROOT = _INSTALLED if _INSTALLED.is_dir() else Path(__file__).parent.parent
RECIPES = ROOT / "recipes"


def recipe_path(kind: str, name: str | Path) -> Path:
    """A recipe by its path, or a shipped one by its bare name.

    Args:
        kind: the folder in `recipes/`, such as `build`.
        name: a file's path, or a name such as `quickstart`.

    Raises:
        InputError: if there is neither such a file nor such a recipe; lists the names.
    """
    if Path(name).is_file():
        return Path(name)
    shipped = {path.stem: path for path in recipes(kind)}
    if str(name) in shipped:
        return shipped[str(name)]
    raise InputError(f"recipe {name} does not exist; give a file's path, or one of: {', '.join(shipped)}.")


def recipes(kind: str) -> list[Path]:
    """The shipped recipes of a kind, in the order of their names."""
    return sorted((RECIPES / kind).glob("*.yaml"))


def recipe_title(path: Path) -> str:
    """What a recipe says it is for: the first sentence of the comment that it begins with."""
    lines = path.read_text(encoding="utf-8").splitlines()
    comment = []
    for line in lines:
        if not line.startswith("#"):
            break
        comment.append(line.lstrip("# "))
    return " ".join(comment).partition(". ")[0].rstrip(".")


def metric(name: str) -> str:
    """The folder of one of the metrics, for `evaluate.load` from anywhere.

        evaluate.load(petoolkit.shipped.metric("tool_acc"))

    Raises:
        InputError: for a name that is not a metric's; lists the names.
    """
    names = sorted(path.parent.name for path in ROOT.glob("metrics/*/README.md"))
    if name not in names:
        raise InputError(f"unknown metric {name!r}; choose one of: {', '.join(names)}.")
    return str(ROOT / "metrics" / name)
