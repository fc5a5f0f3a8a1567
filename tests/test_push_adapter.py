"""Adapters on the Hub: what a training run pushes when asked, and what plain `peft` and an evaluation load back."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import ROOT
from hub_process import HubProcess, in_fresh_home
from hub_stand_in import TOKEN, HubStandIn
from petoolkit.builder.dataset_folder import write_dataset
from rows import DATASET_FACTS, past_call, row
from script_options import ON_CPU, option_words
from tiny_model import make_tiny_model

from petoolbench import SETTINGS, render_messages

PUSHED = {
    "README.md",
    "adapter_config.json",
    "adapter_model.safetensors",
    "chat_template.jinja",
    "tokenizer.json",
    "tokenizer_config.json",
    "training.json",
}


def made(user, setting):
    return row(user, setting, "Aerwyn", [past_call("Aerwyn", 1 if setting == "rating_integrated" else None)])


TRAIN = [made(user, setting) for user in ("u1", "u2") for setting in SETTINGS]
TEST = [made("t1", setting) for setting in SETTINGS]


@pytest.fixture(scope="module")
def hub():
    with HubStandIn() as hub:
        yield hub


@pytest.fixture(scope="module")
def base(tmp_path_factory) -> Path:
    texts = [message["content"] for each in TRAIN for message in render_messages(each)]
    return make_tiny_model(tmp_path_factory.mktemp("made") / "tiny-base", texts, hidden_size=16, intermediate_size=32)


@pytest.fixture(scope="module")
def dataset(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("built") / "petoolbench"
    gold = {"tool_call": {**TEST[0]["tool_call"], "tool_name": "<Weather>.<Cirrox>.<forecast>"}}
    test = [("test", {**one, **gold}) for one in TEST]
    write_dataset(folder, [("train", one) for one in TRAIN] + test, lambda: DATASET_FACTS)
    return folder


# Four runs in one process: nothing asked; pushed; pushed where the Hub fails at the end; the card pushed later.
_RUNS = """
import json, sys, urllib.request
import petoolkit.publisher.hub
from petoolbench import InputError
from petoolkit.training import adapter_card as card
from trainer import sft

petoolkit.publisher.hub.WAITS[:] = [0.01]
given = json.loads(sys.argv[1])

def mark(name):
    urllib.request.urlopen(f"{given['hub']}/api/models/me/marks/tree/main/{name}")

def train(name, *more):
    options = [*given["options"], "--output_dir", f"{given['out']}/{name}", *more]
    try:
        sft.main(*sft.make_parser().parse_args_and_config(options))
    except InputError as error:
        print(f"REFUSED {name}: {error}")

train("alone")
mark("pushed")
train("pushed", "--push_to_hub", "--hub_model_id", "me/adapter", "--hub_token", given["token"])
mark("failed")
train("failed", "--push_to_hub", "--hub_model_id", "me/broken")
train("refused", "--push_to_hub", "--hub_model_id", "other/adapter")
card.main([f"{given['out']}/alone", "--push_to_hub", "me/later"], standalone_mode=False)
"""


@pytest.fixture(scope="module")
def runs(hub, base, dataset, tmp_path_factory):
    """Output and folder of four training runs, and what each of them asked of the Hub."""
    out = tmp_path_factory.mktemp("runs")
    given = {**ON_CPU, "model_name_or_path": base, "dataset_name": dataset}
    words = option_words({**given, "lora_r": 4, "max_steps": 1, "logging_steps": 1})
    marks = {name: name.encode() for name in ("pushed", "failed")}
    hub.add("model", "me/marks", {f"{name}/x": mark for name, mark in marks.items()})
    hub.fail("POST /api/models/me/broken/commit/", (503, {}, "later"), times=100)
    done = subprocess.run(
        [sys.executable, "-c", _RUNS, json.dumps({"hub": hub.url, "options": words, "out": str(out), "token": TOKEN})],
        cwd=ROOT,
        env={**hub.environment(tmp_path_factory.mktemp("home") / "home"), "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3_000:]
    assert TOKEN not in done.stdout + done.stderr
    assert not [file for file in out.rglob("*") if file.is_file() and TOKEN.encode() in file.read_bytes()]
    return done.stdout, out


def test_nothing_leaves_the_machine_unless_asked(hub, runs):
    assert hub.requests[0] == "GET /api/models/me/marks/tree/main/pushed"


def test_a_run_pushes_adapter_tokenizer_card_and_curves_in_one_commit(hub, runs, base):
    (commit,) = hub.commits("model", "me/adapter")
    assert {*commit.changed} == {*PUSHED, "curves.png"}
    card = commit.files["README.md"].decode()
    assert 'PeftModel.from_pretrained(base, "me/adapter")' in card
    assert not any(str(base.parent).encode() in content for content in commit.files.values())
    assert json.loads(commit.files["adapter_config.json"])["base_model_name_or_path"] == "tiny-base"
    assert "The adapter's base is the local folder" in runs[0]


def test_a_push_that_fails_at_the_end_leaves_the_adapter_and_says_how_to_push_it_later(hub, runs):
    output, out = runs
    (message,) = re.findall("^REFUSED failed: (.*)$", output, re.MULTILINE)
    assert re.search(r"was not pushed: the Hub has a fault \(503\)", message)
    assert f"`petoolbench push adapter {out}/failed me/broken` pushes it later." in message
    assert {path.name for path in (out / "failed").iterdir()} >= PUSHED
    assert hub.commits("model", "me/broken") == []


def test_a_repository_that_is_refused_ends_the_run_before_training(runs):
    output, out = runs
    assert "REFUSED refused: this token may not write to the model other/adapter" in output
    assert not (out / "refused" / "adapter_model.safetensors").exists()


def test_a_card_written_later_is_pushed_with_its_adapter(hub, runs):
    card = hub.files("model", "me/later")["README.md"].decode()
    assert 'PeftModel.from_pretrained(base, "me/later")' in card
    assert {*hub.files("model", "me/later")} >= PUSHED


_LOAD = """
import json
import torch
from peft import PeftModel
from transformers import AutoModelForCausalLM, AutoTokenizer
from petoolkit.evaluator.models.hf_load import load_model

found = {}
for adapter in (%(pushed)r, %(here)r):
    ids = AutoTokenizer.from_pretrained(adapter)("Which tool forecasts?", return_tensors="pt")["input_ids"]
    plain = PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained(%(base)r), adapter).eval()
    evaluated = load_model(%(base)r, adapter, ids[0].tolist())
    with torch.no_grad():
        found[adapter] = [model(ids).logits[0, -1, :5].tolist() for model in (plain, evaluated)]
print(json.dumps([found[%(pushed)r], found[%(here)r]]))
"""


def test_a_pushed_adapter_loads_in_plain_peft_and_in_an_evaluation(hub, base, runs, tmp_path, monkeypatch):
    _, out = runs
    with HubProcess(hub, tmp_path / "worker") as petoolbench:
        done = petoolbench("push", "adapter", out / "alone", "me/alone")
        assert done.code == 0, done.output
        again = petoolbench("push", "adapter", out / "alone", "me/alone")
        assert "Nothing to push" in again.output
        assert "The adapter's base is the local folder" in done.output
        (out / "alone" / "README.md").write_text(f"petoolbench, see {ROOT}/notes")
        leaking = petoolbench("push", "adapter", out / "alone", "me/alone")
        assert (leaking.code, "README.md names a folder of this machine" in leaking.output) == (2, True)
        (out / "alone" / "README.md").unlink()
        without = petoolbench("push", "adapter", out / "alone", "me/alone")
        assert (
            without.code,
            "has no card; write one with python -m petoolkit.training.adapter_card" in without.output,
        ) == (2, True)
        assert petoolbench("push", "adapter", base, "me/alone").code == 2
    card = hub.files("model", "me/alone")["README.md"].decode()
    assert 'PeftModel.from_pretrained(base, "me/alone")' in card
    assert "+me/alone --dataset" in card
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    names = {"base": str(base), "pushed": "me/alone", "here": str(out / "alone")}
    pushed, here = in_fresh_home(hub, tmp_path / "there", _LOAD % names)
    assert pushed == here
