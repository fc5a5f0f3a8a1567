"""Publishing, with the real clients: what was pushed loads from an empty cache, and equals what was here."""

import json
from pathlib import Path

import click
import evaluate
import pytest
from click.testing import CliRunner
from hub_process import HubProcess, in_fresh_home
from hub_stand_in import HubStandIn
from petoolkit.builder.dataset_folder import write_dataset
from report_folders import folders, scores
from rows import past_call, prediction, reply, row

from petoolbench import SETTINGS
from petoolkit import shipped
from petoolkit.audit_record import AUDIT_FILE
from petoolkit.dataset_record import RECORD_FILE, DatasetRecord
from petoolkit.decoding import read_json
from petoolkit.evaluator.chat_rows import chat_row
from petoolkit.evaluator.records import Manifest, Scores
from petoolkit.files import write_json, write_json_lines
from petoolkit.publisher.croissant import CROISSANT
from petoolkit.publisher.eval_yaml import EVAL_YAML
from petoolkit.publisher.pack_results import pack_results
from petoolkit.publisher.push_commands import push as push_commands
from petoolkit.training.pair_dataset import count_pairs, pair_record, write_pairs
from petoolkit.training.pairing import Pair

RECORD = DatasetRecord(origin="build", author="offline", recipe={"catalogue": ["embedded"], "author": "offline"})


@pytest.fixture(scope="module")
def hub():
    with HubStandIn() as hub:
        yield hub


@pytest.fixture(scope="module")
def petoolbench(hub, tmp_path_factory):
    with HubProcess(hub, tmp_path_factory.mktemp("home")) as petoolbench:
        yield petoolbench


@pytest.fixture(autouse=True)
def _nothing_there_yet(hub):
    hub.repositories.clear()
    hub.requests.clear()


def made(user, setting):
    return row(user, setting, "Aerwyn", [past_call("Aerwyn", 1 if setting == "rating_integrated" else None)])


def rows_of(user):
    return [made(user, setting) for setting in SETTINGS]


def build(folder, train=("u1",), test=("u2", "u3")):
    """A benchmark, as `petoolbench build` writes it."""
    rows = [(split, one) for split, users in (("train", train), ("test", test)) for u in users for one in rows_of(u)]
    write_dataset(folder, rows, lambda: RECORD)
    return folder


@pytest.fixture(scope="module")
def dataset(tmp_path_factory) -> Path:
    return build(tmp_path_factory.mktemp("built") / "petoolbench")


@pytest.mark.parametrize("command", push_commands.commands.values(), ids=lambda command: command.name)
def test_help_teaches(command):
    shown = CliRunner().invoke(push_commands, [command.name, "--help"]).output
    assert "Usage: " in shown
    assert all(getattr(option, "help", None) for option in command.params if not isinstance(option, click.Argument))


@pytest.fixture
def push(petoolbench, dataset):
    def push(*more, folder=dataset, to="me/bench"):
        return petoolbench("push", "dataset", folder, to, "--no-rules", *more)

    return push


LOAD = """
import json
from datasets import load_dataset
whole = {s: {split: rows.to_list() for split, rows in load_dataset("me/bench", s).items()} for s in %r}
stream = load_dataset("me/bench", "chronological", streaming=True)
chat = {split: rows.to_list() for split, rows in load_dataset("me/bench", "chat").items()}
print(json.dumps([whole, {split: list(rows) for split, rows in stream.items()}, chat]))
"""


def test_a_pushed_dataset_loads_from_an_empty_cache_with_equal_rows(hub, push, tmp_path):
    done = push()
    assert done.code == 0, done.output
    assert [sorted(commit.changed) for commit in hub.commits("dataset", "me/bench")] == [
        sorted(
            [
                "README.md",
                RECORD_FILE,
                AUDIT_FILE,
                CROISSANT,
                EVAL_YAML,
                *(f"figures/{name}.png" for name in ("audit", "categories", "rows")),
            ]
            + [
                f"data/{config}/{split}-00000-of-00001.parquet"
                for config in (*SETTINGS, "chat")
                for split in ("train", "test")
            ]
        )
    ]
    expected = {
        setting: {"train": [made("u1", setting)], "test": [made("u2", setting), made("u3", setting)]}
        for setting in SETTINGS
    }
    assert in_fresh_home(hub, tmp_path / "home", LOAD % (list(SETTINGS),)) == [
        expected,
        expected["chronological"],
        {
            split: [chat_row(made(user, setting)) for user in users for setting in SETTINGS]
            for split, users in (("train", ["u1"]), ("test", ["u2", "u3"]))
        },
    ]


def test_the_same_content_again_makes_no_commit_and_says_so(hub, push):
    push()
    done = push()
    assert done.code == 0
    assert done.output.splitlines()[-1].startswith("Nothing to push: ")
    assert len(hub.commits("dataset", "me/bench")) == 1


def test_what_an_earlier_push_left_is_removed_in_the_same_commit_and_other_files_stay(hub, push, tmp_path):
    push()
    theirs = {"notes.txt": b"mine", "data/chronological/train-00001-of-00002.parquet": b"old"}
    files = hub.files("dataset", "me/bench")
    hub.add("dataset", "me/bench", {**files, **theirs})
    assert push(folder=build(tmp_path / "petoolbench", test=("u9",))).code == 0
    (commit,) = hub.commits("dataset", "me/bench")
    assert "data/chronological/train-00001-of-00002.parquet" not in commit.files
    assert commit.files["notes.txt"] == b"mine"
    assert "data/chronological/train-00000-of-00001.parquet" not in commit.changed  # the same rows as before


def test_the_card_says_what_a_user_asks(hub, push, dataset, tmp_path):
    evaluations = folders(tmp_path, rule_scores(dataset))
    assert push("--scores", evaluations[0]).code == 0
    files = hub.files("dataset", "me/bench")
    card = files["README.md"].decode()
    assert 'load_dataset("me/bench", "chronological")' in card
    assert "\nlicense: apache-2.0\n" in card  # rules over the embedded catalogue, by the record
    assert "training and test share no user. The texts were searched for keys" in card
    assert "9 rows by config and split; histories hold 1 to 1 calls" in card
    assert DatasetRecord.model_validate_json(files[RECORD_FILE]) == RECORD
    for picture in ("figures/rows.png", "figures/categories.png", "figures/audit.png"):
        assert f"({picture})" in card
        assert files[picture].startswith(b"\x89PNG")
    shown = json.loads(card.partition("```json\n")[2].partition("\n```")[0])
    assert shown == {**made("u2", "rating_integrated"), "candidate_tools": shown["candidate_tools"]}
    assert [tool["tool_name"] for tool in shown["candidate_tools"]] == shown["same_function_tools"]
    assert "| openai:gpt-4o | " in card
    assert "| chance | 10.0 | 10.0 | 10.0 | 10.0 |" in card
    assert "<!--" not in card
    assert (dataset / "README.md").read_text().count("<!--") == 5  # what is here stays as it was


def rule_scores(dataset):
    from petoolkit.evaluator.dataset_rows import load_rows
    from petoolkit.evaluator.row_fingerprint import fingerprint

    rows = [one for setting in SETTINGS for one in load_rows(str(dataset), setting, "test")]
    return scores(fingerprint=fingerprint(rows))


def test_scores_of_other_rows_do_not_go_into_the_card(hub, push, tmp_path):
    done = push("--scores", folders(tmp_path, scores())[0])
    assert (done.code, hub.repositories) == (2, {})
    assert "holds scores of other rows than" in done.output


def test_a_branch_is_made_and_main_is_left_alone(hub, push):
    push()
    before = hub.files("dataset", "me/bench")
    assert push("--revision", "next", "--licence", "cc-by-4.0").code == 0
    assert hub.files("dataset", "me/bench") == before
    assert b"\nlicense: cc-by-4.0\n" in hub.files("dataset", "me/bench", "next")["README.md"]
    assert "Pushed to" in push("--revision", "same").output
    same = hub.files("dataset", "me/bench", "same")
    addressed = {name: same[name].replace(b"/resolve/same/", b"/resolve/main/") for name in (CROISSANT,)}
    assert {**same, **addressed} == before


def test_a_pull_request_changes_nothing_by_itself(hub, push):
    hub.add("dataset", "me/bench", {"README.md": b"begun by hand"})
    done = push("--create-pr")
    assert done.output.splitlines()[-1] == f"Opened {hub.url}/datasets/me/bench/discussions/1"
    assert hub.commits("dataset", "me/bench") == []
    assert b"PEToolBench" in hub.repositories["dataset", "me/bench"].pull_requests[0].files["README.md"]


def test_a_private_dataset_is_private_from_the_first_moment(hub, push):
    assert push("--private").code == 0
    assert hub.repositories["dataset", "me/bench"].private


def test_a_dry_run_shows_what_would_change_and_sends_nothing(hub, petoolbench, push, dataset):
    push()
    hub.requests.clear()
    command = ("push", "dataset", dataset, "me/bench", "--no-rules", "--dry-run", "--licence", "mit")
    done = petoolbench(*command, token=None)
    states = {line.split()[0]: line.split()[-1] for line in done.output.splitlines() if line.startswith(" ")}
    assert states["README.md"] == states[CROISSANT] == "changed"  # both say the licence
    assert states["figures/rows.png"] == states["data/chronological/test-00000-of-00001.parquet"] == "same"
    assert "A dry run: nothing was sent. Without --dry-run, 2 files " in done.output
    assert not any(request.startswith(("POST", "PUT")) for request in hub.requests)
    assert len(hub.commits("dataset", "me/bench")) == 1


def test_an_evaluation_records_the_commit_that_a_revision_stood_for(hub, petoolbench, push, dataset, tmp_path):
    push()
    commit = hub.commits("dataset", "me/bench")[-1].sha
    push(folder=build(tmp_path / "petoolbench", test=("u7",)))
    assert hub.commits("dataset", "me/bench")[-1].sha != commit
    command = ("evaluate", "--dataset", "me/bench", "--model", "baseline:random", "--out")
    for revision, expected, rows in (
        (commit, commit, 6),
        ("main", hub.commits("dataset", "me/bench")[-1].sha, 3),
    ):
        done = petoolbench(*command, tmp_path / revision, "--revision", revision)
        assert done.code == 0, done.output
        assert read_json(tmp_path / revision / "manifest.json")["revision"] == expected
        assert read_json(tmp_path / revision / "scores.json")["rows"]["all"] == rows
    old = petoolbench("show", "u2/chronological", "--dataset", "me/bench", "--revision", commit)
    assert (old.code, "u2/chronological" in old.output) == (0, True)
    assert petoolbench("show", "u2/chronological", "--dataset", "me/bench").code == 2


def test_preference_pairs_are_pushed_without_manifest_and_replies(hub, petoolbench, tmp_path):
    pair = Pair(chosen=reply("Aerwyn"), rejected=reply("Cirrox"), chosen_from="sampled", rejected_from="TPM")
    rows, folder = rows_of("u1"), tmp_path / "pairs"
    write_pairs(folder, {"train": [pair_record(one, pair) for one in rows]}, count_pairs(rows, [pair] * 3), {})
    write_json(folder / "manifest.json", {"dataset": str(tmp_path)})
    write_json_lines(folder / "predictions.jsonl", [prediction(rows[0], reply("Aerwyn"))])
    assert petoolbench("push", "dataset", folder, "me/pairs").code == 0
    pushed = {"README.md", "data/train-00000-of-00001.parquet", "pairs.json"}
    assert {*hub.files("dataset", "me/pairs")} == {".gitattributes", *pushed}
    load = "import json, datasets; print(json.dumps(datasets.load_dataset('me/pairs')['train'].to_list()))"
    assert in_fresh_home(hub, tmp_path / "home", load) == [pair_record(one, pair) for one in rows]


METRIC = """
import sys
class NotInstalled:
    def find_spec(self, name, path=None, target=None):
        if name.startswith("petoolbench"):
            raise ModuleNotFoundError(name)
sys.meta_path.insert(0, NotInstalled())
import json
import evaluate
given = json.loads(%r)
print(json.dumps([evaluate.load(name).compute(**given[name]) for name in given]))
"""


def test_a_pushed_metric_loads_where_petoolbench_is_not_installed(hub, petoolbench, tmp_path):
    gold = reply("Aerwyn")
    both = {"predictions": [gold, "none"], "references": [gold, gold]}
    call = {"tool_name": "a", "parameters": "{}"}
    reference = {"tool_call": call, "candidate_tools": ["a", "b"], "same_function_tools": ["a"]}
    errors = {"predictions": ['{"tool_name": "b"}'], "references": [reference]}
    given = {"me/tool_acc": both, "me/param-acc-2": both, "me/tool_call_errors": errors}
    metrics = {
        "me/tool_acc": "tool_acc",
        "me/param-acc-2": "metrics/param_acc",
        "me/tool_call_errors": "tool_call_errors",
    }
    for name, metric in metrics.items():
        done = petoolbench("push", "metric", metric, name)
        assert done.code == 0, done.output
    here = [
        evaluate.load(shipped.metric(Path(metric).name)).compute(**given[name]) for name, metric in metrics.items()
    ]
    assert here[0] == {"tool_acc": 0.5}
    assert in_fresh_home(hub, tmp_path / "home", METRIC % json.dumps(given)) == here
    card = hub.files("space", "me/tool_acc")["README.md"].decode()
    assert card.startswith("---\nsdk: static\n")
    assert 'evaluate.load("me/tool_acc")' in card
    assert "metrics/" not in card


def test_a_metric_that_does_not_exist_is_refused_with_the_names_of_those_that_do(hub, petoolbench):
    done = petoolbench("push", "metric", "metrics/nothing", "me/score")
    assert (done.code, hub.repositories) == (2, {})
    assert "unknown metric 'metrics/nothing'; choose one of: param_acc, tool_acc, tool_call_errors." in done.output


@pytest.mark.parametrize("name", ["me/petoolbench", "me/tool.acc"])
def test_a_metric_cannot_have_a_name_that_evaluate_would_not_import(hub, petoolbench, name):
    done = petoolbench("push", "metric", "metrics/tool_acc", name)
    assert (done.code, hub.repositories) == (2, {})
    assert f"a metric cannot have the name {name.partition('/')[2]}" in done.output


@pytest.fixture
def evaluations(tmp_path) -> Path:
    """Two evaluations: of a model behind a private address, and of a model in a folder of this machine."""
    for name, model in (("one", "openai:gpt-4o"), ("two", f"hf:{tmp_path}/my-model")):
        folder = tmp_path / "results" / name
        found = Scores(**scores(model, dataset=str(tmp_path), base_url="http://10.0.0.3:8000/v1"))
        found.write(folder)
        Manifest(**found.model_dump(include=set(Manifest.model_fields))).write(folder)
        reply = {"id": "u1/chronological", "repeat": 0, "reply": f"I am {name}"}
        write_json_lines(folder / "predictions.jsonl", [reply])
    return tmp_path / "results"


def test_results_are_a_dataset_without_addresses_and_folders_of_this_machine(hub, petoolbench, evaluations, tmp_path):
    done = petoolbench("push", "results", evaluations, "me/scores", "--predictions")
    assert done.code == 0, done.output
    files = hub.files("dataset", "me/scores")
    assert not any(b"10.0.0.3" in content or str(tmp_path).encode() in content for content in files.values())
    assert json.loads(files["evaluations/two/manifest.json"])["model"] == "hf:my-model"
    load = (
        "import json; from datasets import load_dataset\n"
        "print(json.dumps([load_dataset('me/scores')['test'].to_list(), "
        "load_dataset('me/scores', 'predictions')['test'].to_list()]))"
    )
    table, replies = in_fresh_home(hub, tmp_path / "home", load)
    (line,) = [
        line
        for line in table
        if (line["evaluation"], line["setting"], line["reader"], line["metric"]) == ("two", "all", "paper", "IF")
    ]
    expected = read_json(evaluations / "two" / "scores.json")
    assert {key: line[key] for key in ("value", "low", "high")} == expected["scores"]["all"]["paper"]["IF"]
    assert (line["model"], line["rows"]) == ("hf:my-model", 300)
    assert [line["reply"] for line in replies] == ["I am one", "I am two"]


def test_evaluations_of_the_same_folder_name_stay_apart(evaluations):
    for name in ("one", "two"):
        (evaluations / name).rename(evaluations / "same")
        (evaluations / name).mkdir()
        (evaluations / "same").rename(evaluations / name / "same")
    files = pack_results(evaluations, "me/scores", predictions=False).files
    assert {path for path in files if path.endswith("manifest.json")} == {
        "evaluations/one/same/manifest.json",
        "evaluations/two/same/manifest.json",
    }


def test_replies_are_pushed_only_when_asked_and_never_with_a_key(hub, petoolbench, evaluations):
    assert petoolbench("push", "results", evaluations, "me/scores").code == 0
    files = hub.files("dataset", "me/scores")
    assert not any("predictions" in path for path in files)
    assert not any(b"I am one" in content for content in files.values())
    key = "sk-" + "abcdefghij0123456789ABCD"
    leaked = {"id": "u1/chronological", "repeat": 0, "reply": f"use {key}"}
    write_json_lines(evaluations / "one" / "predictions.jsonl", [leaked])
    done = petoolbench("push", "results", evaluations, "me/scores", "--predictions")
    assert done.code == 2
    assert "the reply to u1/chronological holds what looks like a key (sk-a*** (27 characters))" in done.output
    assert key not in done.output


def test_the_explorer_is_a_space_that_shows_the_dataset_as_it_is_now(hub, petoolbench, push, tmp_path):
    push()
    commit = hub.commits("dataset", "me/bench")[-1].sha
    out = tmp_path / "results" / "random"
    assert petoolbench("evaluate", "--dataset", "me/bench", "--model", "baseline:random", "--out", out).code == 0
    done = petoolbench("push", "explorer", "me/look", "--dataset", "me/bench", "--results", out)
    assert done.code == 0, done.output
    files = hub.files("space", "me/look")
    assert json.loads(files["explorer.json"])["dataset"] == "me/bench"
    assert json.loads(files["explorer.json"])["revision"] == commit
    assert b"\nsdk: docker\n" in files["README.md"]
    assert {
        "app.py",
        "Dockerfile",
        "requirements.txt",
        "petoolkit/explorer/server.py",
        "results/01-random/predictions.jsonl",
    } <= {*files}
    again = petoolbench("push", "explorer", "me/look", "--dataset", "me/bench", "--results", out).output
    assert again.count("Nothing to push") == 2
    board = hub.files("space", "me/look-leaderboard")
    assert b"\nsdk: static\n" in board["README.md"] and {".gitattributes", "README.md", "index.html"} == {*board}
    assert f"/datasets/me/bench/tree/{commit}".encode() in board["index.html"]


def test_a_leaderboard_is_made_of_pushed_results(hub, petoolbench, push, tmp_path):
    push()
    out = tmp_path / "results" / "random"
    assert petoolbench("evaluate", "--dataset", "me/bench", "--model", "baseline:random", "--out", out).code == 0
    assert petoolbench("push", "results", out.parent, "me/scores", "--predictions").code == 0
    done = petoolbench("leaderboard", "me/scores", out.parent, "--out", tmp_path / "board")
    assert done.code == 0, done.output
    page = (tmp_path / "board" / "index.html").read_text()
    commit = hub.commits("dataset", "me/scores")[-1].sha
    assert f'href="{hub.url}/datasets/me/scores/tree/{commit}/evaluations/random"' in page
    assert "random [me/scores/random]" in page and "random [random]" in page
    assert "0 of 1 pair of models differ" in done.output  # the same replies twice
    refused = petoolbench("leaderboard", "me/bench", "--out", tmp_path / "other")
    assert (refused.code, "me/bench does not hold evaluations; name what" in refused.output) == (2, True)


def test_a_space_cannot_show_a_folder_of_this_machine(hub, petoolbench, dataset):
    done = petoolbench("push", "explorer", "me/look", "--dataset", dataset)
    assert (done.code, hub.repositories) == (2, {})
    assert "push the dataset, then give its id on the Hub" in done.output
