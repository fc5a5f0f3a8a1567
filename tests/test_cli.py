"""The command: its help, its output, and one clear sentence for each mistake."""

import gzip
import json
import re
import subprocess
import sys

import pytest
from click.testing import CliRunner
from conftest import ROOT

from petoolbench_cli import main

TOOL = {"category": "Weather", "tool": "Aerwyn", "tool_description": "All about the weather", "api": "now"}
CITY = {"name": "city", "type": "STRING", "description": "A city", "default": "Rome"}
TOOL |= {"api_description": "Returns the weather in a city", "required_parameters": [CITY], "optional_parameters": []}


def run(*arguments):
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


def write(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


@pytest.mark.parametrize("command", [[], *([name] for name in main.commands)], ids=lambda command: " ".join(command))
def test_help_teaches(command):
    result = run(*command, "--help")
    assert result.exit_code == 0
    assert "Usage:" in result.output
    for option in main.commands[command[0]].params if command else []:
        explained = getattr(option, "help", None) or str(option.name).upper() in result.output
        assert explained, f"{option.name} is not explained"


def catalogue(text, suffix=".jsonl"):
    return lambda folder: ["build", "--catalogue", write(folder / f"tools{suffix}", text)]


def truncated(folder):
    whole = gzip.compress(json.dumps(TOOL).encode() * 1_000)
    (folder / "tools.jsonl.gz").write_bytes(whole[: len(whole) // 2])
    return ["build", "--catalogue", folder / "tools.jsonl.gz"]


def recipe(text):
    return lambda folder: ["build", "--recipe", write(folder / "mine.yaml", text)]


def foreign_folder(folder):
    write(folder / "petoolbench" / "thesis.tex", "mine")
    return ["build"]


def two_providers(number):
    lines = [{**TOOL, "tool": f"P{n}", "tool_description": f"Weather of kind {n} for all"} for n in range(number)]
    return "\n".join(map(json.dumps, lines))


MISTAKES = {
    "missing catalogue": (lambda folder: ["build", "--catalogue", folder / "none.json"], "none.json does not exist"),
    "catalogue of another kind": (catalogue("x", ".csv"), "is of no known kind"),
    "catalogue that is no JSON": (catalogue('{"a": 1}\n{no'), "tools.jsonl, line 1: this is not a tool"),
    "damaged line": (catalogue(json.dumps(TOOL) + "\n{no"), "tools.jsonl, line 2: not valid JSON"),
    "truncated catalogue": (truncated, "cannot be read"),
    "wrong type": (catalogue(json.dumps({**TOOL, "api": ["now"]})), "line 1: `api`: input should be a valid string"),
    "wrong parameters": (
        catalogue(json.dumps({**TOOL, "required_parameters": [{"type": "STRING"}]}), ".json"),
        "entry 1: `required_parameters.0.name`: field required",
    ),
    "nothing left": (catalogue(json.dumps({**TOOL, "api_description": ""})), "no tool of the catalogue is left"),
    "duplicate tools only": (catalogue(json.dumps(TOOL) + "\n" + json.dumps(TOOL)), "no group of same-function tools"),
    "groups too small": (catalogue(two_providers(1)), "no group of same-function tools is left of 1 tools"),
    "too small for a split": (catalogue(two_providers(4)), "export.split: provider leaves a split without groups"),
    "too small for blocks": (
        recipe("users: 5\ncatalogue: [embedded/Weather]\ngroup: {eps: 0.3}\nexport: {split: user}\n"),
        "blocks for 0 of the 5 users asked for could be drawn, of 6 groups",
    ),
    "too small for a history": (
        recipe("design: paper\nusers: 5\ncatalogue: [embedded/Weather]\ngroup: {eps: 0.3}\n"),
        "were accepted",
    ),
    "more candidates than tools in a block": (
        recipe("users: 5\ngroup: {eps: 0.3}\ncandidates: {number: 1300}\n"),
        "too few tools can stand beside the gold ones",
    ),
    "more candidates than tools": (
        recipe("design: paper\nusers: 5\ngroup: {eps: 0.3}\ncandidates: {number: 1300}\n"),
        "1300 candidates were asked for, but only",
    ),
    "section of the other design": (
        recipe("users: 5\ngroup: {eps: 0.3}\nprefer: {neighbours: 3}\n"),
        "`prefer` is of the paper design, and this recipe's is controlled",
    ),
    "split of the other design": (
        recipe("design: paper\nusers: 5\ngroup: {eps: 0.3}\nexport: {split: provider}\n"),
        "provider is of the controlled design",
    ),
    "missing recipe": (lambda folder: ["build", "--recipe", "recipes/build/none.yaml"], "none.yaml does not exist"),
    "unknown key": (
        recipe("users: 5\ngroup: {eps: 0.3}\nuser: 6\n"),
        "unknown key `user`; known are design, catalogue, author",
    ),
    "unknown nested key": (
        recipe("users: 5\ngroup: {eps: 0.3, epsilon: 1}\n"),
        "unknown key `group.epsilon`; known are",
    ),
    "missing key": (recipe("group: {eps: 0.3}\n"), "`users`: field required"),
    "value out of range": (recipe("users: 5\ngroup: {eps: 3}\n"), "`group.eps`: input should be less than 1"),
    "unknown split": (recipe("users: 5\ngroup: {eps: 0.3}\nexport: {split: day}\n"), "`export.split`"),
    "recipe that is no YAML": (recipe("users: [5\n"), "cannot be read"),
    "recipe that is a list": (recipe("- users\n"), "should hold `key: value` lines"),
    "lengths the wrong way round": (
        recipe("design: paper\nusers: 5\ngroup: {eps: 0.3}\nhistory: {min_length: 9, max_length: 3}\n"),
        "the minimum is above the maximum",
    ),
    "folder of someone else": (foreign_folder, "is not a dataset that petoolbench wrote (it holds thesis.tex)"),
    "dataset that is a file": (lambda folder: ["build", "--dataset", write(folder / "f", "")], "f is a file"),
    "run below a file": (lambda folder: ["build", "--run", write(folder / "f", "") / "run"], "cannot be made"),
    "read-only target": (lambda folder: ["build", "--run", "/proc/run"], "cannot be written"),
    "model that is not there": (
        recipe("users: 5\ngroup: {eps: 0.3, model: some/model}\n"),
        "the embedding model some/model cannot be loaded: offline mode is on",
    ),
    "unknown model": (
        lambda folder: ["evaluate", "--model", "x", "--out", folder],
        "unknown model 'x'; did you mean openai:x? Known are",
    ),
    "unknown setting": (
        lambda folder: ["evaluate", "--model", "baseline:random", "--setting", "x", "--out", folder],
        "unknown setting 'x'; choose one of: all,",
    ),
    "no dataset": (
        lambda folder: ["evaluate", "--model", "baseline:random", "--dataset", "none", "--out", folder],
        "there is no dataset folder none/ here",
    ),
    "no dataset to show": (lambda folder: ["show", "--dataset", "none"], "there is no dataset folder none/"),
    "no file to import": (lambda folder: ["import", folder / "none.json"], "none.json does not exist"),
    "empty folder to import": (lambda folder: ["import", folder], "holds no .json or .json.gz file"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_gets_one_sentence_and_exit_code_2(mistake, tmp_path):
    make, message = MISTAKES[mistake]
    arguments = make(tmp_path)
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    for option in ("--run", "--dataset"):
        if arguments[0] == "build" and option not in arguments:
            arguments += [option, tmp_path / {"--run": "run", "--dataset": "petoolbench"}[option]]
    if arguments[0] == "import":
        arguments += ["--dataset", tmp_path / "petoolbench"]
    result = run(*arguments)
    assert result.exit_code == 2, result.output
    assert message in " ".join(result.stderr.split())
    assert "Traceback" not in result.output
    assert result.exception is None or isinstance(result.exception, SystemExit)
    assert {path: path.read_bytes() for path in before} == before
    assert not list((tmp_path / "petoolbench").glob("data")), "a dataset was written all the same"


def test_a_failed_build_leaves_the_dataset_as_it_was(tmp_path):
    place = ["--run", tmp_path / "run", "--dataset", tmp_path / "petoolbench"]
    assert run("build", "--users", 10, *place).exit_code == 0
    before = {path: path.read_bytes() for path in (tmp_path / "petoolbench").rglob("*") if path.is_file()}
    assert run("build", "--catalogue", write(tmp_path / "bad.jsonl", "{"), *place).exit_code == 2
    assert before == {path: path.read_bytes() for path in (tmp_path / "petoolbench").rglob("*") if path.is_file()}


@pytest.mark.slow
def test_build_evaluate_and_show_work_from_a_shell(tmp_path):
    """As a user types them; `show` and the score table hold what they promise."""

    def shell(*arguments):
        command = [sys.executable, "-m", "petoolbench_cli", *map(str, arguments)]
        return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)

    dataset = tmp_path / "petoolbench"
    said = shell("build", "--users", 12, "--run", tmp_path / "run", "--dataset", dataset)
    assert re.search(r"Wrote \d+ rows", " ".join(said.stderr.split()))
    table = shell("evaluate", "--dataset", dataset, "--model", "baseline:lexical", "--out", tmp_path / "out").stdout
    for word in ("Tool Acc", "Param Acc", "lexical", "chance", "preferred", "all", "robust / paper"):
        assert word in " ".join(table.split())
    view = shell("show", "--dataset", dataset, "u000003/rating_integrated").stdout
    for word in ("u000003/rating_integrated", "liked", "disliked", "asks now", "gold", "same job", "The gold call"):
        assert word in view
    assert (
        "does not have a row or user 'u999999/chronological'"
        in run("show", "--dataset", dataset, "u999999/chronological").stderr
    )


def test_markup_in_other_peoples_text_is_shown_as_text(tmp_path):
    from rich.console import Console

    from petoolkit.evaluator.row_view import row_view

    hostile = "[bold red]x[/] \x1b[31m<script>alert(1)</script>"
    tool = {"tool_name": f"<A>.<{hostile}>.<b>", "tool_description": hostile, "provider_description": hostile}
    schema = json.dumps({"enum": [hostile]})
    parameter = {"name": hostile, "type": hostile, "description": hostile, "default": None, "schema": schema}
    tool |= {"required_parameters": [parameter], "optional_parameters": [], "schema": None}
    row = {"id": "u/chronological", "instruction": hostile, "candidate_tools": [tool], "same_function_tools": []}
    row["history"] = [
        {
            **{"instruction": hostile, "tool_name": tool["tool_name"], "provider_description": hostile},
            **{"parameters": "{}", "rating": None},
        }
    ]
    row |= {"kind": "preference", "acceptable_tools": [tool["tool_name"]], "taste": "", "block_id": hostile}
    row["tool_call"] = {"tool_name": tool["tool_name"], "parameters": "{}"}
    console = Console(record=True, width=300, file=(tmp_path / "out").open("w"), force_terminal=False)
    console.print(row_view(row))
    shown = (tmp_path / "out").read_text() + console.export_text()
    assert "[bold red]x[/]" in shown and "<script>" in shown and "\x1b[31m" not in shown
