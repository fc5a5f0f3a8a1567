"""The project's files that a stage's rows depend on: its module, and the modules that this one imports."""

import ast
import importlib.util
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path

# Sends requests and receives replies; what is asked and answered depends on the author and the recipe's `llm` alone.
_TRANSPORT = f"{__name__.partition('.')[0]}.endpoint"
_ENGINES = f"{__name__.partition('.')[0]}.engines"  # where work is done changes no row
_OWN = ("petoolbench", __name__.partition(".")[0])  # the contract, and the package that holds this file


def source_files(modules: Iterable[str]) -> list[Path]:
    """The files of modules and of all modules of ours that they import, in the order of their names.

    A YAML file beside a module, with its name, is its data and comes with it.
    Not followed are imports for type checking alone, imports of `petoolkit.endpoint` and `petoolkit.engines`, and the
    `__init__.py` of a package of which a module is imported.
    """
    found: dict[str, Path] = {}
    waiting = list(modules)
    while waiting:
        if (module := waiting.pop()) not in found:
            found[module] = _file(module)
            waiting += _imported(module, found[module].name, found[module].read_text(encoding="utf-8"))
    files = [file for _, file in sorted(found.items())]
    return [*files, *(data for file in files if (data := file.with_suffix(".yaml")).is_file())]


def _file(module: str) -> Path:
    spec = importlib.util.find_spec(module)
    assert spec is not None and spec.origin is not None, module
    return Path(spec.origin)


@cache
def _imported(module: str, file_name: str, text: str) -> set[str]:
    """The modules of ours that a module imports.

    Args:
        module: its full name.
        file_name, text: of its file.
    """
    package = module if file_name == "__init__.py" else module.rpartition(".")[0]
    names: set[str] = set()
    for node in _run_time_nodes(ast.parse(text)):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = importlib.util.resolve_name("." * node.level + (node.module or ""), package)
            names |= {_module_of(base, alias.name) for alias in node.names} if _is_own(base) else set()
    return set(filter(_is_own, names))


def _run_time_nodes(tree: ast.AST) -> Iterator[ast.AST]:
    """All nodes but those below `if TYPE_CHECKING:`."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING"):
            continue
        yield node
        yield from _run_time_nodes(node)


def _is_own(module: str) -> bool:
    return module.partition(".")[0] in _OWN and not module.startswith((_TRANSPORT, _ENGINES))


@cache
def _module_of(base: str, name: str) -> str:
    """The module that `from base import name` reads: a module of that name, or else `base` itself."""
    try:
        return f"{base}.{name}" if importlib.util.find_spec(f"{base}.{name}") else base
    except ModuleNotFoundError:  # `base` is not a package
        return base
