"""Files that ship, extras that are missing, and consoles: the same answers in a checkout and in a wheel."""

import re
import subprocess
import sys
from importlib.metadata import requires

import pytest
from click.testing import CliRunner
from conftest import ROOT

from petoolbench import InputError
from petoolbench_cli import main
from petoolkit import extras, shipped
from petoolkit.console import make_console


def test_a_recipe_is_found_by_its_name_and_by_its_path(tmp_path):
    assert shipped.recipe_path("build", "rapidapi") == ROOT / "recipes" / "build" / "rapidapi.yaml"
    mine = tmp_path / "mine.yaml"
    mine.write_text("users: 3\n")
    assert shipped.recipe_path("build", mine) == mine
    with pytest.raises(InputError, match=r"recipe nothing does not exist; .* one of: .*quickstart"):
        shipped.recipe_path("build", "nothing")


def test_every_recipe_is_listed_with_a_title_that_fits_into_a_line():
    shown = CliRunner().invoke(main, ["recipes"], env={"COLUMNS": "80"}).output
    for path in (ROOT / "recipes").glob("*/*.yaml"):
        assert path.read_text().startswith("# ")
        assert any(path.stem in line and shipped.recipe_title(path) in line for line in shown.splitlines()), path


def test_a_metrics_folder_is_found_by_its_name():
    assert shipped.metric("tool_acc") == str(ROOT / "metrics" / "tool_acc")
    with pytest.raises(InputError, match="unknown metric 'x'; choose one of: param_acc, tool_acc, tool_call_errors"):
        shipped.metric("x")


@pytest.mark.parametrize("extra", ["explore", "hf", "openai", "report", "train", "vllm"])
def test_a_missing_extra_is_told_by_the_packages_that_it_lists(extra):
    """No index need know this project, so the command names what is missing; extras within extras are resolved."""
    command = extras.install_command(extra)
    assert re.fullmatch(r"pip install( '[\w-]+(>=|==)[\d.]+')+", command), command
    listed = {
        line.partition(";")[0].strip()
        for line in requires("petoolbench")
        if f'extra == "{extra}"' in line.replace("'", '"')
    }
    assert {f"'{package}'" for package in listed if not package.startswith("petoolbench[")} <= set(command.split())


def test_without_an_installation_the_checkout_is_named(monkeypatch):
    def unknown(name):
        raise extras.PackageNotFoundError(name)

    monkeypatch.setattr(extras, "requires", unknown)
    assert extras.install_command("train") == f"pip install -e '{ROOT}[train]'"


@pytest.mark.parametrize("variables", [{"NO_COLOR": "1"}, {"TERM": "dumb"}])
def test_consoles_write_plain_text_where_it_is_asked_for(monkeypatch, variables, capsys):
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    make_console(force_terminal=True).print("[bold red]told[/] 42")
    assert capsys.readouterr().out == "told 42\n"


LIGHT = [
    ["--help"],
    ["--version"],
    ["evaluate", "--help"],
    ["build", "--help"],
    ["push", "--help"],
    ["evaluate"],
    ["buidl"],
    ["evaluate", "--modle", "x"],
]


@pytest.mark.parametrize("arguments", LIGHT, ids=" ".join)
def test_nothing_heavy_is_imported_to_answer_what_needs_nothing(arguments):
    code = (
        "import sys; from petoolbench_cli import main; sys.argv = ['petoolbench', *sys.argv[1:]]\n"
        "try: main()\n"
        "finally: print('LOADED', *sorted({name.partition('.')[0] for name in sys.modules}), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code, *arguments], cwd=ROOT, capture_output=True, text=True)
    loaded = set(done.stderr.partition("LOADED")[2].split())
    heavy = {
        "datasets",
        "torch",
        "transformers",
        "numpy",
        "pandas",
        "pyarrow",
        "pydantic",
        "openai",
        "sklearn",
        "rich",
    }
    assert loaded and not loaded & heavy
    assert "Traceback" not in done.stderr
