"""A metric's folder as a Space that `evaluate.load("USER/NAME")` takes, also where petoolbench is not installed."""

import re
from pathlib import Path

import petoolbench
from petoolbench import InputError
from petoolkit import replies, scoring
from petoolkit.publisher.hub import Package
from petoolkit.shipped import ROOT

# Modules that the metrics import, in the order in which they import each other. In a Space they lie beside the metric.
_MODULES = {module.__name__: module for module in (petoolbench, replies, scoring)}
_SIBLINGS = {name: name.rpartition(".")[2] for name in _MODULES}
_PAGE = """\
<!doctype html>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>{title}</title>
<h1>{title}</h1>
<p>A metric for <code>evaluate</code>; its card is the README.md in "Files".</p>
<pre>import evaluate

metric = evaluate.load("{repo_id}")
</pre>
"""


def pack_metric(folder: Path, repo_id: str) -> Package:
    """What a Space needs: the module under the Space's name, what it imports beside it, its card and a page.

    Args:
        folder: `metrics/...`, with the module of the same name and its card.
        repo_id: `USER/NAME`; `evaluate` looks for the file NAME.py there.

    Raises:
        InputError: if there is no metric in `folder`, or NAME can't be a module's.
    """
    module, name = folder / f"{folder.resolve().name}.py", repo_id.rpartition("/")[2]
    if not module.is_file() or not (folder / "README.md").is_file():
        raise InputError(f"{folder} holds no metric ({module.name} and README.md); name one of metrics/.")
    if "." in name or name in _SIBLINGS.values():
        raise InputError(f"a metric can't be called {name}: evaluate imports {name}.py; give a name without dots.")
    title = re.search(r"^title: (.*)$", (folder / "README.md").read_text("utf-8"), re.MULTILINE)
    page = _PAGE.format(title=title[1] if title else name, repo_id=repo_id)
    files: dict[str, Path | bytes] = {
        f"{name}.py": _beside(module, repo_id).encode(),
        "README.md": _card(folder, repo_id).encode(),
        "index.html": page.encode(),
        "LICENSE": ROOT / "LICENSE",
    }
    for name, sibling in _SIBLINGS.items():
        files[f"{sibling}.py"] = _beside(Path(str(_MODULES[name].__file__)), repo_id).encode()
    return Package(files, ("*.py", "index.html"), f"The metric {folder.resolve().name}")


def _beside(module: Path, repo_id: str) -> str:
    """A module that imports its neighbours in place of installed packages.

    `evaluate` fetches what the first module imports by `from .neighbour import ...`, with no comment behind it; it does
    not fetch what that imports in turn.
    """
    text = module.read_text("utf-8")
    for name, sibling in _SIBLINGS.items():
        text = re.sub(rf"^from {re.escape(name)} import", f"from .{sibling} import", text, flags=re.MULTILINE)
    return text.replace(f'evaluate.load("metrics/{module.stem}")', f'evaluate.load("{repo_id}")')


def _card(folder: Path, repo_id: str) -> str:
    """The card, with what a Space's YAML head must say."""
    text = (folder / "README.md").read_text("utf-8")
    loading = rf'evaluate\.load\("metrics/{re.escape(folder.resolve().name)}"\).*'
    text = re.sub(loading, f'evaluate.load("{repo_id}")', text)
    return text.replace("---\n", "---\nsdk: static\napp_file: index.html\npinned: false\nlicense: apache-2.0\n", 1)
