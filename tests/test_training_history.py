"""`history: METHOD` in training: rows, pairs and adapters show the same past calls; the record says which."""

import json
from pathlib import Path

import datasets
import pytest
from petoolkit.builder.dataset_folder import write_dataset
from rows import DATASET_FACTS, past_call, reply, row
from script_options import ON_CPU, run_script
from scripted_server import ScriptedServer
from tiny_model import make_tiny_model

from petoolbench import InputError, render_messages
from petoolkit.evaluator.models.trained_chat import trained_chat
from petoolkit.training.arguments import DataArguments
from petoolkit.training.training_record import TrainingRecord
from petoolkit.training.training_rows import choose_rows
from trainer import dpo, pairs, sft

CALLS = [past_call(f"P{number}") for number in range(4)]
TRAIN = [row(f"u{number}", "chronological", ("Aerwyn", "Cirrox")[number % 2], CALLS) for number in range(4)]
TEST = [row("t1", "chronological", "Aerwyn", CALLS)]

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="module")
def dataset(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("dataset") / "petoolbench"
    write_dataset(folder, [("train", one) for one in TRAIN] + [("test", one) for one in TEST], lambda: DATASET_FACTS)
    return folder


def chosen(dataset, history):
    return choose_rows(DataArguments(dataset_name=str(dataset), history=history), seed=0).rows


def test_rows_have_the_calls_that_the_method_shows(dataset):
    for history, shown in (("full", CALLS), ("last:2", CALLS[2:]), ("none", [])):
        assert [one["history"] for one in chosen(dataset, history)] == [shown] * len(TRAIN)


def test_a_method_that_does_not_exist_is_refused(dataset):
    with pytest.raises(InputError, match="unknown history method 'best'"):
        chosen(dataset, "best")


def test_what_an_adapter_was_trained_with_is_compared_with_what_prompts_show(tmp_path):
    (tmp_path / "training.json").write_text(json.dumps({"history": "python:memory.py:make"}))
    assert trained_chat(str(tmp_path)).history_notes("python:/home/me/memory.py:make") == []
    (note,) = trained_chat(str(tmp_path)).history_notes("full")
    assert note.endswith("was trained with history python:memory.py:make, and its prompts have history full.")


@pytest.mark.slow
def test_sft_pairs_and_dpo_show_the_same_calls_and_evaluate_says_when_it_differs(dataset, tmp_path, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "unused")
    texts = [message["content"] for one in TRAIN for message in render_messages(one)]
    base = make_tiny_model(tmp_path / "base", texts, hidden_size=16, intermediate_size=32)
    common = {**ON_CPU, "model_name_or_path": base, "lora_r": 2, "max_steps": 1}

    def trained(script, **given):
        run_script(script, {**common, **given})
        return TrainingRecord.read(given["output_dir"])

    record = trained(sft, dataset_name=dataset, output_dir=tmp_path / "sft", history="last:1")
    assert record.history == "last:1" and "history" not in record.options
    card = (tmp_path / "sft" / "README.md").read_text()
    assert "--history last:1 --out results" in card and "| `last:1` |" in card

    with ScriptedServer(lambda body: reply("Cirrox")) as server:
        sampled = {"dataset_name": dataset, "model": "openai:m", "base_url": server.url, "samples": 1}
        run_script(pairs, {**sampled, "output_dir": tmp_path / "pairs", "history": "last:1"})
        expected = render_messages({**TRAIN[0], "history": CALLS[3:]})
        assert all(body["messages"] == expected for body in server.requests)
    made = datasets.load_dataset(str(tmp_path / "pairs"))["train"]
    assert made["history_length"] == [1, 1] and made["prompt"][0] == expected

    given = {"dataset_name": tmp_path / "pairs", "output_dir": tmp_path / "dpo", "sft_adapter": tmp_path / "sft"}
    assert trained(dpo, **given).history == "last:1"
    found = trained_chat(str(tmp_path / "dpo"))
    assert found.history_notes("last:1") == []
    (note,) = found.history_notes("full")
    assert note.endswith("was trained with history last:1, and its prompts have history full.")


def test_an_earlier_adapters_record_says_nothing_of_it(tmp_path):
    (tmp_path / "training.json").write_text(json.dumps({"chat_template_hash": "0" * 16}))
    assert trained_chat(str(tmp_path)).history_notes("last:1") == []
