"""What was made of logs of real calls is published only if its publisher says that it may be."""

import pytest
from logged import FUNCTIONS, call, imported
from report_folders import scores
from rich.console import Console
from test_cli import run

from petoolbench import InputError
from petoolkit.audit.gates import gate_names
from petoolkit.dataset_record import DatasetRecord, is_of_logs
from petoolkit.evaluator.evaluate import evaluate
from petoolkit.evaluator.records import Manifest, Scores
from petoolkit.evaluator.report.write_report import write_report
from petoolkit.files import write_json, write_json_lines
from petoolkit.publisher import pack_explorer as explorer_module
from petoolkit.publisher.logs_consent import OPTION
from petoolkit.publisher.pack_dataset import DatasetOptions, pack_dataset
from petoolkit.publisher.pack_explorer import pack_explorer
from petoolkit.publisher.pack_results import pack_results

CALLS = [
    call(f"u{user}", time, f"Alder.{name}", request=f"Mail ann{user}@mailserver.org")
    for user in range(12)
    for time, name in enumerate(FUNCTIONS)
]


def packed(folder, **options):
    return pack_dataset(folder, "me/logs", DatasetOptions(rules=False, **options), Console(quiet=True))


def test_a_dataset_of_logs_is_refused_with_what_was_found_in_it(tmp_path, monkeypatch):
    made = imported(tmp_path, CALLS, monkeypatch, keep_user_names=True)
    with pytest.raises(InputError, match=r"requests that real people made.*names of users are kept") as error:
        packed(made.folder)
    assert "calls with e-mail addresses (48)" in str(error.value) and "not replaced (import with --redact)" in str(
        error.value
    )
    assert OPTION in str(error.value)
    with pytest.raises(InputError, match="--allow-findings emails"):  # the search of all texts goes on as ever
        packed(made.folder, may_publish_logs=True)


def test_a_redacted_dataset_of_logs_goes_through_with_the_publishers_word(tmp_path, monkeypatch):
    made = imported(tmp_path, CALLS, monkeypatch, redact=True)
    with pytest.raises(InputError, match="replaced in the rows"):
        packed(made.folder, allowed_gates=gate_names())
    package = packed(made.folder, may_publish_logs=True)  # no gate is asked of logs
    assert "provider-most-recent" in package.files["README.md"].decode()
    assert "dataset_record.json" in package.files
    card = package.files["README.md"].decode()
    assert "none was found" in card and "logs of real calls" in card


@pytest.fixture
def evaluation(tmp_path):
    folder = tmp_path / "results" / "one"
    found = Scores(**{**scores("openai:gpt-4o", dataset="logs"), "logs": True})
    found.write(folder)
    Manifest(**found.model_dump(include=set(Manifest.model_fields))).write(folder)
    write_json_lines(folder / "predictions.jsonl", [{"id": "u1/chronological", "repeat": 0, "reply": "I"}])
    return folder


def test_replies_to_rows_of_logs_are_asked_for_and_scores_are_not(evaluation):
    assert pack_results(evaluation, "me/scores", predictions=False).files
    with pytest.raises(InputError, match=f"the replies of one are about requests that real people made.*{OPTION}"):
        pack_results(evaluation, "me/scores", predictions=True)
    assert (
        "predictions.parquet" in pack_results(evaluation, "me/scores", predictions=True, may_publish_logs=True).files
    )


def test_pairs_made_of_logs_are_asked_for(evaluation):
    write_json(evaluation / "pairs.json", {})
    (evaluation / "README.md").write_text("---\nlanguage: en\n---\n# Pairs\n")
    with pytest.raises(InputError, match=r"the pairs of .*one are about requests that real people made"):
        packed(evaluation)


def test_the_explorer_of_a_dataset_of_logs_is_asked_for(monkeypatch):
    record = DatasetRecord(origin="logs", author="users", logs={"user names": "salted hashes", "redacted": "yes"})
    monkeypatch.setattr(explorer_module, "resolved_revision", lambda dataset, revision: "c0ffee")
    monkeypatch.setattr(explorer_module, "read_dataset_record", lambda dataset, revision: record)
    with pytest.raises(InputError, match="a search found no e-mail address, telephone number or key"):
        pack_explorer("me/logs", None, [])


def test_evaluations_reports_and_show_say_that_rows_are_of_logs(tmp_path, monkeypatch):
    made = imported(tmp_path, CALLS, monkeypatch, redact=True)
    assert is_of_logs(str(made.folder)) and not is_of_logs(str(tmp_path))
    found = evaluate(str(made.folder), "all", "baseline:random", tmp_path / "results" / "random")
    assert found is not None and found.logs
    write_report([tmp_path / "results"], tmp_path / "report")
    assert "(logs of real calls), test split" in (tmp_path / "report" / "report.md").read_text()
    shown = run("show", "--dataset", made.folder)
    assert "From logs of real calls: the gold call is the one that was made." in shown.output
