"""A metric as a Space that `evaluate.load("USER/NAME")` loads, where petoolbench is not installed too."""

import re
from pathlib import Path

import petoolbench
from petoolbench import InputError
from petoolkit import (
    call_forms,
    call_parameters,
    metric_inputs,
    paper_reader,
    reasoning,
    replies,
    schema_fit,
    scoring,
    shipped,
    typed_values,
)
from petoolkit.publisher.hub import Package

# Modules that the metrics import, each after those that it imports. In a Space they lie beside the metric.
_IMPORTED = (
    *(petoolbench, call_forms, paper_reader, reasoning, replies),
    *(schema_fit, typed_values, call_parameters, scoring, metric_inputs),
)
_MODULES = {module.__name__: module for module in _IMPORTED}
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


def pack_metric(metric: str, repo_id: str) -> Package:
    """Collect what a Space needs: the module under the Space's name, the modules that it imports, a card and a page.

    Args:
        metric: the name of a metric that ships with petoolbench, such as `tool_acc`, or a folder that holds a module
            of the same name and its card.
        repo_id: `USER/NAME`; `evaluate` looks for the file NAME.py there.

    Raises:
        InputError: if there is no such metric, or NAME cannot be the name of a module.
    """
    folder = Path(metric if Path(metric).is_dir() else shipped.metric(metric)).resolve()
    module, card, name = folder / f"{folder.name}.py", folder / "README.md", repo_id.rpartition("/")[2]
    if not module.is_file() or not card.is_file():
        raise InputError(
            f"{folder} does not hold a metric ({module.name} and {card.name}); name one of metrics/, such as tool_acc."
        )
    if "." in name or name in _SIBLINGS.values():
        raise InputError(
            f"a metric cannot have the name {name}, since evaluate imports {name}.py; give a name without dots that "
            f"is not one of: {', '.join(_SIBLINGS.values())}."
        )
    title = re.search(r"^title: (.*)$", card.read_text("utf-8"), re.MULTILINE)
    page = _PAGE.format(title=title[1] if title else name, repo_id=repo_id)
    files: dict[str, Path | bytes] = {
        f"{name}.py": _with_all_imports(_with_siblings(module, repo_id)).encode(),
        "README.md": _card(card, repo_id).encode(),
        "index.html": page.encode(),
        "LICENSE": shipped.ROOT / "LICENSE",
    }
    for imported, sibling in _SIBLINGS.items():
        files[f"{sibling}.py"] = _with_siblings(Path(str(_MODULES[imported].__file__)), repo_id).encode()
    return Package(files, ("*.py", "index.html"), f"The metric {folder.name}")


def _with_siblings(module: Path, repo_id: str) -> str:
    """A module's text, in which imports of petoolbench are imports of the files beside it.

    `evaluate` fetches the files that the first module imports by `from .sibling import ...`, without a comment behind
    it; it does not fetch what these import in turn.
    """
    text = module.read_text("utf-8")
    for name, sibling in _SIBLINGS.items():
        text = re.sub(rf"^from {re.escape(name)} import", f"from .{sibling} import", text, flags=re.MULTILINE)
    return text.replace(f'evaluate.load("metrics/{module.stem}")', f'evaluate.load("{repo_id}")')


def _with_all_imports(text: str) -> str:
    """A metric's text that also imports what its siblings import.

    `evaluate` fetches no other files, and says by the first module's imports which packages are missing.
    """
    first = text.index("from .")
    missing = [name for name in _SIBLINGS.values() if f"from .{name} import" not in text]
    lines = "import json_repair\n" + "".join(f"from .{name} import *\n" for name in missing)
    return text[:first] + lines + text[first:]


def _card(card: Path, repo_id: str) -> str:
    """The card, with the fields that a Space's YAML head must have."""
    text = card.read_text("utf-8")
    loading = rf'evaluate\.load\("metrics/{re.escape(card.parent.name)}"\).*'
    text = re.sub(loading, f'evaluate.load("{repo_id}")', text)
    return text.replace("---\n", "---\nsdk: static\napp_file: index.html\npinned: false\nlicense: apache-2.0\n", 1)
