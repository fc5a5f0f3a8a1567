"""Nothing is ever half-written, and folders that are not ours are left alone."""

import errno
import json
import os
import socket
import subprocess
import sys
import time
from unittest.mock import patch

import pytest
from petoolkit.builder.dataset_folder import check_replaceable, write_dataset

from petoolbench import InputError
from petoolkit.files import content_hash, read_json_lines, replacing, restore_folder, write_json_lines

DAY = 24 * 3600


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_rows_are_written_in_one_piece(tmp_path):
    assert write_json_lines(tmp_path / "a.jsonl", [{"x": "é"}, {"x": 2}]) == 2
    assert list(read_json_lines(tmp_path / "a.jsonl")) == [{"x": "é"}, {"x": 2}]
    assert names(tmp_path) == ["a.jsonl"]


def test_an_error_half_way_leaves_what_was_there(tmp_path):
    def rows():
        yield {"x": 1}
        raise RuntimeError("half way")

    write_json_lines(tmp_path / "a.jsonl", [{"x": 0}])
    with pytest.raises(RuntimeError):
        write_json_lines(tmp_path / "a.jsonl", rows())
    assert list(read_json_lines(tmp_path / "a.jsonl")) == [{"x": 0}]
    assert names(tmp_path) == ["a.jsonl"]


def test_a_full_disk_is_told_in_a_sentence_and_loses_nothing(tmp_path):
    def rows():
        yield {"x": 1}
        raise OSError(errno.ENOSPC, "No space left on device")

    write_json_lines(tmp_path / "a.jsonl", [{"x": 0}])
    with pytest.raises(InputError, match=r"a\.jsonl cannot be written \(No space left on device\); free some space"):
        write_json_lines(tmp_path / "a.jsonl", rows())
    assert list(read_json_lines(tmp_path / "a.jsonl")) == [{"x": 0}]
    assert names(tmp_path) == ["a.jsonl"]


def test_a_place_below_a_file_is_told_in_a_sentence(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="cannot be written"):
        write_json_lines(tmp_path / "file" / "a.jsonl", [])


def test_a_folder_is_replaced_whole(tmp_path):
    for content in "ab":
        with replacing(tmp_path / "out") as beside:
            beside.mkdir()
            (beside / content).write_text(content)
    assert names(tmp_path) == ["out"]
    assert names(tmp_path / "out") == ["b"]


def test_a_kill_between_the_two_renames_is_made_good(tmp_path):
    (tmp_path / ".out.old").mkdir()
    (tmp_path / ".out.old" / "a").write_text("")
    restore_folder(tmp_path / "out")
    assert names(tmp_path) == ["out"]


def temporary_of(target, machine, process):
    """The temporary path of a target of a process on a machine."""
    with (
        patch("socket.gethostname", return_value=machine),
        patch("os.getpid", return_value=process),
        replacing(target) as temporary,
    ):
        temporary.mkdir()
    target.rmdir()
    return temporary


@pytest.fixture
def dead_process():
    """The number of a process that has ended."""
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


@pytest.mark.parametrize(
    ("machine", "age", "is_removed"),
    [(None, 0, True), ("another", 0, False), ("another", 6.9 * DAY, False), ("another", 7.1 * DAY, True)],
)
def test_leftovers_are_removed_once_their_writer_is_surely_dead(tmp_path, dead_process, machine, age, is_removed):
    """Process numbers are known of this machine only, and the folder may be shared."""
    leftover = temporary_of(tmp_path / "out", machine or socket.gethostname(), dead_process)
    (leftover / "data").mkdir(parents=True)
    for path in (leftover / "data", leftover):
        os.utime(path, (time.time() - age,) * 2)
    write_json_lines(tmp_path / "out", [])
    assert leftover.exists() is not is_removed


def test_leftovers_of_a_living_process_and_of_other_targets_stay(tmp_path, dead_process):
    here = socket.gethostname()
    kept = [
        temporary_of(tmp_path / "out", here, os.getppid()),
        temporary_of(tmp_path / "out.jsonl", here, dead_process),
        tmp_path / f".out.{dead_process}.tmp",  # not a name that this version gives
    ]
    for path in kept:
        path.write_text("")
    write_json_lines(tmp_path / "out", [])
    assert all(path.exists() for path in kept)


def test_brackets_in_a_name_are_no_pattern(tmp_path, dead_process):
    leftover = temporary_of(tmp_path / "out[1]", socket.gethostname(), dead_process)
    leftover.write_text("")
    write_json_lines(tmp_path / "out[1]", [])
    assert not leftover.exists()


def test_a_replaced_folder_that_is_half_removed_is_not_restored(tmp_path, monkeypatch):
    """The process is killed while it removes the old folder; then the user removes the new one."""
    for content in "ab":
        with replacing(tmp_path / "out") as beside:
            beside.mkdir()
            (beside / content).write_text(content)
            if content == "b":
                monkeypatch.setattr("petoolkit.files._remove", lambda path: None)
    monkeypatch.undo()
    (tmp_path / "out" / "b").unlink()
    (tmp_path / "out").rmdir()
    restore_folder(tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_content_hash_sees_content_and_order(tmp_path):
    a, b = tmp_path / "a", tmp_path / "b"
    a.write_text("1")
    b.write_text("2")
    assert content_hash(a, b) != content_hash(b, a)
    first = content_hash(a)
    a.write_text("3")
    assert content_hash(a) != first


@pytest.mark.parametrize(
    ("files", "message"),
    [
        (["thesis.tex"], "is not a dataset that petoolbench wrote (it holds thesis.tex)"),
        (["README.md"], "is not a dataset that petoolbench wrote"),
        (["petoolbench.py", "data"], "is not a dataset"),
    ],
)
def test_a_folder_that_is_no_dataset_is_refused_and_kept(tmp_path, files, message):
    folder = tmp_path / "petoolbench"
    folder.mkdir()
    for name in files:
        (folder / name).write_text("mine")
    with pytest.raises(InputError) as error:
        write_dataset(folder, [], dict)
    assert message in str(error.value)
    assert names(folder) == sorted(files)


def test_a_dataset_with_something_of_the_users_in_it_is_refused(tmp_path):
    (tmp_path / "data").mkdir()
    (tmp_path / "README.md").write_text("library_name: petoolbench")
    check_replaceable(tmp_path)
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(InputError, match=r"also holds notes\.txt, which would be lost"):
        check_replaceable(tmp_path)


def test_json_lines_are_json_whatever_the_text(tmp_path):
    write_json_lines(tmp_path / "a.jsonl", [{"text": "a\nb\u2028c"}, {"text": "half a pair: \ud800"}])
    lines = (tmp_path / "a.jsonl").read_text(encoding="utf-8").split("\n")[:-1]
    assert [json.loads(line) for line in lines] == [{"text": "a\nb\u2028c"}, {"text": "half a pair: ?"}]
