"""`petoolbench export every-eval-ever`: values are those of scores.json, and the collection's own code takes them."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest
from conftest import ROOT
from petoolkit.builder.dataset_folder import write_dataset
from report_folders import OPTIONS, folders, scores
from rows import DATASET_FACTS, prediction, reply, row

from petoolbench import SETTINGS, InputError, render_messages
from petoolkit.evaluator.evaluate import evaluate
from petoolkit.evaluator.records import Scores
from petoolkit.exporter.export_dataset import export_dataset
from petoolkit.files import read_json_lines, write_json_lines

HOSTILE = 'openai:a<b>/../data/CON:free"\n'


def blocked(user, setting, gold):
    return {**row(user, setting, gold), "block_id": "b1"}


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A dataset, and an evaluation on it."""
    folder = tmp_path_factory.mktemp("exported")
    rows = [("test", blocked(user, s, gold)) for s in SETTINGS for user, gold in (("u1", "Aerwyn"), ("u2", "Cirrox"))]
    write_dataset(folder / "bench", rows, lambda: DATASET_FACTS)
    evaluate(str(folder / "bench"), "all", "baseline:random", folder / "one")
    return folder


@pytest.fixture
def evaluation(made, tmp_path):
    """A copy of the evaluation, which a test may change."""
    return shutil.copytree(made / "one", tmp_path / "results" / "one")


def with_replies(folder):
    """The evaluation with other replies, scored again."""
    from rich.console import Console

    from petoolkit.evaluator.scores.rescore import score_folder

    path = folder / "predictions.jsonl"
    ids = [{"id": line["id"]} for line in read_json_lines(path)]
    said = [reply("Aerwyn"), reply("Cirrox"), "none \ud800", None, reply("Aerwyn"), reply("Aerwyn")]
    more = {"prompt_tokens": 7, "completion_tokens": 3, "seconds": 0.5}
    write_json_lines(path, [prediction(one, text, **more) for one, text in zip(ids, said, strict=True)])
    return score_folder(folder, Console(quiet=True))


def exported(folder, out):
    counts = export_dataset("every-eval-ever", str(folder), out)
    files = {path.relative_to(out).as_posix(): path for path in sorted(out.rglob("*.json"))}
    return counts, {name: json.loads(path.read_text()) for name, path in files.items()}


def test_values_and_uncertainty_are_those_of_scores_json(tmp_path):
    found = scores("hf:org/model+me/adapter", dataset="me/bench", revision="c0ffee", started="2026-11-26T10:00:00Z")
    found["pairs"] = {"all": {"pairs": 9, "counted": 7, "score": {"value": 0.5, "low": 0.25, "high": 0.75}}}
    folders(tmp_path / "results", found)
    counts, files = exported(tmp_path / "results", tmp_path / "out")
    assert counts == {
        "evaluations": 1,
        "replies": 0,
        "evaluations without lines for replies: the rows or the replies cannot be read here": 1,
    }
    ((path, record),) = files.items()
    assert path.startswith("data/petoolbench/me/adapter/")
    assert record["model_info"]["id"] == "me/adapter"
    assert record["model_info"]["additional_details"]["base_model"] == "org/model"
    assert record["evaluation_timestamp"] == "1795687200"
    results = {one["evaluation_result_id"]: one for one in record["evaluation_results"]}
    assert len(results) == len(record["evaluation_results"]) == 4 * 2 * 4 + 1
    for identifier, one in results.items():
        setting, reader, name = identifier.split("/")
        expected, number = (
            (found["pairs"]["all"]["score"], 7)
            if name == "pair_accuracy"
            else (found["scores"][setting][reader][name], found["rows"][setting])
        )
        uncertainty = one["score_details"]["uncertainty"]
        assert one["score_details"]["score"] == expected["value"]
        assert uncertainty["confidence_interval"]["lower"] == expected["low"]
        assert uncertainty["confidence_interval"]["upper"] == expected["high"]
        assert uncertainty["standard_error"]["value"] == pytest.approx(
            (expected["high"] - expected["low"]) / 3.92, 1e-4
        )
        assert uncertainty["num_samples"] == number
        assert one["source_data"]["hf_repo"] == "me/bench"
        assert one["generation_config"]["generation_args"]["temperature"] == OPTIONS["temperature"]


def test_a_line_for_each_reply_says_what_was_called_and_whether_it_was_right(evaluation, tmp_path):
    found = with_replies(evaluation)
    counts, files = exported(evaluation, tmp_path / "out")
    assert counts == {"evaluations": 1, "replies": 6}
    ((path, record),) = files.items()
    detail = record["detailed_evaluation_results"]
    lines = list(read_json_lines(tmp_path / "out" / detail["file_path"]))
    assert detail["file_path"] == path.replace(".json", "_samples.jsonl") and detail["total_rows"] == len(lines)
    results = {one["evaluation_result_id"] for one in record["evaluation_results"]}
    assert {line["evaluation_result_id"] for line in lines} <= results
    assert sum(line["evaluation"]["score"] for line in lines) / 6 == found.score("all", "tool_acc").value
    first = lines[0]
    assert first["input"]["raw"] == "\n\n".join(
        message["content"] for message in render_messages(blocked("u1", "preferred_only", "Aerwyn"))
    )
    assert first["token_usage"] == {"input_tokens": 7, "output_tokens": 3, "total_tokens": 10}
    assert first["answer_attribution"][0]["extracted_value"] == "<Weather>.<Aerwyn>.<forecast>"
    assert [line["output"]["raw"] for line in lines[2:4]] == [["none ?"], []]
    assert [line["evaluation"]["is_correct"] for line in lines] == [True, True, False, False, True, False]
    assert str(tmp_path.parent) not in (tmp_path / "out" / path).read_text()


def test_names_of_others_are_folders_that_every_system_can_have(tmp_path):
    folders(tmp_path / "results", scores(HOSTILE), scores("python:answer"), scores("baseline:random"))
    _, files = exported(tmp_path / "results", tmp_path / "out")
    parts = [path.split("/")[2:4] for path in files]
    assert ["local", "python"] not in parts and ["petoolbench", "random"] in parts and ["local", "answer"] in parts
    (theirs,) = [one for one in parts if one[0] not in ("local", "petoolbench")]
    assert not set('<>:"\\|?*\n') & set("".join(theirs)) and ".." not in theirs


def test_a_second_export_is_the_same_file_and_logs_bring_no_replies(evaluation, tmp_path):
    with_replies(evaluation)
    names = [list(exported(evaluation, tmp_path / out)[1]) for out in ("a", "b")]
    assert names[0] == names[1]
    stored = Scores.read(evaluation)
    stored.model_copy(update={"logs": True}).write(evaluation)
    counts, _ = exported(evaluation, tmp_path / "c")
    assert counts["evaluations without lines for replies: they are about requests of real people"] == 1


def test_what_cannot_be_exported_is_said_in_one_sentence(evaluation, tmp_path):
    for source, options, message in (
        (tmp_path / "nothing", {}, "nothing does not exist; name a folder that `petoolbench evaluate --out` wrote"),
        (tmp_path / "results" / "one", {"revision": "main"}, "which have no --revision; leave it out"),
        (ROOT / "docs", {}, "no evaluation there"),
    ):
        with pytest.raises(InputError, match=message):
            export_dataset("every-eval-ever", str(source), tmp_path / "out", **options)
    (evaluation / "scores.json").write_text("{}")
    with pytest.raises(InputError, match="does not have the form of this version's scores"):
        export_dataset("every-eval-ever", str(evaluation), tmp_path / "out")
    (evaluation / "scores.json").unlink()
    with pytest.raises(InputError, match=r"does not hold scores\.json"):
        export_dataset("every-eval-ever", str(evaluation), tmp_path / "out")


def test_a_reply_with_a_key_is_refused(evaluation, tmp_path):
    line = prediction({"id": "u1/chronological"}, "sk-" + "abcdefghij0123456789ABCD")
    write_json_lines(evaluation / "predictions.jsonl", [line])
    with pytest.raises(InputError, match="holds what looks like a key"):
        export_dataset("every-eval-ever", str(evaluation), tmp_path / "out")


def newer_python() -> str | None:
    """A Python that the collection's package runs on: it needs 3.12."""
    for name in ("python3.13", "python3.12"):
        path = shutil.which(name)
        if path and subprocess.run([path, "-c", ""], capture_output=True).returncode == 0:
            return path
    kept = sorted(Path.home().glob(".pyenv/versions/3.1[2-9]*/bin/python"))
    return str(kept[0]) if kept else None


@pytest.mark.slow
def test_the_collections_own_code_finds_nothing_wrong(evaluation, tmp_path):
    python = newer_python()
    if python is None:
        pytest.skip("every_eval_ever needs Python 3.12, which is not here")
    with_replies(evaluation)
    folders(tmp_path / "results" / "more", scores("openai:gpt-4o"), scores(HOSTILE), scores("hf:org/model"))
    _, files = exported(tmp_path / "results", tmp_path / "out")
    environment = ROOT / ".venv-every-eval-ever"
    program = environment / "bin" / "every_eval_ever"
    if not program.exists():
        subprocess.run([python, "-m", "venv", environment], check=True)
        subprocess.run(
            [environment / "bin" / "pip", "install", "--quiet", "every_eval_ever==0.3.0", "huggingface_hub"],
            check=True,
        )
    every = [str(path.relative_to(tmp_path / "out")) for path in (tmp_path / "out").rglob("*.json*")]
    assert len(every) == len(files) + 1 == 5
    done = subprocess.run([program, "validate", *every], cwd=tmp_path / "out", capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
