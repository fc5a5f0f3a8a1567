"""The project as a whole: recipes parse, the README tells the truth, imports point one way."""

import ast
import re
from pathlib import Path

import pytest
from conftest import ROOT

from builder.recipe import load_recipe

RECIPES = sorted([*(ROOT / "recipes" / "build").glob("*.yaml"), *(ROOT / "recipes" / "tiny").glob("build*.yaml")])
LAYERS = {"builder": "builder", "evaluator": "evaluator", "metrics": "metrics"}


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.stem)
def test_every_recipe_is_read_by_its_own_parser(path):
    assert load_recipe(path).users > 0


def imported(file: Path) -> set[str]:
    names = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module.partition(".")[0])
    return names


def test_imports_point_one_way():
    for layer in LAYERS:
        for file in (ROOT / layer).rglob("*.py"):
            assert not imported(file) & ({*LAYERS, "publisher", "trainer", "petoolbench_cli"} - {layer}), file
    for file in (ROOT / "endpoint").glob("*.py"):
        assert not imported(file) & {*LAYERS, "publisher", "trainer", "petoolbench_cli"}, file
    for file in (ROOT / "publisher").glob("*.py"):
        assert not imported(file) & {"builder", "metrics", "trainer", "petoolbench_cli"}, file
    for file in ROOT.glob("petoolbench*.py"):
        if file.name not in ("petoolbench_cli.py", "petoolbench_quickstart.py"):
            assert not imported(file) & {*LAYERS, "endpoint", "publisher", "trainer", "petoolbench_cli"}, file


def test_the_contract_imports_the_standard_library_and_datasets_only():
    import sys

    assert imported(ROOT / "petoolbench.py") <= {*sys.stdlib_module_names, "datasets"}


def test_the_readmes_tree_is_the_trees():
    """Every path that the README's tree names exists, and every top-level file and folder stands in it."""
    tree = re.search(r"```\n(pyproject\.toml.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)[1]
    named, folder = [], ""
    for line in tree.splitlines():
        path = line.split()[0]
        if line.startswith("  "):
            named.append(folder + path)
        else:
            folder = path if path.endswith("/") else ""
            named.append(path)
    made = {"petoolbench/"}
    assert [path for path in named if path not in made and not (ROOT / path).exists()] == []
    tracked = {
        path.name + ("/" if path.is_dir() else "")
        for path in ROOT.iterdir()
        if not path.name.startswith(".")
        and path.name not in ("runs", "results", "__pycache__", "petoolbench")
        and not path.name.endswith(".egg-info")
    }
    assert tracked - set(named) == set()
    for folder in ("builder", "endpoint", "evaluator"):
        files = {f"{folder}/{file.name}" for file in (ROOT / folder).glob("*.py")} - {f"{folder}/__init__.py"}
        assert files - set(named) == set()


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
