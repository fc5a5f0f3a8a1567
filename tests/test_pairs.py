"""Preference pairs: which sampled calls make one, and the folder that trainer/pairs.py leaves."""

import json
import os
import subprocess
import sys
from pathlib import Path

import datasets
import pytest
from conftest import ROOT
from hypothesis import given
from hypothesis import strategies as st
from petoolkit.builder.dataset_folder import write_dataset
from rows import CITY, DATASET_FACTS, past_call, reply, row, tool
from script_options import run_script
from scripted_server import ScriptedServer
from tiny_model import make_tiny_model

from petoolbench import SETTINGS, InputError, render_messages
from petoolkit.call_parameters import has_right_parameters
from petoolkit.evaluator.chat_rows import gold_call
from petoolkit.replies import parse_reply
from petoolkit.scoring import is_right_tool, read_gold_call
from petoolkit.training import pair_sampling
from petoolkit.training.pairing import NoPair, Pair, pair_of
from trainer import pairs

DAYS = {"name": "days", "type": "NUMBER", "description": "", "default": "1"}
ROW = row("u1", "preferred_only", "Aerwyn", [past_call("Aerwyn")])
GOLD = gold_call(ROW)

RIGHT = reply("Aerwyn")
RIGHT_SPACED = '{"tool_name":"<Weather>.<Aerwyn>.<forecast>","parameters":{"city":"Oslo"}}'
FENCED = f"```json\n{RIGHT}\n```"
NOT_PREFERRED = reply("Cirrox")
OTHER_FUNCTION = reply("Dovarque", "{}", "convert")
NO_CANDIDATE = reply("Nimbus")
WRONG_NAMES = reply("Aerwyn", "{}")
WRONG_VALUE = reply("Aerwyn", '{"city": "Bergen"}')
PROSE = "I would ask Aerwyn for the forecast."


def test_chosen_is_the_right_call_sampled_most_and_rejected_the_not_preferred_one_sampled_most():
    said = [RIGHT, RIGHT_SPACED, f" {RIGHT_SPACED}\n", NOT_PREFERRED, reply("Cirrox", "{}"), reply("Cirrox", "{}")]
    assert pair_of(ROW, said, GOLD) == Pair(RIGHT_SPACED, "sampled", reply("Cirrox", "{}"), "TPM")


def test_a_not_preferred_tool_of_the_same_function_is_rejected_before_any_other_wrong_call():
    wrong = [WRONG_VALUE, WRONG_NAMES, NO_CANDIDATE, OTHER_FUNCTION, NOT_PREFERRED]
    rejected = []
    while wrong:
        pair = pair_of(ROW, [*wrong, RIGHT], GOLD)
        rejected.append((pair.rejected_from, pair.rejected))
        wrong.pop()
    kinds = ["TPM", "TFM", "TH", "PNM", "PVM"]
    texts = [NOT_PREFERRED, OTHER_FUNCTION, NO_CANDIDATE, WRONG_NAMES, WRONG_VALUE]
    assert rejected == list(zip(kinds, texts, strict=True))


def test_reasoning_that_the_template_opened_is_kept_with_sampled_calls_and_left_out_beside_the_gold_call():
    def thought(call):
        return f"<think>\nThe user likes Aerwyn.\n</think>\n\n{call}"

    both = pair_of(ROW, [thought(RIGHT), thought(NOT_PREFERRED)], GOLD)
    assert both == Pair(thought(RIGHT), "sampled", thought(NOT_PREFERRED), "TPM")
    assert pair_of(ROW, [thought(NOT_PREFERRED)], GOLD) == Pair(GOLD, "gold", NOT_PREFERRED, "TPM")
    prose = thought(f"Here: {RIGHT}")
    assert pair_of(ROW, [prose, NOT_PREFERRED], GOLD) == Pair(GOLD, "gold", NOT_PREFERRED, "TPM")


@pytest.mark.parametrize("right_but_not_plain", [FENCED, f"Here: {RIGHT}", RIGHT.replace("}}", "} }"), f"[{RIGHT}]"])
def test_the_gold_call_is_chosen_where_no_right_one_was_written_as_asked(right_but_not_plain):
    assert pair_of(ROW, [right_but_not_plain, NOT_PREFERRED], GOLD) == Pair(GOLD, "gold", NOT_PREFERRED, "TPM")


def test_what_only_the_robust_reader_takes_as_right_is_neither_chosen_nor_rejected():
    tools = [tool("Aerwyn", "forecast", "Forecast", "", [CITY, DAYS]), tool("Cirrox", "forecast", "Forecast")]
    numbered = {**row("u1", "preferred_only", "Aerwyn", candidates=tools)}
    numbered["tool_call"] = {**numbered["tool_call"], "parameters": '{"city": "Oslo", "days": 3}'}
    as_text = reply("Aerwyn", '{"city": "Oslo", "days": "3"}')
    assert pair_of(numbered, [as_text], gold_call(numbered)) is NoPair.TIE
    chosen = pair_of(numbered, [as_text, NOT_PREFERRED], gold_call(numbered)).chosen
    assert json.loads(chosen)["parameters"] == {"city": "Oslo", "days": 3}


@pytest.mark.parametrize(
    ("replies", "reason"),
    [
        ([RIGHT, RIGHT_SPACED, FENCED], NoPair.TIE),
        ([RIGHT, PROSE, None], NoPair.TIE),
        ([PROSE, "", None], NoPair.NO_CALL),
        ([None, None], NoPair.NO_REPLY),
    ],
)
def test_a_row_without_a_wrong_call_gives_no_pair_and_says_why(replies, reason):
    assert pair_of(ROW, replies, GOLD) is reason


ANY_REPLY = st.sampled_from(
    [RIGHT, RIGHT_SPACED, FENCED, NOT_PREFERRED, OTHER_FUNCTION, NO_CANDIDATE, WRONG_NAMES, WRONG_VALUE, PROSE, None]
)


@given(st.lists(ANY_REPLY, min_size=1, max_size=8))
def test_chosen_is_always_right_and_rejected_always_a_wrong_call(replies):
    gold = read_gold_call(ROW["tool_call"])
    pair = pair_of(ROW, replies, GOLD)
    if isinstance(pair, NoPair):
        assert not {NOT_PREFERRED, OTHER_FUNCTION, NO_CANDIDATE, WRONG_NAMES, WRONG_VALUE} & set(replies)
        return
    assert pair.chosen != pair.rejected
    for reader in ("robust", "paper"):
        chosen = parse_reply(pair.chosen, reader)
        assert is_right_tool(chosen, gold)
        assert has_right_parameters(chosen, gold, reader)
    rejected = parse_reply(pair.rejected)
    assert not (is_right_tool(rejected, gold) and has_right_parameters(rejected, gold))
    if NOT_PREFERRED in replies:
        assert pair.rejected == NOT_PREFERRED


# --- the script -----------------------------------------------------------------------------------------------------


def example(user, setting, provider, calls=3):
    rating = 1 if setting == "rating_integrated" else None
    return row(user, setting, provider, [past_call(provider, rating)] * calls)


TRAIN = [example(f"u{n}", setting, ("Aerwyn", "Cirrox")[n % 2]) for n in range(10) for setting in SETTINGS]
TEST = [example("t1", setting, "Aerwyn") for setting in SETTINGS]


@pytest.fixture(scope="module")
def dataset(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("dataset") / "petoolbench"
    write_dataset(folder, [("train", one) for one in TRAIN] + [("test", one) for one in TEST], lambda: DATASET_FACTS)
    return folder


@pytest.fixture(autouse=True)
def _key(monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "unused")


def make_pairs(dataset: Path, out: Path, *more: object, model: str = "baseline:random") -> None:
    run_script(pairs, {"dataset_name": dataset, "output_dir": out, "model": model, "samples": 4}, *more)


@pytest.fixture(scope="module")
def made(dataset, tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("made") / "pairs"
    make_pairs(dataset, out, "--validation_share", 0.2)
    return out


def test_it_loads_with_load_dataset_as_conversations(made):
    loaded = datasets.load_dataset(str(made))
    rows = {one["id"]: one for one in TRAIN}
    for split in loaded.values():
        for pair in split:
            assert pair["prompt"] == render_messages(rows[pair["id"]])
            assert [message["role"] for message in pair["chosen"] + pair["rejected"]] == ["assistant", "assistant"]
            assert pair["chosen"] != pair["rejected"]
    users = {name: set(split["user_id"]) for name, split in loaded.items()}
    assert users["train"]
    assert len(users["validation"]) <= 2
    assert not users["train"] & users["validation"]


def test_every_row_is_counted_once_and_every_pair_is_there(made):
    counts = json.loads((made / "pairs.json").read_text())
    loaded = datasets.load_dataset(str(made))
    assert counts["all"]["rows"] == len(TRAIN)
    assert sum(counts[setting]["rows"] for setting in SETTINGS) == len(TRAIN)
    for found in counts.values():
        assert found["rows"] == found["pairs"] + sum(found[reason.name] for reason in NoPair)
        assert found["pairs"] == found["sampled"] + found["gold"]
        assert found["pairs"] == sum(found[error] for error in ("TPM", "TFM", "TH", "PNM", "PVM"))
    assert counts["all"]["pairs"] == sum(map(len, loaded.values()))
    kinds = [kind for split in loaded.values() for kind in split["rejected_from"]]
    assert kinds.count("TPM") == counts["all"]["TPM"] > 0
    assert f"| pairs | {counts['all']['pairs']} |" in (made / "README.md").read_text()


def test_the_card_names_no_folder_of_this_machine(made, dataset):
    card = (made / "README.md").read_text()
    assert "`petoolbench`" in card
    assert str(dataset.parent) not in card


def test_a_stopped_run_asks_only_about_what_has_no_reply_yet(dataset, tmp_path, made, monkeypatch):
    make_pairs(dataset, tmp_path, "--validation_share", 0.2)
    complete = (tmp_path / "predictions.jsonl").read_text()
    lines = complete.splitlines()
    kept = lines[:50]
    (tmp_path / "predictions.jsonl").write_text("\n".join(kept) + '\n{"id": "u3/chro')
    asked = []
    make = pair_sampling.make_model

    def counting(*args):
        model = make(*args)
        answer = model.answer_all
        model.answer_all = lambda prompts: (asked.extend(prompts), answer(prompts))[1]
        return model

    monkeypatch.setattr(pair_sampling, "make_model", counting)
    make_pairs(dataset, tmp_path, "--validation_share", 0.2)
    missing = {(line["id"], line["repeat"]) for line in map(json.loads, lines[50:])}
    assert {(prompt.row_id, prompt.repeat) for prompt in asked} == missing
    assert len(asked) == len(missing)
    assert [_without_time(line) for line in (tmp_path / "predictions.jsonl").read_text().splitlines()] == [
        _without_time(line) for line in lines
    ]
    assert _content(tmp_path) == _content(made)


def _without_time(line: str) -> dict:
    return {key: value for key, value in json.loads(line).items() if key != "seconds"}


def _content(folder: Path) -> list[dict]:
    return [pair for split in datasets.load_dataset(str(folder)).values() for pair in split]


def test_a_folder_of_another_models_pairs_is_refused(dataset, made):
    with pytest.raises(InputError, match="another evaluation: model is 'baseline:random' there"):
        make_pairs(dataset, made, model="baseline:lexical")


def test_an_address_that_the_model_does_not_read_is_refused(dataset, tmp_path):
    with pytest.raises(InputError, match="baseline:random does not read --base-url"):
        make_pairs(dataset, tmp_path, "--base_url", "http://127.0.0.1:1/v1")


def test_no_more_rows_than_max_samples_are_asked_about_beside_those_kept_out(dataset, tmp_path):
    make_pairs(dataset, tmp_path, "--validation_share", 0.2, "--max_samples", 6)
    asked = {json.loads(line)["id"] for line in (tmp_path / "predictions.jsonl").read_text().splitlines()}
    assert len(asked) == 6 + 2 * 3  # of two of ten users, in three settings, none is trained on
    counts = json.loads((tmp_path / "pairs.json").read_text())
    assert all(2 + 1 <= counts[setting]["rows"] <= 2 + 3 for setting in SETTINGS)  # mixed evenly, but for who is out


@pytest.mark.slow
def test_two_processes_share_the_rows_and_make_the_same_pairs(dataset, made, tmp_path):
    words = ["--dataset_name", dataset, "--output_dir", tmp_path, "--model", "baseline:random", "--samples", 4]
    launch = [sys.executable, "-m", "torch.distributed.run", "--nproc_per_node", 2, "--master_port", 29_571]
    command = [*launch, ROOT / "trainer" / "pairs.py", *words, "--validation_share", 0.2]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr
    assert not list(tmp_path.glob("predictions.rank*"))
    assert _content(tmp_path) == _content(made)


def test_long_histories_lose_their_oldest_calls_and_rows_that_never_fit_are_named(tmp_path, dataset):
    """By the endpoint's rule of 3.8 characters a token."""
    history = [{**past_call("Aerwyn"), "instruction": f"{n} " + "x" * 400} for n in range(5)]
    long = {**example("u1", "preferred_only", "Aerwyn"), "history": history, "history_length": 5}
    huge = {**example("u2", "preferred_only", "Aerwyn"), "instruction": "y" * 9_000}
    write_dataset(tmp_path / "long", [("train", long), ("test", TEST[0])], lambda: DATASET_FACTS)
    write_dataset(tmp_path / "huge", [("train", long), ("train", huge), ("test", TEST[0])], lambda: DATASET_FACTS)
    options = ("--settings", "preferred_only", "--window", 750)
    with ScriptedServer(lambda body: reply("Cirrox")) as server:
        more = (*options, "--base_url", server.url)
        make_pairs(tmp_path / "long", tmp_path / "pairs", *more, model="openai:tiny")
        with pytest.raises(InputError, match=r"1 rows are longer than the window of 750 .*\(u2/preferred_only\)"):
            make_pairs(tmp_path / "huge", tmp_path / "refused", *more, model="openai:tiny")
        make_pairs(tmp_path / "huge", tmp_path / "allowed", *more, "--max_unfit_rows", 1, model="openai:tiny")
    (pair,) = datasets.load_dataset(str(tmp_path / "pairs"))["train"]
    kept = len(pair["history"])
    assert 0 < kept < 5
    assert [call["instruction"][0] for call in pair["history"]] == [str(n) for n in range(5 - kept, 5)]
    assert pair["history_length"] == kept
    assert pair["prompt"] == render_messages({**long, "history": history[-kept:]})
    counts = json.loads((tmp_path / "allowed" / "pairs.json").read_text())["all"]
    assert (counts["rows"], counts["pairs"], counts["TOO_LONG"]) == (2, 1, 1)


def test_an_endpoint_is_asked_as_often_as_there_are_samples(dataset, tmp_path):
    with ScriptedServer(lambda body: reply("Cirrox")) as server:
        make_pairs(dataset, tmp_path, "--base_url", server.url, model="openai:tiny")
        assert len(server.requests) == len(TRAIN) * 4
    pairs_made = datasets.load_dataset(str(tmp_path))["train"]
    # Where Cirrox is preferred every call is right; elsewhere it is the rejected one.
    assert set(pairs_made["user_id"]) == {f"u{n}" for n in range(0, 10, 2)}
    assert {pair["rejected"][0]["content"] for pair in pairs_made} == {reply("Cirrox")}
    assert set(pairs_made["chosen_from"]) == {"gold"}


def test_a_model_in_this_process_is_sampled_and_what_is_no_call_gives_no_pair(dataset, tmp_path):
    texts = [message["content"] for message in render_messages(ROW)]
    base = make_tiny_model(tmp_path / "base", texts, hidden_size=16, intermediate_size=32)
    options = ("--max_new_tokens", 4, "--samples", 2)
    with pytest.raises(InputError, match=f"no row gave a pair .*no reply is a call: {len(TRAIN)}"):
        make_pairs(dataset, tmp_path / "pairs", *options, model=f"hf:{base}")
    lines = [json.loads(line) for line in (tmp_path / "pairs" / "predictions.jsonl").read_text().splitlines()]
    assert len(lines) == len(TRAIN) * 2
    by_row = {}
    for line in lines:
        by_row.setdefault(line["id"], set()).add(line["reply"])
    assert any(len(replies) == 2 for replies in by_row.values())  # sampled, not greedy


@pytest.mark.parametrize("more", [("--temperature", 0), ("--samples", 0)])
def test_options_that_sample_nothing_are_refused(dataset, tmp_path, more):
    with pytest.raises(InputError, match="nothing to compare without sampling"):
        make_pairs(dataset, tmp_path, *more)


def test_rows_of_users_in_the_test_split_are_refused(tmp_path):
    both = [("train", example("u1", "preferred_only", "Aerwyn")), ("test", example("u1", "chronological", "Aerwyn"))]
    write_dataset(tmp_path / "petoolbench", both, lambda: DATASET_FACTS)
    with pytest.raises(InputError, match="1 user of the rows to train on are in the test split"):
        make_pairs(tmp_path / "petoolbench", tmp_path / "pairs", "--settings", "preferred_only")
