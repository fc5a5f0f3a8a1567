"""`make test-slow`: the wheel, installed where the checkout is not on the path, beside somebody else's project."""

import json
import os
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

import pytest
from conftest import ROOT
from test_import import entry

pytestmark = pytest.mark.slow

DECOYS = ("builder", "trainer", "evaluator", "publisher", "explorer", "endpoint", "metrics")
DECOY = """
import pathlib
pathlib.Path(__file__).with_name("was_imported").touch()
MINE = True
"""
METRICS = """
import evaluate
from petoolkit.shipped import metric
gold = {"tool_name": "<A>.<B>.<C>", "parameters": '{"n": 3}'}
reference = {"tool_call": gold, "candidate_tools": ["<A>.<B>.<C>"], "same_function_tools": ["<A>.<B>.<C>"]}
reply = '{"tool_name": "<A>.<B>.<C>", "parameters": {"n": 3}}'
for name, given in (("tool_acc", gold), ("param_acc", gold), ("tool_call_errors", reference)):
    print(name, evaluate.load(metric(name)).compute(predictions=[reply], references=[given]))
"""


@pytest.fixture(scope="module")
def installed(tmp_path_factory) -> Path:
    """An environment with the wheel; what the project depends on is lent by the one that runs the tests."""
    folder = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", folder, ROOT]
    subprocess.run(build, cwd=folder, check=True, env={**os.environ, "PYTHONPATH": ""})
    venv.create(folder / "env", with_pip=True)
    python = folder / "env" / "bin" / "python"
    (wheel,) = folder.glob("*.whl")
    subprocess.run([python, "-m", "pip", "install", "--quiet", "--no-deps", wheel], check=True)
    site = Path(sysconfig.get_path("purelib", vars={"base": str(folder / "env")}))
    (site / "lent.pth").write_text(sysconfig.get_path("purelib") + "\n")  # .pth files in there are not read
    return folder / "env" / "bin"


@pytest.fixture(scope="module")
def project(tmp_path_factory) -> Path:
    """Somebody's project, with a space in its name and packages of general names."""
    folder = tmp_path_factory.mktemp("work") / "my project"
    for name in DECOYS:
        (folder / name).mkdir(parents=True)
        (folder / name / "__init__.py").write_text(DECOY)
    (folder / "released.json").write_text(json.dumps([entry()]))
    return folder


@pytest.fixture(scope="module")
def run(installed, project):
    """Run a program of the environment in the project, which is on the path."""

    def run(program: str, *arguments: object, cwd: Path = project) -> subprocess.CompletedProcess:
        environment = {**os.environ, "PYTHONPATH": str(project), "PATH": f"{installed}:{os.environ['PATH']}"}
        command = [installed / program, *map(str, arguments)]
        return subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True)

    return run


def test_the_installed_files_are_used(run, installed, tmp_path):
    shown = run(
        "python",
        "-c",
        "import petoolbench, petoolkit, petoolkit.builder as b; print(petoolbench.__file__, b.__file__)",
    )
    assert all(str(installed.parent) in path for path in shown.stdout.split()), shown.stderr
    assert run("petoolbench", "--version").stdout.startswith("petoolbench ")


def test_the_quick_start_runs_in_a_folder_with_a_space(run, project):
    done = run("petoolbench", "quickstart")
    assert done.returncode == 0, done.stdout + done.stderr
    for made in ("petoolbench/README.md", "results/quickstart/report/report.html", "runs/tiny/dpo/README.md"):
        assert (project / made).is_file()
    assert "petoolbench evaluate --model openai:" in done.stdout


def test_every_command_works_there(run, project):
    commands = [
        ("recipes",),
        ("build", "--recipe", "quickstart", "--users", 12, "--dataset", "small set", "--run", "small run"),
        ("show", "--dataset", "small set", "u000003"),
        ("evaluate", "--dataset", "small set", "--model", "baseline:preference-rule", "--out", "out/rule"),
        ("evaluate", "--dataset", "small set", "--model", "baseline:random", "--out", "out/random"),
        ("evaluate", "--dataset", "small set", "--model", "python:my answer.py:answer", "--out", "out/mine"),
        ("score", "out/mine", "--rows", "rows.csv"),
        ("compare", "out/random", "out/rule"),
        ("report", "out", "--out", "out report"),
        ("import", "released.json", "--dataset", "released set"),
        ("push", "dataset", "small set", "me/bench", "--dry-run"),
        ("push", "metric", "tool_acc", "me/tool_acc", "--dry-run"),
    ]
    (project / "my answer.py").write_text("def answer(row):\n    return ''\n")
    for arguments in commands:
        done = run("petoolbench", *arguments)
        assert done.returncode == 0, (arguments, done.stdout, done.stderr)
    as_module = run("python", "-m", "petoolbench_cli", "show", "--dataset", "small set", "u000003")
    assert as_module.returncode == 0, as_module.stderr
    assert run("petoolbench", "build", "--recipe", "nothing").returncode == 2
    in_python = "import petoolbench as p; print(len(p.score('out/rule').to_pandas()), p.load('small set'))"
    assert "rows of small set, all, test split" in run("python", "-c", in_python).stdout


def test_the_metrics_load_from_anywhere(run, tmp_path):
    done = run("python", "-c", METRICS, cwd=tmp_path)
    assert "tool_acc {'tool_acc': 1.0}" in done.stdout, done.stderr
    assert "tool_call_errors {'tool_acc': 1.0" in done.stdout


def test_nobodys_package_is_taken_for_another(run, installed, project, tmp_path):
    """After all of the above, the decoys were never imported; whoever asks for them finds them, and never ours."""
    assert not list(project.rglob("was_imported"))
    for name in DECOYS:
        found = run("python", "-c", f"import {name}; print({name}.MINE)", cwd=tmp_path)
        assert found.stdout.strip() == "True", found.stderr
        alone = [installed / "python", "-c", f"import {name}"]
        missing = subprocess.run(
            alone, cwd=tmp_path, env={**os.environ, "PYTHONPATH": ""}, capture_output=True, text=True
        )
        assert "ModuleNotFoundError" in missing.stderr
