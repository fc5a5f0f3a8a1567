"""Faults of pushing: one sentence each, nothing published in part, and the same command finishes the push."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import ROOT
from hub_process import HubProcess
from hub_stand_in import TOKEN, HubStandIn

SPACE, METRIC = ("space", "me/score"), "tool_acc"


@pytest.fixture(scope="module")
def hub():
    with HubStandIn() as hub:
        yield hub


@pytest.fixture(scope="module")
def home(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="module")
def petoolbench(hub, home):
    with HubProcess(hub, home) as petoolbench:
        yield petoolbench


@pytest.fixture(autouse=True)
def _nothing_there_yet(hub, home):
    hub.repositories.clear()
    hub.large.clear()
    hub.faults.clear()
    hub.requests.clear()
    yield
    for file in home.rglob("*"):
        assert not file.is_file() or TOKEN.encode() not in file.read_bytes(), file


@pytest.fixture
def push(petoolbench):
    """A metric is pushed, which is small; datasets and adapters go the same way."""

    def push(*more, name=SPACE[1], token=TOKEN):
        return petoolbench("push", "metric", METRIC, name, *more, token=token)

    return push


def move_branch(hub):
    """Somebody else commits."""
    hub.add(*SPACE, {**hub.files(*SPACE), "README.md": b"petoolbench"})
    return (0, {}, "")


def busy(status, **headers):
    return (status, {name.replace("_", "-"): value for name, value in headers.items()}, "later")


@pytest.mark.parametrize(
    ("request_", "answer", "sentence"),
    [
        ("POST .*/commit/", None, r"connection to http://127.0.0.1:\d+ broke.*push again when it is back"),
        ("GET /api/spaces", None, r"connection to http://127.0.0.1:\d+ broke.*push again when it is back"),
        ("POST .*/commit/", busy(503), r"the Hub has a fault \(503\).*push again later"),
        ("POST /api/repos/create", busy(500), r"the Hub has a fault \(500\).*push again later"),
        ("POST .*/commit/", busy(429), r"too many requests.*wait some minutes, then push again"),
        ("POST .*/commit/", busy(403, X_Error_Message="no"), r"this token may not write to the space me/score; take"),
        ("POST .*/commit/", move_branch, r"the branch of me/score moved.*look at what is new there, then push again"),
        (
            "POST /api/validate-yaml",
            (400, {}, '{"errors": [{"message": "license must be one of"}]}'),
            r"refuses the space me/score \(.*license must be one of\); fix that, then push again",
        ),
        ("PUT /lfs/", busy(413), r"a file is over the Hub's limit.*make the files smaller"),
        ("POST .*/commit/", busy(413), r"a file is over the Hub's limit.*make the files smaller"),
        ("POST .*/commit/", busy(400, X_Error_Message=f"no {TOKEN}"), r"refuses the space me/score \(.*no \*\*\*"),
    ],
    ids=lambda value: value if isinstance(value, str) and "/" in value else "",
)
def test_a_fault_is_told_in_one_sentence_and_nothing_is_half_published(hub, push, request_, answer, sentence):
    hub.fail(request_, answer, times=100)
    done = push()
    assert done.code == 2
    (told,) = [line for line in done.output.splitlines() if line.startswith("Error: ")]
    assert re.search(sentence, told)
    assert SPACE not in hub.repositories or hub.commits(*SPACE) == []

    hub.faults.clear()
    assert push().code == 0
    assert len(hub.commits(*SPACE)) == 1
    files = {".gitattributes", "LICENSE", "README.md", "index.html", "petoolbench.py"}
    files |= {f"{name}.py" for name in ("call_forms", "paper_reader", "reasoning", "replies", "scoring")}
    files |= {"call_parameters.py", "metric_inputs.py", "schema_fit.py", "typed_values.py"}
    assert {*hub.files(*SPACE)} == {*files, "score.py"}


def test_a_fault_is_tried_again_a_bounded_number_of_times(hub, push):
    hub.fail("POST .*/commit/", busy(503), times=100)
    done = push()
    assert len([request for request in hub.requests if "/commit/" in request]) == 4
    assert done.output.count("the Hub answers 503; trying again in 0 s.") == 3


@pytest.mark.parametrize(
    ("request_", "answer"),
    [("POST .*/commit/", busy(503)), ("PUT /lfs/", None), ("GET /api/spaces", busy(502)), ("/create", None)],
)
def test_a_passing_fault_only_takes_time(hub, push, request_, answer):
    hub.fail(request_, answer)
    assert push().code == 0
    assert len(hub.commits(*SPACE)) == 1


def test_retry_after_is_obeyed(hub, push):
    hub.fail("POST .*/commit/", busy(429, Retry_After="1"))
    done = push()
    assert "the Hub answers 429; trying again in 1 s." in done.output
    assert len(hub.commits(*SPACE)) == 1


def test_a_commit_whose_answer_is_lost_is_not_made_twice(hub, push):
    hub.fail("POST .*/commit/", None, late=True)
    done = push()
    assert re.search(r"Pushed to .*/spaces/me/score \(commit [0-9a-f]{12}\)", done.output)
    assert len(hub.commits(*SPACE)) == 1


def test_a_pull_request_whose_answer_is_lost_is_not_opened_twice(hub, push):
    push()
    hub.add(*SPACE, {"README.md": b"petoolbench"})
    hub.fail("POST .*/commit/", None, late=True)
    done = push("--create-pr")
    assert done.code == 2
    assert f"look whether {hub.url}/spaces/me/score/discussions has it before you push again." in done.output
    assert len(hub.repositories[SPACE].pull_requests) == 1


@pytest.mark.parametrize(
    ("token", "sentence"),
    [
        (None, "there is no token for the Hub; make one with write rights at .*/settings/tokens, then run `hf auth"),
        ("hf_wrong", "the Hub does not accept this token; make one with write rights"),
    ],
)
def test_without_a_token_that_is_right_nothing_is_made(hub, push, token, sentence):
    done = push(token=token)
    assert (done.code, hub.repositories) == (2, {})
    assert re.search(f"Error: {sentence}", done.output)
    assert not any(request.startswith("POST") for request in hub.requests)


def test_a_name_of_somebody_else_is_refused(hub, push):
    done = push(name="other/score")
    assert done.code == 2
    assert "Error: this token may not write to the space other/score; take one with write rights" in done.output
    assert hub.repositories == {}


def test_a_name_taken_by_another_kind_of_repository_is_refused(hub, push):
    hub.add("model", "me/score", {"README.md": b"weights"})
    done = push()
    assert done.code == 2
    assert "Error: the name me/score is taken on the Hub by another kind of repository than a space;" in done.output
    assert [*hub.repositories] == [("model", "me/score")]


def test_somebody_elses_work_is_not_overwritten(hub, push):
    hub.add(*SPACE, {"README.md": b"my thesis", "data.csv": b"1,2"})
    done = push()
    assert done.code == 2
    assert "holds something else (data.csv), which petoolbench did not publish; give another name." in done.output
    assert hub.commits(*SPACE) == []


def test_what_was_asked_to_be_private_never_becomes_public(hub, push):
    hub.add(*SPACE, {"README.md": b"petoolbench"})
    done = push("--private")
    assert (done.code, hub.commits(*SPACE)) == (2, [])
    assert "exists already and is public; make it private in its settings" in done.output


def test_a_name_that_is_none_is_refused(hub, push):
    done = push(name="score")
    assert (done.code, hub.requests) == (2, [])
    assert "Error: 'score' is not a name on the Hub; write it as USER/NAME." in done.output


def test_offline_nothing_is_pushed_and_a_dry_run_still_shows_the_files(hub, home):
    def offline(*more):
        command = [Path(sys.executable).with_name("petoolbench"), "push", "metric", METRIC, "me/score", *more]
        environment = {**os.environ, **hub.environment(home), "HF_HUB_OFFLINE": "1"}
        return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)

    done = offline()
    assert done.returncode == 2
    told = "Error: offline mode is on, so nothing can be pushed; unset HF_HUB_OFFLINE, then push again."
    assert done.stderr.splitlines()[-1] == told
    shown = offline("--dry-run")
    assert shown.returncode == 0
    assert "scoring.py" in shown.stderr + shown.stdout
    assert hub.requests == []
