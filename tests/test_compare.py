"""Comparisons of two evaluations: differences, intervals, p-values and flips worked by hand, and folders to read."""

import json

import pytest
from petoolkit.builder.dataset_folder import write_dataset
from rows import DATASET_FACTS, prediction, reply, row
from terminals import shown

from petoolbench import InputError
from petoolkit.evaluator.results_folder import read_results
from petoolkit.evaluator.row_fingerprint import fingerprint
from petoolkit.evaluator.score_tables import comparison_table, flipped_view
from petoolkit.evaluator.scores.comparison import compare

# Five rows of five function groups; Cirrox is right everywhere.
ROWS = [row(f"u{number}", "chronological", "Cirrox", group=f"g{number}") for number in range(5)]
RIGHT, WRONG = reply("Cirrox"), reply("Aerwyn")


@pytest.fixture
def dataset(tmp_path) -> str:
    write_dataset(tmp_path / "petoolbench", [("test", one) for one in ROWS], lambda: DATASET_FACTS)
    return str(tmp_path / "petoolbench")


@pytest.fixture
def stored(tmp_path, dataset):
    """A function that stores replies, a list for each repeat, as an evaluation of the dataset; gives the folder."""

    def store(name, *repeats, **changed):
        manifest = {"model": f"openai:{name}", "dataset": dataset, "split": "test", "setting": "chronological"}
        manifest |= {"fingerprint": fingerprint(ROWS), "options": {"repeat": max(1, len(repeats))}, **changed}
        folder = tmp_path / name
        folder.mkdir()
        (folder / "manifest.json").write_text(json.dumps(manifest))
        lines = [
            json.dumps(prediction(one, text, repeat)) + "\n"
            for repeat, replies in enumerate(repeats)
            for one, text in zip(ROWS, replies, strict=True)
        ]
        (folder / "predictions.jsonl").write_text("".join(lines))
        return folder

    return store


def tool_acc(comparison, setting="all", reader="robust"):
    return comparison.differences[setting][reader]["tool_acc"]


def test_right_everywhere_against_wrong_everywhere(stored):
    """Of 32 equally likely signs of five gains only all plus and all minus are as far from 0."""
    comparison = compare(stored("a", [WRONG] * 5), stored("b", [RIGHT] * 5))
    assert tool_acc(comparison) == {"a": 0, "b": 1, "value": 1, "low": 1, "high": 1, "p_value": 2 / 32}
    assert comparison.differences["all"]["paper"]["param_acc"] == {
        "a": 1,
        "b": 1,
        "value": 0,
        "low": 0,
        "high": 0,
        "p_value": 1,
    }
    assert comparison.differences["all"]["robust"]["joint_acc"] == tool_acc(comparison)
    assert comparison.differences["all"] == comparison.differences["chronological"]
    assert comparison.rows == 5


def test_four_gained_and_one_lost(stored):
    """A sum of signs of 3 or more, either way: (1 + 5) x 2 of 32. Intervals: of draws of five of +1 x 4 and -1."""
    a, b = stored("a", [RIGHT] + [WRONG] * 4), stored("b", [WRONG] + [RIGHT] * 4)
    difference = tool_acc(compare(a, b))
    assert difference["p_value"] == 12 / 32
    assert difference["value"] == pytest.approx(0.6)
    # The lost one is drawn binomially often, n = 5, p = 1/5: never with 33 %, more than 3 times with 0.7 %.
    assert (difference["low"], difference["high"]) == (pytest.approx(-0.2), 1)
    back = tool_acc(compare(b, a))
    assert (back["value"], back["low"], back["high"]) == (-difference["value"], -1, pytest.approx(0.2))
    assert back["p_value"] == difference["p_value"]


def test_rows_of_one_function_group_gain_together(tmp_path, stored):
    """All rows of one group: no interval, no test."""
    rows = [{**one, "group_id": "g"} for one in ROWS]
    write_dataset(tmp_path / "one" / "petoolbench", [("test", one) for one in rows], lambda: DATASET_FACTS)
    changed = {"dataset": str(tmp_path / "one" / "petoolbench"), "fingerprint": fingerprint(rows)}
    comparison = compare(stored("a", [WRONG] * 5, **changed), stored("b", [RIGHT] * 5, **changed))
    assert tool_acc(comparison) == {"a": 0, "b": 1, "value": 1, "low": None, "high": None, "p_value": None}
    assert "+100.0" in shown(comparison_table(comparison))


def test_repeats_are_averaged_by_row(stored):
    """A has one repeat, B two, of which the second is right in two rows: 2 of 5 against 7 of 10."""
    a = stored("a", [RIGHT, RIGHT, WRONG, WRONG, None])
    b = stored("b", [RIGHT] * 5, [RIGHT, RIGHT, WRONG, WRONG, WRONG])
    difference = tool_acc(compare(a, b))
    assert (difference["a"], difference["b"]) == (0.4, 0.7)
    assert difference["value"] == pytest.approx(0.3)
    assert difference["p_value"] == 8 / 32  # three gains of a half: all plus or all minus, whatever the other two


def test_flipped_rows_are_listed_with_both_replies(stored):
    a = stored("a", [RIGHT, RIGHT, WRONG, WRONG, None])
    b = stored("b", [RIGHT, WRONG, RIGHT, WRONG, "[bold]" + RIGHT])
    flipped = compare(a, b).flipped
    assert [(flip["id"], flip["right"]) for flip in flipped] == [
        ("u1/chronological", "a"),
        ("u2/chronological", "b"),
        ("u4/chronological", "b"),
    ]
    assert flipped[0] == {
        "id": "u1/chronological",
        "repeat": 0,
        "instruction": ROWS[1]["instruction"],
        "tool_call": ROWS[1]["tool_call"],
        "right": "a",
        "reply_a": RIGHT,
        "reply_b": WRONG,
    }
    assert flipped[2]["reply_a"] is None


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        (
            {"fingerprint": "0" * 16},
            r"cannot be compared: fingerprint is '\w{16}' in the first and '0{16}' in the sec",
        ),
        (
            {"dataset": "other"},
            "cannot be compared: dataset is '.*/petoolbench' in the first and 'other' in the second",
        ),
        ({"setting": "all"}, "cannot be compared: setting is 'chronological' in the first and 'all' in the second"),
    ],
)
def test_evaluations_of_other_rows_are_refused(stored, changed, message):
    with pytest.raises(InputError, match=message):
        compare(stored("a", [RIGHT] * 5), stored("b", [RIGHT] * 5, **changed))


def test_a_dataset_that_has_changed_is_refused(stored):
    changed = {"fingerprint": "0" * 16}
    with pytest.raises(InputError, match="holds other rows than when it was evaluated on; evaluate again"):
        compare(stored("a", [RIGHT] * 5, **changed), stored("b", [RIGHT] * 5, **changed))


def test_fingerprints_differ_by_rows_order_and_columns():
    others = [ROWS[::-1], ROWS[:-1], [{**ROWS[0], "category": "x"}, *ROWS[1:]], []]
    prints = [fingerprint(rows) for rows in [ROWS, *others]]
    assert len(set(prints)) == 5
    assert fingerprint(iter(ROWS)) == prints[0]
    assert {len(digits) for digits in prints} == {16}


# --- reading a folder -----------------------------------------------------------------------------------------------


def test_half_a_line_at_the_end_is_ignored(stored):
    folder = stored("a", [RIGHT] * 5)
    with open(folder / "predictions.jsonl", "ab") as file:
        file.write('{"id": "u4/chronological", "repeat": 1, "reply": "五'.encode()[:-1])
    assert list(read_results(folder).predictions) == [prediction(one, RIGHT) for one in ROWS]


def test_a_run_that_stopped_before_its_first_reply_has_none(stored):
    folder = stored("a")
    (folder / "predictions.jsonl").unlink()
    assert list(read_results(folder).predictions) == []


@pytest.mark.parametrize(
    "line",
    [
        "{",
        "",
        "[]",
        "{}",
        '{"id": 1, "repeat": 0, "reply": ""}',
        '{"id": "u", "repeat": -1, "reply": ""}',
        '{"id": "u", "repeat": 0}',
        '{"id": "u", "repeat": 0, "reply": 5}',
        "[" * 100_000,
    ],
)
def test_a_damaged_line_is_named(stored, line):
    folder = stored("a", [RIGHT] * 5)
    before = (folder / "predictions.jsonl").read_text()
    (folder / "predictions.jsonl").write_text(f"{before}{line}\n{before}")
    with pytest.raises(InputError, match=r"predictions\.jsonl, line 6: not a prediction; remove the line"):
        read_results(folder)


@pytest.mark.parametrize(
    ("manifest", "message"),
    [
        (None, r"does not hold an evaluation \(manifest\.json is missing\); name a folder that"),
        ("[]", r"manifest\.json is not a manifest of an evaluation"),
        ('{"model": "m"}', r"manifest\.json is not a manifest of an evaluation"),
        ('{"model": ', "manifest.json, line 1: not valid JSON"),
    ],
)
def test_a_folder_without_an_evaluation_is_named(tmp_path, manifest, message):
    if manifest is not None:
        (tmp_path / "manifest.json").write_text(manifest)
    with pytest.raises(InputError, match=message):
        read_results(tmp_path)


# --- in a terminal --------------------------------------------------------------------------------------------------


def test_a_comparison_is_shown_with_intervals_p_values_and_flips(stored):
    a = stored("a", [RIGHT] + [WRONG] * 4)
    comparison = compare(a, stored("b", [WRONG] + ["\x1b[31m[bold]" + RIGHT + "." * 1_000] * 4))
    table = shown(comparison_table(comparison))
    for text in (
        "A is openai:a, B is openai:b; 5 rows",
        "+60.0 (\N{MINUS SIGN}20.0 to +100.0)",
        "p = 0.3750",
        "robust",
        "paper",
    ):
        assert text in table
    flips = shown(flipped_view(comparison, 2))
    assert "by B only in 4 rows, and by A only in 1 (robust reader)" in flips
    assert "u0/chronological" in flips and "u1/chronological" in flips and "u2/chronological" not in flips
    assert "[bold]" in flips and "\x1b" not in flips and "." * 400 not in flips.replace("\n", "")
    assert "A, right" in flips and "B, right" in flips
