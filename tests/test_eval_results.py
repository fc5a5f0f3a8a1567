"""Scores for leaderboards on the Hub, read back by huggingface_hub: of pushed results, and beside an adapter."""

import datetime
import json
from types import SimpleNamespace
from unittest.mock import patch

import pytest
import yaml
from huggingface_hub import EvalResultEntry, parse_eval_result_entries
from report_folders import OPTIONS, folders, scores, with_tool_acc

from petoolbench import InputError
from petoolkit.evaluator.records import Scores
from petoolkit.publisher.eval_results import ADAPTER_RESULTS, eval_result
from petoolkit.publisher.eval_yaml import eval_yaml
from petoolkit.publisher.pack_adapter import pack_adapter
from petoolkit.publisher.pack_results import pack_results
from petoolkit.training.adapter_card import write_card
from petoolkit.training.training_record import TrainingRecord

COMMIT = "5503434ddd753f426f4b38109466949a1217c2bb"
ON_HUB = {"dataset": "me/bench", "revision": COMMIT, "started": "2026-11-26T10:00:00Z"}


def evaluated(model="openai:gpt-4o", **changes):
    return with_tool_acc(scores(model, **{**ON_HUB, **changes}), 0.412, low=0.3621, high=0.462)


def read(content):
    (entry,) = parse_eval_result_entries(yaml.safe_load(content))
    return entry


def test_pushed_results_hold_a_file_for_the_leaderboard(tmp_path):
    folders(tmp_path / "results", evaluated(), evaluated("hf:a/b", **{"started": None}))
    files = pack_results(tmp_path / "results", "me/scores", predictions=False).files
    assert [path for path in files if path.startswith(".eval")] == [
        ".eval_results/run-0.yaml",
        ".eval_results/run-1.yaml",
    ]
    assert read(files[".eval_results/run-0.yaml"]) == EvalResultEntry(
        dataset_id="me/bench",
        dataset_revision=COMMIT,
        task_id=yaml.safe_load(eval_yaml("me/bench"))["tasks"][0]["id"],
        value=0.412,
        date="2026-11-26T10:00:00+00:00",
        source_url="https://huggingface.co/datasets/me/scores",
        source_name="petoolbench evaluate",
        notes="Tool Acc over all settings, 95 % interval 0.3621 to 0.4620, 300 rows, reader robust, temperature 0.1",
    )
    assert read(files[".eval_results/run-1.yaml"]).date is None  # an older evaluation: the Hub takes the commit's
    assert ".eval_results/" in files["README.md"].decode()


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"model": "baseline:random"}, "it is of a rule"),
        ({"dataset": "petoolbench"}, "its rows are a folder's"),
        ({"dataset": 'me/ben"ch\n- dataset: {id: other/one}'}, "its rows are a folder's"),
        ({"setting": "chronological"}, "it is of chronological, test rows"),
        ({"options": {**OPTIONS, "history": "none"}}, "it left out the history"),
    ],
)
def test_what_is_not_for_a_leaderboard_is_named_with_the_reason(tmp_path, changes, why):
    said = []
    folders(tmp_path / "results", evaluated(**changes))
    files = pack_results(tmp_path / "results", "me/scores", False, said.append).files
    assert not any(path.startswith(".eval") for path in files)
    assert len(said) == 1 and said[0].startswith("Not for leaderboards on the Hub: run-0: ") and why in said[0]


def test_failed_requests_and_repeats_stand_in_the_notes():
    found = evaluated(options={**OPTIONS, "repeat": 3, "protocol": "tools"})
    found["counts"]["all"]["missing"] = 7
    notes = eval_result(Scores(**found)).notes
    assert "protocol tools" in notes and "mean of 3 replies to each row, 7 failed requests counted as wrong" in notes


@pytest.fixture
def adapter(tmp_path):
    folder = tmp_path / "sft"
    folder.mkdir()
    (folder / "adapter_config.json").write_text('{"base_model_name_or_path": "a/base"}')
    (folder / "adapter_model.safetensors").write_bytes(b"0")
    return folder


def card(adapter, result, tmp_path, say=lambda text: None):
    record = SimpleNamespace(stage="SFT", base_model="a/base", dataset="me/bench")
    with (
        patch.object(TrainingRecord, "read", return_value=record),
        patch("petoolkit.training.adapter_card.render_card", return_value="---\nlibrary_name: peft\n---\n"),
    ):
        write_card(adapter, *(folders(tmp_path / "results", result) if result else []), None, say)


def test_an_adapters_scores_go_with_it_and_name_its_page_as_their_source(adapter, tmp_path):
    card(adapter, evaluated(f"hf:a/base+{adapter}"), tmp_path)
    assert read((adapter / ADAPTER_RESULTS).read_bytes()).source_url is None  # it has no page yet
    files = pack_adapter(adapter, "me/adapter", print).files
    assert read(files[ADAPTER_RESULTS]).source_url == "https://huggingface.co/me/adapter"
    assert read(files[ADAPTER_RESULTS]).value == 0.412
    card(adapter, None, tmp_path)
    assert not (adapter / ADAPTER_RESULTS).exists()  # a card without scores: an earlier one's are not today's


def test_an_adapters_scores_on_a_folder_are_in_the_card_alone_and_a_damaged_file_is_refused(adapter, tmp_path):
    said = []
    card(adapter, evaluated(f"hf:a/base+{adapter}", dataset="petoolbench"), tmp_path, said.append)
    assert not (adapter / ADAPTER_RESULTS).exists() and "no leaderboard on the Hub will" in said[0]
    (adapter / ADAPTER_RESULTS).parent.mkdir()
    (adapter / ADAPTER_RESULTS).write_text("- [")
    with pytest.raises(InputError, match=r"petoolbench\.yaml is not a file of scores in the Hub's form"):
        pack_adapter(adapter, "me/adapter", print)


def test_an_evaluation_says_when_it_began(tmp_path):
    from petoolkit.builder.dataset_folder import write_dataset
    from rows import DATASET_FACTS, row

    from petoolkit.evaluator.evaluate import evaluate

    rows = [("test", row("u1", setting, "Aerwyn")) for setting in ("preferred_only", "rating_integrated")]
    write_dataset(tmp_path / "bench", rows, lambda: DATASET_FACTS)
    before = datetime.datetime.now(datetime.UTC).replace(microsecond=0)
    found = evaluate(str(tmp_path / "bench"), "all", "baseline:random", tmp_path / "out")
    assert before <= found.started <= datetime.datetime.now(datetime.UTC)
    again = evaluate(str(tmp_path / "bench"), "all", "baseline:random", tmp_path / "out")
    assert again.started == found.started == Scores.read(tmp_path / "out").started
    assert json.loads((tmp_path / "out" / "manifest.json").read_text())["started"].endswith("Z")
