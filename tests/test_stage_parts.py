"""Parts of a stage: cut with the rows that belong to them, kept when a build stops, and the same in any number."""

import errno
import io
import json
from functools import partial

import pytest
from petoolkit.builder.growing_file import growing
from petoolkit.builder.row_statistics import RowStatistics
from petoolkit.builder.run_folder import PartsOfStage, RunFolder
from petoolkit.builder.stage_notes import Notes
from petoolkit.builder.stage_parts import InParts, PartWork
from rich.console import Console
from rows import past_call, row

from petoolbench import InputError
from petoolkit.engines.engine import make_engine

RECORDS = [{"id": f"r{n}", "rejected": "odd" if n % 2 else None} for n in range(7)]


def doubled(records, texts, before, notes):
    text_of = {row["id"]: row["text"] for row in texts}
    for number, record in enumerate(records):
        notes.counts["seen"] += 1
        yield {**record, "text": text_of.get(record["id"]), "number": before + number}


def parts(texts, size=3):
    cut = InParts(("records", "texts"), "id", size, "before", lambda rows: len(rows["records"]))
    return cut.cut({"records": RECORDS, "texts": texts})


def test_a_part_has_the_rows_of_its_records_and_what_was_counted_before():
    texts = [{"id": record, "text": text} for record, text in (("r0", "a"), ("r4", "b"), ("r4", "c"), ("r6", "d"))]
    found = [(len(part["records"]), [one["text"] for one in part["texts"]], part["before"]) for part in parts(texts)]
    assert found == [
        (3, ["a"], 0),
        (3, ["b", "c"], 3),
        (1, ["d"], 6),
    ]


def do(folder, engine, texts, work=doubled, key=1):
    run = RunFolder(folder, ["first", "last"], Console(file=io.StringIO()))
    made = partial(PartsOfStage, PartWork(work, {}, True), parts(texts), 3, engine)
    run.do("first", lambda notes: made(), {"made of": key})
    return run


@pytest.mark.parametrize("workers", [1, 2])
def test_a_stage_in_parts_is_written_like_any_other(tmp_path, workers):
    run = do(tmp_path, make_engine(workers), [{"id": "r4", "text": "b"}])
    rows = list(run.rows("first"))
    assert [row["number"] for row in rows] == list(range(7)) and rows[4]["text"] == "b"
    manifest = run.manifest("first")
    assert manifest["rows"] == 7
    assert manifest["counts"] == {"accepted": 4, "rejected: odd": 3, "seen": 7}
    assert {path.name for path in tmp_path.iterdir()} == {"1-first.jsonl", "1-first.manifest.json"}


def failing_at(record, error, records, texts, before, notes):
    for made in doubled(records, texts, before, notes):
        if made["id"] == record:
            raise error
        yield made


def test_parts_of_a_stopped_stage_are_not_done_again_unless_something_changed(tmp_path):
    engine = make_engine(1)
    with pytest.raises(KeyboardInterrupt):
        do(tmp_path, engine, [], partial(failing_at, "r5", KeyboardInterrupt()))
    assert not (tmp_path / "1-first.jsonl").exists()
    (tmp_path / ".1-first.jsonl.partial").open("a").write('{"half a li')  # as if it had been killed while writing
    run = do(tmp_path, engine, [], partial(failing_at, "r1", AssertionError("done again")))
    assert [row["number"] for row in run.rows("first")] == list(range(7))
    assert run.manifest("first")["counts"] == {"accepted": 4, "rejected: odd": 3, "seen": 7}

    with pytest.raises(InputError, match="part 3 of the stage first failed \\(ValueError: no\\)"):
        do(tmp_path, engine, [], partial(failing_at, "r6", ValueError("no")), key=2)
    assert len(list(run.rows("first"))) == 7  # what was complete before stays
    with pytest.raises(InputError, match="part 1 of the stage first failed \\(AssertionError: done again\\)"):
        do(tmp_path, engine, [], partial(failing_at, "r1", AssertionError("done again")), key=3)


def test_a_full_disk_leaves_the_old_file_and_the_parts(tmp_path):
    target = tmp_path / "rows.jsonl"
    target.write_text("old")
    with (
        pytest.raises(
            InputError, match=r"rows.jsonl cannot be written \(No space left .*goes on from what is finished"
        ),
        growing(target, {}, lambda part: None) as file,
    ):
        file.add(PartWork(doubled, {}, True)(next(parts([]))))
        raise OSError(errno.ENOSPC, "No space left on device")
    assert target.read_text() == "old"
    found = []
    with growing(target, {}, found.append) as file:
        assert file.parts == 1 and found[0].rows == 3
    assert len(target.read_text().splitlines()) == 3


def test_statistics_of_parts_add_up():
    rows = [
        row(f"u{n // 2}", setting, "Aerwyn", [past_call("Aerwyn", 1)] * (n % 3), group=f"g{n % 4}")
        for n in range(12)
        for setting in ("preferred_only", "rating_integrated")
    ]
    whole, merged = RowStatistics(), RowStatistics()
    for start in range(0, len(rows), 5):
        of_part = RowStatistics()
        for one in rows[start : start + 5]:
            whole.add(one)
            of_part.add(one)
        merged.merge(json.loads(json.dumps(of_part.state())))
    assert merged.summary() == whole.summary()
    assert whole.summary()["users"] == 6 and whole.summary()["rows"] == 24
    assert Notes().statistics is None
