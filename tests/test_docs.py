"""README and docs: every command is one that the programs take, and every Python block runs."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner
from conftest import ROOT
from petoolkit.builder.authors import AUTHORS
from petoolkit.builder.catalogue import catalogue_files
from petoolkit.builder.pipeline import build
from petoolkit.builder.recipe import load_recipe
from rich.console import Console

from petoolbench import SETTINGS
from petoolbench_cli import main
from petoolkit.audit.solvers import SOLVERS
from petoolkit.evaluator.counterfactuals.counterfactual_table import COUNTERFACTUALS
from petoolkit.evaluator.history_methods.method_table import METHOD_KINDS
from petoolkit.evaluator.models.baselines import BASELINES
from petoolkit.exporter.export_forms import FORMS as EXPORT_FORMS
from petoolkit.scoring import METRICS
from petoolkit.training.rewards import REWARDS

PAGES = sorted([ROOT / "README.md", *(ROOT / "docs").glob("*.md")])
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
MAKE_TARGETS = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))


def blocks(kind: str) -> list:
    return [
        pytest.param(page, text, id=f"{page.stem}-{number}")
        for page in PAGES
        for number, (language, text) in enumerate(BLOCK.findall(page.read_text()))
        if language == kind
    ]


def commands() -> list:
    found = []
    for page in PAGES:
        for language, text in BLOCK.findall(page.read_text()):
            if language == "bash":
                lines = text.replace("\\\n", " ").splitlines()
                found += [(page, words) for line in lines if (words := shlex.split(line, comments=True))]
    return [pytest.param(words, id=f"{page.stem}: {' '.join(words)}") for page, words in found]


def parses(words: list[str]) -> None:
    """Have click parse a command's options without running it."""
    command, rest = main, words
    context = None
    while hasattr(command, "commands"):
        assert rest[0] in command.commands, f"there is no command {rest[0]}"
        command, rest = command.commands[rest[0]], rest[1:]
    context = command.make_context(command.name, list(rest))
    assert context.params is not None


@pytest.mark.parametrize("words", commands())
def test_every_command_is_one_that_the_programs_take(words, tmp_path, monkeypatch):
    # Of which click asks whether they exist.
    for folder in ("petoolbench", "results", "runs/sft", "runs/selector/mine", "metrics/tool_acc"):
        (tmp_path / folder).mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    program, *rest = words
    if program == "petoolbench":
        parses(rest)
    elif program == "make":
        assert set(rest) <= MAKE_TARGETS
    elif program == "accelerate":
        launched(rest)
    elif program == "python":
        parsed_by_help(rest)
    else:
        served = [("transformers", ["serve"]), ("vllm", ["serve"])]
        harnesses = [("lm_eval", ["run"]), ("inspect", ["eval"])]  # tests/test_harness_runs.py runs them
        launchers = [("hf", ["jobs"]), ("sbatch", rest[:1])]
        assert (program, rest[:1]) in [("pip", ["install"]), ("export", rest[:1]), *served, *harnesses, *launchers]


def launched(words: list[str]) -> None:
    """`accelerate launch [--config_file FILE] SCRIPT [OPTIONS]`, or `-m petoolbench_cli ...`."""
    assert words.pop(0) == "launch"
    if words[0] == "--config_file":
        assert (ROOT / words[1]).is_file()
        words = words[2:]
    if words[:2] == ["-m", "petoolbench_cli"]:
        parses(words[2:])
        return
    script, *options = words
    assert (ROOT / script).is_file()
    if "--config" in options and "/" in (recipe := options[options.index("--config") + 1]):
        assert (ROOT / recipe).is_file()
    shown = script_help(script)
    assert all(option in shown for option in options if option.startswith("--") and option != "--config")


def script_help(script: str) -> str:
    if script not in _HELP:
        command = [sys.executable, script, "--help"]
        _HELP[script] = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return _HELP[script]


_HELP: dict[str, str] = {}


def parsed_by_help(words: list[str]) -> None:
    """`python -m MODULE OPTIONS` or `python FILE OPTIONS`: the options stand in its help."""
    program = words[:2] if words[0] == "-m" else words[:1]
    if words[0] != "-m":
        assert (ROOT / words[0]).is_file()
    shown = subprocess.run([sys.executable, *program, "--help"], cwd=ROOT, capture_output=True, text=True).stdout
    assert all(word in shown for word in words if word.startswith("--"))


_FILE = r"# (\w+\.py)\n"


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """A checkout as a reader of the pages has it after the first command: `petoolbench/` is built."""
    place = tmp_path_factory.mktemp("reader")
    build(
        load_recipe(ROOT / "recipes/build/quickstart.yaml", users=20),
        place / "runs" / "q",
        place / "petoolbench",
        Console(quiet=True),
    )
    for name in ("metrics", "recipes"):
        (place / name).symlink_to(ROOT / name)
    for _, code in (block.values for block in blocks("python")):  # other blocks need them, maybe in another process
        if name := re.match(_FILE, code):
            (place / name[1]).write_text(code)
    return place


@pytest.fixture
def tables(monkeypatch):
    """The tables that a page adds to, as they were when it ends."""
    added_to = (SETTINGS, METRICS, BASELINES, AUTHORS, COUNTERFACTUALS, METHOD_KINDS, SOLVERS, EXPORT_FORMS, REWARDS)
    before: list[tuple[dict, dict]] = [(table, dict(table)) for table in added_to]
    monkeypatch.setattr(catalogue_files, "FORMATS", catalogue_files.FORMATS)
    yield
    for table, entries in before:
        table.clear()
        table.update(entries)


@pytest.mark.parametrize(("page", "code"), blocks("python"))
def test_every_python_block_runs(page, code, folder, tables, monkeypatch):
    """A block that begins with a file's name is that file, for the blocks behind it."""
    monkeypatch.chdir(folder)
    monkeypatch.syspath_prepend(folder)
    if re.match(_FILE, code):
        compile(code, str(page), "exec")
    else:
        exec(compile(code, str(page), "exec"), {"__name__": page.stem})


@pytest.mark.parametrize(("page", "text"), blocks("yaml"))
def test_every_yaml_block_is_part_of_a_recipe(page, text, tmp_path):
    shipped = yaml.safe_load((ROOT / "recipes/build/quickstart.yaml").read_text())
    changes = yaml.safe_load(text)
    assert changes.keys() <= shipped.keys()
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text(yaml.safe_dump({**shipped, **changes}))
    load_recipe(recipe)


def test_every_link_leads_somewhere():
    for page in PAGES:
        for target in re.findall(r"\]\((?!https?://)([^)#]+)\)", page.read_text()):
            assert (page.parent / target).exists(), f"{page.name}: {target}"


def test_the_readme_can_be_read():
    assert len((ROOT / "README.md").read_bytes()) <= 8_500


def test_the_help_of_the_rules_is_in_the_docs():
    """Rules and kinds of models stand in one table; the page about them names all of it."""
    from petoolkit.evaluator.models.model_kinds import MODEL_KINDS

    page = (ROOT / "docs" / "evaluate.md").read_text()
    assert all(f"`baseline:{name}`" in page for name in BASELINES)
    assert all(f"`{name}`" in page for name in COUNTERFACTUALS)
    assert all(f"`{kind.spec}`" in page for kind in MODEL_KINDS.values())
    assert "Ask a model" in CliRunner().invoke(main, ["evaluate", "--help"]).output
