"""`petoolbench export`: datasets in other people's forms, loaded by their own code where it is installed."""

import json
import re
import subprocess
import sys
from pathlib import Path

import datasets
import pytest
from click.testing import CliRunner
from petoolkit.builder.dataset_folder import write_dataset
from rows import CITY, DATASET_FACTS, past_call, reply, row, tool
from tiny_model import make_tiny_model

from petoolbench import SETTINGS, InputError, parse_reply, render_messages
from petoolbench_cli import main
from petoolkit.evaluator.chat_rows import chat_row, gold_call
from petoolkit.evaluator.models.native_tools import NativeTools
from petoolkit.evaluator.prompts.window import shown_messages
from petoolkit.exporter.bfcl_form import bfcl_answer, bfcl_question
from petoolkit.exporter.export_dataset import export_dataset
from petoolkit.exporter.export_forms import FORMS
from petoolkit.training.pair_dataset import count_pairs, pair_record, write_pairs
from petoolkit.training.pairing import Pair

BY_SPLIT = [name for name in FORMS if name not in ("bfcl", "lm-eval", "every-eval-ever")]  # forms with a file a split


def rows_of(user, gold="Aerwyn"):
    return [row(user, s, gold, [past_call("Cirrox", 1 if s == "rating_integrated" else None)]) for s in SETTINGS]


def without_preference():
    known = row("u9", "chronological", "Cirrox")
    both = known["same_function_tools"]
    return {**known, "id": "u9-no-preference/chronological", "kind": "no_preference", "acceptable_tools": both}


ROWS = [
    *(("train", one) for one in rows_of("u1")),
    *(("test", one) for one in rows_of("u2", "Cirrox")),
    ("test", without_preference()),
]


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    folder = tmp_path_factory.mktemp("bench") / "bench"
    write_dataset(folder, ROWS, lambda: DATASET_FACTS)
    return str(folder)


@pytest.fixture
def lines(dataset, tmp_path):
    """Exports and reads a form's files: by file, the objects in it."""

    def lines(form, of=dataset):
        export_dataset(form, of, tmp_path / form)
        files = sorted(file for file in (tmp_path / form).rglob("*") if file.suffix in (".jsonl", ".json"))
        return {
            file.relative_to(tmp_path / form).as_posix(): [json.loads(line) for line in file.read_text().splitlines()]
            for file in files
        }

    return lines


def of_split(split):
    return [one for name, one in ROWS if name == split]


@pytest.mark.parametrize("form", [name for name in BY_SPLIT if name not in ("trl-dpo", "trl-dpo-tools", "axolotl")])
def test_every_row_is_in_the_file_of_its_split_with_its_config(lines, form):
    found = lines(form)
    assert sorted(found) == ["test.jsonl", "train.jsonl"]
    for split in ("train", "test"):
        expected = {(one["id"], "selectivity" if one["kind"] != "preference" else one["id"].partition("/")[2])
                    for one in of_split(split)}  # fmt: skip
        assert {(line["id"], line["config"]) for line in found[f"{split}.jsonl"]} == expected


@pytest.mark.parametrize(
    "form", [name for name in BY_SPLIT if name not in ("jsonl", "trl-sft-tools", "trl-dpo-tools")]
)
def test_prompts_are_byte_for_byte_ours(lines, form):
    expected = {json.dumps(render_messages(one)) for split in ("train", "test") for one in of_split(split)}
    for file in lines(form).values():
        for line in file:
            assert json.dumps(line["prompt"] if "prompt" in line else line["messages"][:-1]) in expected


def test_sft_rows_end_in_the_gold_call(lines):
    found = lines("trl-sft")
    for split in ("train", "test"):
        gold = {one["id"]: gold_call(one) for one in of_split(split)}
        assert len(found[f"{split}.jsonl"]) == len(gold)
        for line in found[f"{split}.jsonl"]:
            assert line["completion"] == [{"role": "assistant", "content": gold[line["id"]]}]


def test_native_rows_have_the_functions_and_a_call_of_one(lines):
    for line in lines("trl-sft-tools")["train.jsonl"]:
        row = next(one for one in of_split("train") if one["id"] == line["id"])
        native = NativeTools(row["candidate_tools"])
        assert json.loads(line["tools"]) == native.functions()
        assert line["prompt"] == render_messages(row, native_tools=True)
        (called,) = line["completion"][0]["tool_calls"]
        back = native.reply_of(called["function"]["name"], json.dumps(called["function"]["arguments"]))
        assert back == gold_call(row)


def test_preferences_are_the_gold_call_against_that_of_each_rival(dataset, tmp_path):
    counts = export_dataset("trl-dpo", dataset, tmp_path / "dpo")
    assert counts == {"train.jsonl": 3, "test.jsonl": 3, "rows without another tool to reject": 1}
    for line in map(json.loads, (tmp_path / "dpo" / "train.jsonl").read_text().splitlines()):
        assert line["chosen"] == [{"role": "assistant", "content": reply("Aerwyn")}]
        assert line["rejected"] == [{"role": "assistant", "content": reply("Cirrox")}]


def test_native_preferences_have_the_functions_and_calls_of_two(lines, dataset):
    plain = lines("trl-dpo", dataset)["train.jsonl"]
    native = lines("trl-dpo-tools", dataset)["train.jsonl"]
    assert len(native) == len(plain) == 3
    for text, line in zip(plain, native, strict=True):
        row = next(one for one in of_split("train") if one["id"] == line["id"])
        tools = NativeTools(row["candidate_tools"])
        assert json.loads(line["tools"]) == tools.functions()
        assert line["prompt"] == render_messages(row, native_tools=True)
        for side in ("chosen", "rejected"):
            (called,) = line[side][0]["tool_calls"]
            back = tools.reply_of(called["function"]["name"], json.dumps(called["function"]["arguments"]))
            assert back == text[side][0]["content"]


def test_a_pair_whose_reply_is_no_call_has_no_native_form(tmp_path):
    of_pairs = [row("u1", "chronological", "Aerwyn")]
    pairs = [Pair(reply("Aerwyn"), "sampled", "nothing", "TH")]
    (tmp_path / "pairs").mkdir()
    records = {"train": [pair_record(of_pairs[0], pairs[0])], "validation": []}
    write_pairs(tmp_path / "pairs", records, count_pairs(of_pairs, pairs), {})
    with pytest.raises(
        InputError, match=r"^u1/chronological: the reply rejected holds no call; export the form trl-dpo"
    ):
        export_dataset("trl-dpo-tools", str(tmp_path / "pairs"), tmp_path / "out")


def test_sampled_pairs_stay_as_they_are(tmp_path, lines):
    of_pairs = [row("u1", "chronological", "Aerwyn"), row("u2", "chronological", "Cirrox")]
    pairs = [Pair("good one", "sampled", "bad one", "TPM"), Pair("good two", "gold", "bad two", "TH")]
    records = {"train": [pair_record(of_pairs[0], pairs[0])], "validation": [pair_record(of_pairs[1], pairs[1])]}
    (tmp_path / "pairs").mkdir()
    write_pairs(tmp_path / "pairs", records, count_pairs(of_pairs, pairs), {"samples a row": 4})
    found = lines("trl-dpo", str(tmp_path / "pairs"))
    assert {name: [(line["chosen"][0]["content"], line["rejected"][0]["content"]) for line in file]
            for name, file in found.items()} == {
        "train.jsonl": [("good one", "bad one")], "validation.jsonl": [("good two", "bad two")]
    }  # fmt: skip
    assert found["train.jsonl"][0]["prompt"] == shown_messages(of_pairs[0])


def test_rewards_get_what_they_judge_by(lines):
    line = next(line for line in lines("trl-grpo")["test.jsonl"] if line["config"] == "selectivity")
    source = without_preference()
    assert {name: line[name] for name in line if name not in ("prompt", "id", "config")} == {
        "gold_tool": "<Weather>.<Cirrox>.<forecast>",
        "gold_parameters": '{"city": "Oslo"}',
        "acceptable_tools": source["same_function_tools"],
        "same_function_tools": source["same_function_tools"],
        "candidate_tools": [one["tool_name"] for one in source["candidate_tools"]],
    }


def test_axolotl_lines_are_conversations_that_end_with_the_assistant(lines):
    found = lines("axolotl")["train.jsonl"]
    assert [set(line) for line in found] == [{"messages"}] * 3
    for line in found:
        assert [message["role"] for message in line["messages"]] == ["system", "user", "assistant"]
        assert all(set(message) == {"role", "content"} for message in line["messages"])
        assert parse_reply(line["messages"][-1]["content"]).tool_name == "<Weather>.<Aerwyn>.<forecast>"


def test_json_lines_have_the_columns_of_chat(lines):
    found = lines("jsonl")["test.jsonl"]
    sources = {one["id"]: one for one in of_split("test")}
    for line in found:
        assert {name: value for name, value in line.items() if name != "config"} == chat_row(sources[line["id"]])


# --- BFCL ---


def test_bfcl_questions_and_answers_belong_together(lines, dataset, tmp_path):
    found = lines("bfcl")
    assert sorted(found) == sorted(
        f"{setting}/{folder}BFCL_v4_multiple.json" for setting in SETTINGS for folder in ("", "possible_answer/")
    )
    (question,) = found["chronological/BFCL_v4_multiple.json"]
    (answer,) = found["chronological/possible_answer/BFCL_v4_multiple.json"]
    assert question["id"] == answer["id"] == "multiple_0"
    assert question["source_id"] == "u2/chronological"
    assert [turn["role"] for turn in question["question"][0]] == ["system", "user"]
    assert [set(function) for function in question["function"]] == [{"name", "description", "parameters"}] * 4
    assert question["function"][0]["parameters"] == {
        "type": "dict",
        "properties": {"city": {"type": "string", "default": "Paris"}},
        "required": ["city"],
    }
    assert question["function"][2]["parameters"] == {"type": "dict", "properties": {}, "required": []}
    assert answer["ground_truth"] == [{"Weather_Cirrox_forecast": {"city": ["Oslo"]}}]
    assert export_dataset("bfcl", dataset, tmp_path / "again")["rows left out, since several tools are right"] == 1


def documented(name, kind, schema=None, default=None):
    return {"name": name, "type": kind, "description": "", "default": default, "schema": schema}


def test_bfcl_has_its_own_names_of_types_and_lists_of_possible_values():
    inner = '{"type": "object", "properties": {"n": {"type": ["number", "null"]}}, "required": ["n"]}'
    gold = tool("Aerwyn", "forecast", "x", required=[CITY, documented("spot", "OBJECT", inner)])
    gold["optional_parameters"] = [
        documented("days", "NUMBER", default="3"),
        documented("units", "STRING", default='"metric"'),
        documented("tags[]", "ARRAY", '{"type": "array", "items": {"type": "object"}}'),
        documented("other", "", None),
    ]
    call = {"city": "Oslo", "spot": {"n": 1.5}, "days": 3, "tags[]": [{"a": 1}]}
    made = row("u1", "chronological", "Aerwyn", candidates=[gold]) | {
        "tool_call": {"tool_name": gold["tool_name"], "parameters": json.dumps(call)}
    }
    parameters = bfcl_question(made, 7)["function"][0]["parameters"]
    assert {name: one["type"] for name, one in parameters["properties"].items()} == {
        "city": "string", "spot": "dict", "days": "float", "units": "string", "tags": "array", "other": "any"
    }  # fmt: skip
    assert parameters["properties"]["spot"]["properties"] == {"n": {"type": "float"}}
    assert parameters["properties"]["tags"]["items"] == {"type": "dict"}
    assert parameters["required"] == ["city", "spot"]
    assert bfcl_answer(made, 7)["ground_truth"] == [
        {
            "Weather_Aerwyn_forecast": {
                "city": ["Oslo"],
                "spot": [{"n": [1.5]}],
                "days": [3, ""],
                "units": ["metric", ""],
                "tags": [[{"a": [1]}]],
                "other": [""],
            }
        }
    ]


# --- TRL's own code ---


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    texts = [message["content"] for one in rows_of("u1") for message in render_messages(one)] + [reply("Aerwyn")]
    return str(make_tiny_model(tmp_path_factory.mktemp("tiny") / "model", texts))


def loaded(folder, split="train"):
    return datasets.load_dataset("json", data_files=str(folder / f"{split}.jsonl"), split="train").select(range(2))


def test_trl_prepares_the_rows_for_sft_and_trains_on_the_call_only(dataset, tiny, tmp_path):
    from transformers import AutoTokenizer
    from trl import SFTConfig, SFTTrainer

    export_dataset("trl-sft", dataset, tmp_path / "sft")
    config = SFTConfig(str(tmp_path / "run"), max_length=None, use_cpu=True, bf16=False, report_to="none")
    rows = loaded(tmp_path / "sft")
    trainer = SFTTrainer(tiny, config, train_dataset=rows)
    assert len(trainer.train_dataset) == 2
    tokenizer = AutoTokenizer.from_pretrained(tiny)
    batch = trainer.data_collator([trainer.train_dataset[0]])
    trained = batch["input_ids"][0][batch["labels"][0] != -100]
    assert tokenizer.decode(trained, skip_special_tokens=True).strip() == reply("Aerwyn")
    text = tokenizer.decode(batch["input_ids"][0])
    assert all(message["content"] in text for message in rows[0]["prompt"])


def test_trl_prepares_the_pairs_for_dpo(dataset, tiny, tmp_path):
    from transformers import AutoTokenizer
    from trl import DPOConfig, DPOTrainer

    export_dataset("trl-dpo", dataset, tmp_path / "dpo")
    config = DPOConfig(str(tmp_path / "run"), max_length=None, use_cpu=True, bf16=False, report_to="none")
    trainer = DPOTrainer(tiny, args=config, train_dataset=loaded(tmp_path / "dpo"),
                         processing_class=AutoTokenizer.from_pretrained(tiny))  # fmt: skip
    decode = trainer.processing_class.decode
    first = trainer.train_dataset[0]
    assert decode(first["chosen_ids"], skip_special_tokens=True).strip() == reply("Aerwyn")
    assert decode(first["rejected_ids"], skip_special_tokens=True).strip() == reply("Cirrox")


# --- the command ---


def test_the_command_says_what_it_wrote_and_lists_the_forms(dataset, tmp_path):
    done = CliRunner().invoke(main, ["export", "trl-dpo", dataset, "--out", str(tmp_path / "out")])
    assert done.exit_code == 0, done.output
    assert "train.jsonl: 3" in done.output and "rows without another tool to reject: 1" in done.output
    shown = CliRunner().invoke(main, ["export", "--help"]).output
    assert all(name in shown for name in FORMS)


@pytest.mark.parametrize(
    ("form", "out", "sentence"),
    [
        ("sharegpt", "out", f"unknown form 'sharegpt'; choose one of: {', '.join(FORMS)}."),
        ("jsonl", "full", "is there already; give another --out folder"),
        ("jsonl", "file", "is there already; give another --out folder"),
    ],
)
def test_bad_input_is_one_sentence_and_nothing_is_written(dataset, tmp_path, form, out, sentence):
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine.txt").write_text("x")
    (tmp_path / "file").write_text("x")
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(InputError, match=re.escape(sentence)):
        export_dataset(form, dataset, tmp_path / out)
    assert sorted(tmp_path.rglob("*")) == before


def test_an_export_into_the_dataset_is_refused(dataset):
    with pytest.raises(InputError, match="is in the dataset's folder"):
        export_dataset("jsonl", dataset, Path(dataset) / "out")


def test_a_dataset_without_rows_for_a_form_is_named(tmp_path):
    write_dataset(tmp_path / "bench", [("train", one) for one in rows_of("u1")], lambda: DATASET_FACTS)
    with pytest.raises(InputError, match="has no rows for the form bfcl"):
        export_dataset("bfcl", str(tmp_path / "bench"), tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_the_help_does_not_load_what_exports_need():
    code = "import sys, petoolbench_cli; print([m for m in ('datasets', 'torch', 'trl') if m in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout.strip() == "[]"
