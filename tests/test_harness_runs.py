"""`make test-slow`: real runs of Inspect and of the lm-evaluation-harness, whose scores are ours."""

import json
import math
import os
import random
import subprocess
import sys
import sysconfig
from collections import defaultdict
from pathlib import Path

import pytest
from conftest import ROOT
from hub_process import HubProcess
from hub_stand_in import HubStandIn
from petoolkit.builder.pipeline import build
from petoolkit.builder.recipe import load_recipe
from rich.console import Console
from tiny_model import make_tiny_model

from petoolbench import SETTINGS, all_configs, render_messages, to_json_text
from petoolkit.evaluator.chat_rows import gold_call
from petoolkit.evaluator.dataset_rows import load_rows
from petoolkit.evaluator.scores.judgements import judge
from petoolkit.exporter.export_dataset import export_dataset
from petoolkit.scoring import ACCURACIES, METRICS

pytestmark = pytest.mark.slow
SCRIPTS = ROOT / "tests" / "fixtures"


def pinned(package: str) -> str:
    """A requirement with the version of constraints.txt."""
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    return next(line for line in lines if line.startswith(f"{package}=="))


def environment(name: str, package: str) -> Path:
    """The folder of programs of an environment with one package more than this one, and this project installed."""
    folder = ROOT / f".venv-{name}"
    python = folder / "bin" / "python"
    if not python.exists():
        subprocess.run([sys.executable, "-m", "venv", folder], check=True)
    paths = sysconfig.get_paths(vars={"base": str(folder), "platbase": str(folder)})
    Path(paths["purelib"], "ours.pth").write_text(sysconfig.get_paths()["purelib"] + "\n")
    install = [python, "-m", "pip", "install", "--quiet"]
    subprocess.run([*install, pinned(package)], check=True)
    subprocess.run([*install, "--no-deps", "--force-reinstall", ROOT], check=True)
    return folder / "bin"


def run(*command, folder: Path, code: int = 0, **more: str) -> str:
    """What a command prints, in a home of its own and with nothing of the checkout to import; it exits with `code`."""
    env = {**os.environ, "HF_HOME": str(folder / "home"), "HF_HUB_OFFLINE": "1", **more}
    env.pop("PYTHONPATH", None)
    done = subprocess.run(list(map(str, command)), cwd=folder, env=env, capture_output=True, text=True)
    assert done.returncode == code, (done.stdout + done.stderr)[-4_000:]
    return done.stdout + (done.stderr if code else "")


@pytest.fixture(scope="module")
def bench(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("harness")
    recipe = load_recipe(ROOT / "recipes/build/quickstart.yaml", users=40)
    build(recipe, folder / "run", folder / "petoolbench", Console(quiet=True))
    return folder


def said(row: dict, rng: random.Random) -> str:
    """A reply such as models write: right, or wrong in one of many ways."""
    parameters = json.loads(row["tool_call"]["parameters"])
    rival = rng.choice([tool["tool_name"] for tool in row["candidate_tools"]])
    return rng.choice(
        [
            gold_call(row),
            f"<think>{gold_call(row)}?</think>\nSure:\n```json\n{gold_call(row)}\n```",
            to_json_text({"tool_name": rival, "parameters": parameters}),
            to_json_text({"name": row["tool_call"]["tool_name"], "arguments": {}}),
            "I cannot do that.",
        ]
    )


@pytest.fixture(scope="module")
def scripted(bench) -> dict[str, list[tuple[dict, str]]]:
    """By config, test rows with the reply to each; the file `replies.json` has them by prompt."""
    rng = random.Random(0)
    rows = {config: load_rows(str(bench / "petoolbench"), config, "test") for config in all_configs()}
    of = {config: [(row, said(row, rng)) for row in of_config] for config, of_config in rows.items()}
    texts = {json.dumps(render_messages(row)): reply for pairs in of.values() for row, reply in pairs}
    (bench / "replies.json").write_text(json.dumps(texts))
    return {c: [(row, texts[json.dumps(render_messages(row))]) for row, _ in pairs] for c, pairs in of.items()}


def right(pairs) -> dict[str, list[float]]:
    """By metric, whether each reply is right, as `petoolbench score` judges it."""
    rows = [row for row, _ in pairs]
    judged = judge(rows, [{"id": row["id"], "repeat": 0, "reply": reply} for row, reply in pairs]).outcome("robust")
    return {name: METRICS[name].is_right(judged)[:, 0].astype(float).tolist() for name in ACCURACIES}


def mean(values: list[float]) -> float:
    return sum(values) / len(values)


def clustered_error(pairs, values: list[float]) -> float:
    """The standard error of a mean over clusters of one size or several (Liang and Zeger, no correction)."""
    centre, sums = mean(values), defaultdict(float)
    for (row, _), value in zip(pairs, values, strict=True):
        sums[row["block_id"] or row["group_id"]] += value - centre
    return math.sqrt(sum(total**2 for total in sums.values())) / len(values)


def test_scores_in_the_lm_evaluation_harness_are_ours(bench, scripted):
    programs = environment("lm-eval", "lm-eval")
    export_dataset("lm-eval", str(bench / "petoolbench"), bench / "tasks")
    command = [programs / "python", SCRIPTS / "run_lm_eval.py", bench / "tasks", bench / "replies.json"]
    found = json.loads(run(*command, folder=bench).splitlines()[-1])
    for config, pairs in scripted.items():
        for name, values in right(pairs).items():
            assert found[f"petoolbench_{config}"][f"{name},none"] == pytest.approx(mean(values))
    together = [pair for setting in SETTINGS for pair in scripted[setting]]
    assert found["petoolbench"]["tool_acc,none"] == pytest.approx(mean(right(together)["tool_acc"]))
    assert 0.2 < found["petoolbench"]["tool_acc,none"] < 0.8


def test_the_lm_evaluation_harness_asks_a_model_from_its_command_line(bench, tmp_path):
    programs = environment("lm-eval", "lm-eval")
    export_dataset("lm-eval", str(bench / "petoolbench"), tmp_path / "tasks")
    rows = load_rows(str(bench / "petoolbench"), "chronological", "test")[:2]
    texts = [message["content"] for row in rows for message in render_messages(row)]
    make_tiny_model(tmp_path / "model", texts, vocabulary=2_000)
    model = f"pretrained={tmp_path / 'model'},dtype=float32"
    run(
        *(programs / "lm_eval", "run", "--model", "hf", "--model_args", model),
        *("--tasks", "petoolbench_chronological", "--include_path", tmp_path / "tasks", "--apply_chat_template"),
        *("--device", "cpu", "--limit", "2", "--log_samples", "--output_path", tmp_path / "out"),
        *("--gen_kwargs", "max_gen_toks=16"),
        folder=tmp_path,
    )
    (results,) = tmp_path.glob("out/**/results_*.json")
    assert json.loads(results.read_text())["results"]["petoolbench_chronological"]["tool_acc,none"] == 0
    (samples,) = tmp_path.glob("out/**/samples_petoolbench_chronological_*.jsonl")
    prompts = [json.loads(line)["arguments"]["gen_args_0"]["arg_0"] for line in samples.read_text().splitlines()]
    for row, prompt in zip(rows, prompts, strict=True):
        assert all(message["content"] in prompt for message in render_messages(row))


def test_scores_in_inspect_are_ours_with_errors_clustered_by_block(bench, scripted):
    programs = environment("inspect", "inspect-ai")
    tasks = [f"petoolbench/{config}" for config in scripted]
    arguments = '{"dataset": "petoolbench"}'
    command = [programs / "python", SCRIPTS / "run_inspect.py", "replies.json", "logs", arguments, *tasks]
    found = json.loads(run(*command, folder=bench).splitlines()[-1])
    assert list(scripted) == all_configs()
    for config, pairs in scripted.items():
        for name, values in right(pairs).items():
            scores = found[f"petoolbench/{config}"][name]
            assert scores["mean"] == pytest.approx(mean(values))
            # Inspect's own correction for few clusters, where it has one, makes the error a little larger.
            assert clustered_error(pairs, values) <= scores["stderr"] * 1.0001 <= clustered_error(pairs, values) * 1.5


def test_eval_yaml_of_a_pushed_dataset_runs_in_inspect_with_nothing_of_this_project(bench, scripted, tmp_path):
    programs = environment("inspect", "inspect-ai")
    with HubStandIn() as hub:
        with HubProcess(hub, tmp_path / "home") as petoolbench:
            done = petoolbench("push", "dataset", bench / "petoolbench", "me/bench", "--no-rules")
        assert done.code == 0, done.output
        command = [
            programs / "python",
            SCRIPTS / "run_inspect.py",
            bench / "replies.json",
            "logs",
            "{}",
            "hf/me/bench",
        ]
        variables = {**hub.environment(tmp_path / "other-home"), "HF_HUB_OFFLINE": "0"}
        printed = run(*command, folder=tmp_path, **variables)
    (score,) = json.loads(printed.splitlines()[-1])["hf/me/bench"].items()
    pairs = [pair for setting in SETTINGS for pair in scripted[setting]]
    own_form = [reply for _, reply in pairs if reply.startswith('{"name"')]  # right for a client, not for a pattern
    ours = mean(right(pairs)["tool_acc"])
    assert own_form and score[0] == "pattern"
    assert score[1]["accuracy"] == pytest.approx(ours - len(own_form) / len(pairs))


def test_inspect_names_what_is_wrong_with_a_dataset_in_one_sentence(tmp_path):
    programs = environment("inspect", "inspect-ai")
    command = [programs / "inspect", "eval", "petoolbench/chronological", "-T", "dataset=nothing"]
    printed = run(*command, "--model", "mockllm/model", folder=tmp_path, code=1)
    assert "Error: there is no dataset folder nothing/ here" in printed
    assert "Traceback" not in printed
