"""The project as a whole: recipes parse, the README tells the truth, imports point one way."""

import ast
import re
from collections import Counter
from pathlib import Path

import pytest
from conftest import ROOT
from petoolkit.builder.recipe import load_recipe

RECIPES = sorted([*(ROOT / "recipes" / "build").glob("*.yaml"), *(ROOT / "recipes" / "tiny").glob("build*.yaml")])
# Each room may import those before it, and nothing behind it; nothing imports `builder`, `trainer` and `metrics`.
ROOMS = (
    "petoolkit",
    "endpoint",
    "selector",
    "evaluator",
    "audit",
    "explorer",
    "publisher",
    "training",
    "api",
    "exporter",
    "harness",
)


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.stem)
def test_every_recipe_is_read_by_its_own_parser(path):
    assert load_recipe(path).users > 0


def imported(file: Path) -> set[str]:
    """Dotted names of the modules that a file imports."""
    return imported_in(ast.parse(file.read_text()))


def imported_in(tree: ast.AST) -> set[str]:
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return names


def room_of(module: str) -> str | None:
    """Which of `ROOMS` a module of petoolkit is in; its single files are in the first."""
    parts = module.split(".")
    if parts[0] != "petoolkit":
        return None
    return next((part for part in parts[1:2] if part in ROOMS), "petoolkit")


def test_imports_point_one_way():
    for file in (ROOT / "petoolkit").rglob("*.py"):
        own = room_of(".".join(file.relative_to(ROOT).with_suffix("").parts))
        for module in imported(file):
            assert not module.startswith(("builder", "petoolkit.builder", "trainer", "metrics", "petoolbench_")), file
            room = room_of(module)
            assert room is None or ROOMS.index(room) <= ROOMS.index(own), f"{file} imports {module}"
    for folder in ("builder", "trainer", "metrics"):
        for file in (ROOT / folder).rglob("*.py"):
            assert all(
                not module.startswith(("builder", "petoolkit.builder", "trainer", "metrics", "petoolbench_"))
                for module in imported(file)
            ), file


def test_no_two_files_have_the_same_name():
    names = Counter(
        file.name
        for room in ("builder", "petoolkit", "trainer", "metrics", "benchmarks")
        for file in (ROOT / room).rglob("*")
        if file.suffix in (".py", ".jinja", ".css", ".js") and file.name != "__init__.py"
    )
    assert [name for name, number in names.items() if number > 1] == []


def test_the_contract_imports_the_standard_library_and_datasets_only():
    """What only type checkers read are the names of `petoolkit.api`, which are imported when they are asked for."""
    import sys

    import petoolbench

    tree = ast.parse((ROOT / "petoolbench.py").read_text())
    (for_types,) = [
        node for node in tree.body if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
    ]
    (names,) = for_types.body
    assert isinstance(names, ast.ImportFrom) and names.module == "petoolkit.api"
    assert tuple(one.name for one in names.names) == petoolbench._IN_PETOOLKIT
    tree.body.remove(for_types)
    assert {name.partition(".")[0] for name in imported_in(tree)} <= {*sys.stdlib_module_names, "datasets"}


def test_the_page_of_the_house_is_true():
    """Every path that it names exists, and every top-level file, room and folder of code stands in it."""
    tree = re.search(r"```\n(pyproject\.toml.*?)```", (ROOT / "docs" / "house.md").read_text(), re.DOTALL)[1]
    named = {line.split()[0] for line in tree.splitlines()}
    assert {path for path in named - {"petoolbench/"} if not (ROOT / path).exists()} == set()
    made = ("runs", "results", "dist", "__pycache__")
    there = {
        path.name + ("/" if path.is_dir() else "")
        for path in ROOT.iterdir()
        if not path.name.startswith(".") and path.name not in made
    }
    there |= {
        f"{folder.relative_to(ROOT).as_posix()}/"
        for room in ("builder", "petoolkit", "benchmarks")
        for folder in (ROOT / room).rglob("*")
        if folder.is_dir() and any(file.is_file() for file in folder.iterdir()) and folder.name not in made
    }
    assert there - named - {"benchmarks/tiny/recipes/"} == set()


def test_no_file_is_long():
    long = {
        file: len(lines)
        for room in ("builder", "petoolkit", "trainer", "metrics", "benchmarks")
        for file in (ROOT / room).rglob("*.py")
        if len(lines := file.read_text().splitlines()) > 400
    }
    long |= {file: len(lines) for file in ROOT.glob("*.py") if len(lines := file.read_text().splitlines()) > 400}
    assert long == {}


def test_the_word_place_stands_for_nothing_any_more():
    """It stood for five things; a setting, a position, a repository, a folder and a slot have their own names."""
    word = re.compile(r"\b_?places?\b(?!holder)")
    found = {
        f"{file.relative_to(ROOT)}:{number}"
        for room in ("builder", "petoolkit", "trainer", "metrics")
        for file in (ROOT / room).rglob("*.py")
        for number, line in enumerate(file.read_text().splitlines(), 1)
        if word.search(line)
    }
    assert found == set()


def test_every_dependency_says_why():
    text = (ROOT / "pyproject.toml").read_text()
    for line in re.search(r"\ndependencies = \[\n(.*?)\n\]", text, re.DOTALL)[1].splitlines():
        assert re.fullmatch(r'\s+"[^"]+",\s+# .{10,}', line), line


def test_every_dependency_is_pinned_for_ci():
    pinned = {
        line.partition("==")[0].lower().replace("_", "-")
        for line in (ROOT / "constraints.txt").read_text().splitlines()
    }
    names = re.findall(r'^\s+"([\w-]+)(?:>=|==)', (ROOT / "pyproject.toml").read_text(), re.MULTILINE)
    assert {name.lower().replace("_", "-") for name in names} - pinned == {"setuptools"} - pinned - {"setuptools"}
