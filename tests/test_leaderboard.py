"""`petoolbench leaderboard`: ranks by differences that a test supports, on a page that needs nothing else."""

import re
import shutil

import numpy as np
import pytest
import yaml
from click.testing import CliRunner
from explorer_data import HOSTILE
from petoolkit.builder.dataset_folder import write_dataset
from report_folders import folders, scores
from rich.console import Console
from rows import DATASET_FACTS, prediction
from two_blocks import blocks

from petoolbench import InputError, to_json_text
from petoolbench_cli import main
from petoolkit.audit.audit import audit
from petoolkit.evaluator.dataset_rows import load_split
from petoolkit.evaluator.records import AskedOptions, Manifest, Scores
from petoolkit.evaluator.row_fingerprint import fingerprint
from petoolkit.evaluator.scores.judgements import judge
from petoolkit.evaluator.scores.paired_tests import paired_differences
from petoolkit.evaluator.scores.preference import preference_scores
from petoolkit.evaluator.scores.score import score
from petoolkit.files import write_json_lines
from petoolkit.publisher.leaderboard.board import make_board
from petoolkit.publisher.leaderboard.leaderboard_sources import gather
from petoolkit.publisher.leaderboard.write_leaderboard import leaderboard_files, write_leaderboard

QUIET = Console(quiet=True)
NAMES = tuple(f"b{number}" for number in range(12))


def counts(right, of=4):
    return np.array(right, float), np.full(len(right), float(of))


def test_differences_are_tested_in_whole_blocks_and_corrected_for_their_number():
    found = paired_differences({"a": counts([4] * 12), "b": counts([1] * 12), "c": counts([1] * 11 + [0])})
    assert list(found) == [("a", "b"), ("a", "c"), ("b", "c")]
    assert found["a", "b"].value == 0.75 and found["a", "b"].is_real and found["a", "c"].is_real
    exact = 2 / 2**12  # of 2^12 exchanges, two give so large a difference
    assert found["a", "b"].p_value == pytest.approx(3 * exact, rel=0.6)
    assert found["b", "c"].p_value == 1 and not found["b", "c"].is_real  # one block is no evidence
    assert paired_differences({"a": counts([4] * 12), "none": counts([0] * 12, of=0)}) == {}


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    """Evaluations on twelve blocks of two users: right on all, on all but one block, and blind to the user."""
    folder = tmp_path_factory.mktemp("board")
    rows = blocks(NAMES)
    write_dataset(folder / "bench", [("test", one) for one in rows], lambda: DATASET_FACTS)
    audit(str(folder / "bench"), None, QUIET).write(folder / "bench")
    loaded = load_split(str(folder / "bench"), "all", "test")
    for name in ("good", "almost", "blind"):
        said = []
        for row in loaded:
            wrong = name == "blind" or (name == "almost" and row["block_id"] == "b0")
            tool = row["same_function_tools"][0] if wrong else row["tool_call"]["tool_name"]
            said.append(prediction(row, to_json_text({"tool_name": tool, "parameters": {"city": "Oslo"}}), error=None))
        known = {
            "dataset": str(folder / "bench"),
            "fingerprint": fingerprint(loaded),
            "split": "test",
            "setting": "all",
        }
        manifest = Manifest(model=f"openai:{name}", options=AskedOptions(), started="2026-11-26T10:00:00Z", **known)
        found = score(loaded, said) | preference_scores(loaded, judge(loaded, said), {}, [], 1)
        manifest.write(folder / "results" / name)
        Scores(**manifest.model_dump(), **found).write(folder / "results" / name)
        write_json_lines(folder / "results" / name / "predictions.jsonl", said)
    return folder / "results"


def test_models_are_ranked_by_pair_accuracy_and_differences_that_are_not_real_share_ranks(results):
    board = make_board(gather([str(results)], print))
    assert [one.setting for one in board.boards] == ["all", "preferred_only", "rating_integrated", "chronological"]
    first = board.boards[0]
    assert [(row.label, row.rank) for row in first.rows] == [
        ("openai:good", "1\N{EN DASH}2"),
        ("openai:almost", "1\N{EN DASH}2"),
        ("openai:blind", "3"),
    ]
    good, almost, blind = first.rows
    assert (good.pairs.value, blind.pairs.value) == (1.0, 0.0) and almost.pairs.value == pytest.approx(11 / 12)
    assert good.ahead_of == almost.ahead_of == ["openai:blind"] and blind.ahead_of == []
    assert first.tested.startswith("2 of 3 pairs of models differ, by a test")
    assert "Not asked how often taste is followed" in board.notes[-1]
    ceiling = next(one for one in first.references if one.name == "ceiling without history")
    assert ceiling.is_mark and ceiling.preference.value == 0.5


def test_without_replies_nothing_is_tested_and_the_page_says_why(results, tmp_path):
    shutil.copytree(results, tmp_path / "results")
    (tmp_path / "results" / "good" / "predictions.jsonl").unlink()
    board = make_board(gather([str(tmp_path / "results")], print))
    assert board.boards[0].rows[0].rank == "" and len(board.boards[0].differences) == 1
    assert "openai:good" in board.notes[0] and "push results with --predictions" in board.notes[0]
    made = folders(tmp_path / "elsewhere", scores(), scores("hf:a/b"))
    board = make_board(gather([str(made[0].parent)], print))
    assert not any(one.differences for one in board.boards) and not board.has_pairs
    assert "it was not tested which differences are real" in board.notes[0]


def test_what_cannot_be_on_one_leaderboard_is_refused_by_name(results, tmp_path):
    made = folders(tmp_path, scores(fingerprint="a" * 16), scores("hf:a/b", fingerprint="b" * 16))
    with pytest.raises(InputError, match=r"run-1 \(some-dataset, all, rows b{16}\): not about the rows of run-0"):
        gather([str(path) for path in made], print)
    (made[0] / "scores.json").write_text("{}")
    for names, message in (
        ([str(made[0])], "does not have the form of this version's scores"),
        ([str(tmp_path / "nothing")], "nothing does not exist; name a folder"),
        (["me/scores"], "the results me/scores cannot be read: offline mode is on"),
    ):
        with pytest.raises(InputError, match=message):
            gather(names, print)
    (made[0] / "scores.json").unlink()
    done = CliRunner().invoke(main, ["leaderboard", str(made[0]), "--out", str(tmp_path / "out")])
    assert done.exit_code == 2 and "does not hold scores.json; run `petoolbench evaluate" in done.output
    assert not (tmp_path / "out").exists()


def test_the_page_needs_nothing_else_and_names_of_others_are_text(tmp_path):
    hostile = scores(f"openai:{HOSTILE}", dataset='me/x"><script>', started="2026-11-26T10:00:00Z")
    folders(tmp_path / "results", hostile, scores("hf:a/b", started="2026-11-24T10:00:00Z"))
    said = []
    write_leaderboard([str(tmp_path / "results")], tmp_path / "out", said.append)
    page = (tmp_path / "out" / "index.html").read_text()
    assert "<script" not in page and "<img" not in page and "&lt;script&gt;" in page
    assert "default-src 'none'" in page and not re.search(
        r"(?:src|@import|url\()", page.partition("</style>")[0][600:]
    )
    assert "2026-11-24 to 2026-11-26" in page and "openai:" in page
    card = (tmp_path / "out" / "README.md").read_text()
    header = yaml.safe_load(card.split("---\n")[1])
    assert (header["sdk"], header["app_file"]) == ("static", "index.html") and "datasets" not in header


def test_the_command_writes_the_page(results, tmp_path):
    done = CliRunner().invoke(main, ["leaderboard", str(results), "--out", str(tmp_path / "out")])
    assert done.exit_code == 0, done.output
    assert "All settings: 2 of 3 pairs of models differ" in done.output
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"index.html", "README.md"}


@pytest.mark.whole
def test_on_a_telephone_the_table_scrolls_with_its_first_column_fixed(results, tmp_path):
    playwright = pytest.importorskip("playwright.sync_api", reason="the package playwright is not installed")
    if shutil.which("chromium") is None:
        pytest.skip("this machine has no Chromium: apt-get install chromium")
    page_file = tmp_path / "index.html"
    page_file.write_bytes(leaderboard_files(make_board(gather([str(results)], print)))["index.html"])
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 400, "height": 800})
        asked, wrong = [], []
        page.on("request", lambda one: asked.append(one.url))
        page.on("console", lambda message: wrong.append(message.text))
        page.goto(page_file.as_uri())
        table, heading = page.locator("#board-1 .scroll").first, page.locator("#board-1 tbody th").first
        before = heading.bounding_box()["x"]
        assert table.evaluate("one => one.scrollWidth > one.clientWidth && (one.scrollLeft = 200)") == 200
        assert heading.bounding_box()["x"] == before
        assert page.evaluate("document.documentElement.scrollWidth") == 400
        assert page.locator("#board-1 .sideways").is_visible()
        page.get_by_text("chronological", exact=True).click()
        assert page.locator("#board-4").is_visible() and not page.locator("#board-1").is_visible()
        assert (asked, wrong) == ([page_file.as_uri()], [])
        browser.close()
