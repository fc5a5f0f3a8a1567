"""Folders that are written are locked: a second process is refused, and what a killed one left is no obstacle."""

import errno
import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from conftest import ROOT
from filelock import FileLock
from folder_holder import held
from petoolkit.builder.dataset_folder import write_dataset
from petoolkit.builder.released_import import import_released
from rich.console import Console
from rows import row

from petoolbench import InputError
from petoolkit.dataset_record import DatasetRecord
from petoolkit.evaluator import dataset_rows
from petoolkit.evaluator.dataset_rows import find_rows, load_rows
from petoolkit.evaluator.evaluate import evaluate
from petoolkit.evaluator.report.write_report import write_report
from petoolkit.explorer.index import read_index
from petoolkit.files import replacing, write_json
from petoolkit.folder_lock import locked
from petoolkit.publisher.pack_dataset import DatasetOptions, pack_dataset

QUIET = Console(quiet=True)


def command(*words: str, cwd: Path) -> subprocess.Popen:
    """The command `petoolbench` in another process."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    words = (sys.executable, "-c", "from petoolbench_cli import main; main()", *words)
    return subprocess.Popen(words, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment, cwd=cwd)


def write(folder: Path, *texts: str) -> None:
    rows = [{**row(f"u{number}", "chronological", "Aerwyn"), "instruction": text} for number, text in enumerate(texts)]
    write_dataset(folder, (("test", one) for one in rows), lambda: DatasetRecord(origin="build", author="offline"))


def parquet(folder: Path) -> Path:
    return folder / "data" / "chronological" / "test-00000-of-00001.parquet"


def instructions(folder: Path) -> list[str]:
    return [one["instruction"] for one in load_rows(str(folder), "chronological", "test")]


def edit(folder: Path, column: str, values: list) -> None:
    table = pq.read_table(parquet(folder))
    position = table.column_names.index(column)
    pq.write_table(table.set_column(position, column, pa.array(values)), parquet(folder))


def test_a_second_process_is_refused_and_told_which_one_writes(tmp_path):
    with held(tmp_path / "out") as process, pytest.raises(InputError) as error, locked(tmp_path / "out"):
        pass
    assert f"is being written by process {process.pid} on {socket.gethostname()}; wait until" in str(error.value)


def test_the_lock_of_a_dead_process_is_taken_over_whatever_its_text_says(tmp_path):
    with held(tmp_path / "out"):
        pass  # it is killed
    file = tmp_path / ".out.lock"
    assert file.exists()
    file.write_text(json.dumps({"process": os.getppid(), "machine": socket.gethostname()}))  # a number used again
    with locked(tmp_path / "out"):
        pass
    assert not file.exists()


def test_a_link_and_its_folder_have_one_lock(tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    with held(tmp_path / "link"), pytest.raises(InputError, match="is being written"), locked(tmp_path / "real"):
        pass


def test_a_file_system_without_locks_is_named_once_and_the_work_goes_on(tmp_path, monkeypatch, capsys):
    def acquire(*arguments, **options):
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(FileLock, "acquire", acquire)
    with locked(tmp_path / "out"):
        pass
    said = " ".join(capsys.readouterr().err.split())
    assert said.count("cannot be locked (No locks available): do not write it from two processes at once.") == 1


def test_each_command_that_writes_refuses_a_folder_that_another_process_writes(tmp_path, official_part):
    dataset = tmp_path / "petoolbench"
    write(dataset, "a")
    with held(tmp_path / "results"), pytest.raises(InputError, match="results/ is being written by process"):
        evaluate(str(dataset), "all", "baseline:random", tmp_path / "results", console=QUIET)
    evaluate(str(dataset), "all", "baseline:random", tmp_path / "results", console=QUIET)
    with held(tmp_path / "report"), pytest.raises(InputError, match="report/ is being written by process"):
        write_report([tmp_path / "results"], tmp_path / "report")
    with held(tmp_path / "results"):
        scored = command("score", "results", cwd=tmp_path)
        assert "is being written by process" in " ".join(scored.communicate()[1].split())
    with held(dataset), pytest.raises(InputError, match="petoolbench/ is being written by process"):
        import_released(official_part, dataset, QUIET, replace=True)


@pytest.mark.slow
def test_of_two_builds_started_together_one_is_refused(tmp_path):
    started = [
        command("build", "--users", "24", "--seed", seed, "--dataset", f"data{seed}", "--run", "run", cwd=tmp_path)
        for seed in ("1", "2")
    ]
    said = [process.communicate()[1] for process in started]
    assert sorted(process.returncode for process in started) == [0, 2]
    refused = next(number for number, process in enumerate(started) if process.returncode)
    assert f"is being written by process {started[1 - refused].pid} on" in " ".join(said[refused].split())
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([f"data{2 - refused}", "run"])


@pytest.mark.parametrize("run", ["petoolbench", "petoolbench/run", "elsewhere/../petoolbench/run"])
def test_a_run_in_the_dataset_is_refused_before_anything_is_done(tmp_path, run):
    process = command("build", "--users", "24", "--dataset", "petoolbench", "--run", run, cwd=tmp_path)
    said = " ".join(process.communicate()[1].split())
    assert process.returncode == 2
    assert "is in the dataset's folder petoolbench/, which a build replaces; give another --run." in said
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("url", ["s3://bucket/runs", "memory://runs"])
def test_a_url_is_refused_and_no_folder_of_its_name_is_made(tmp_path, url):
    process = command("build", "--users", "24", "--dataset", url, cwd=tmp_path)
    said = " ".join(process.communicate()[1].split())
    assert process.returncode == 2
    assert f"Error: {url} is a URL, and only the --run of a build can be one; mount the store as a folder" in said
    assert not list(tmp_path.iterdir())


def test_results_in_the_dataset_are_refused(tmp_path):
    write(tmp_path / "petoolbench", "a")
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(InputError, match="give another --out"):
        evaluate(str(tmp_path / "petoolbench"), "all", "baseline:random", tmp_path / "petoolbench" / "out")
    assert sorted(tmp_path.rglob("*")) == before


def test_an_edited_file_is_read_as_it_is(tmp_path):
    write(tmp_path / "d", "one", "two")
    card = (tmp_path / "d" / "README.md").read_bytes()
    assert instructions(tmp_path / "d") == ["one", "two"]
    times = os.stat(parquet(tmp_path / "d"))
    edit(tmp_path / "d", "instruction", ["uno", "due"])
    os.utime(parquet(tmp_path / "d"), ns=(times.st_atime_ns, times.st_mtime_ns))  # as a copy tool keeps them
    assert instructions(tmp_path / "d") == ["uno", "due"]
    assert (tmp_path / "d" / "README.md").read_bytes() == card
    edit(tmp_path / "d", "instruction", ["one", "two"])
    assert instructions(tmp_path / "d") == ["one", "two"]


def test_a_repeated_id_is_refused(tmp_path):
    write(tmp_path / "d", "one", "two")
    edit(tmp_path / "d", "id", ["u0/chronological"] * 2)
    with pytest.raises(InputError, match="ids that more than one row has: u0/chronological; correct the rows"):
        load_rows(str(tmp_path / "d"), "chronological", "test")


def test_a_link_to_a_dataset_is_written_through(tmp_path):
    (tmp_path / "disk").mkdir()
    (tmp_path / "link").symlink_to("disk")
    for text in ("one", "two"):
        write(tmp_path / "link", text)
        assert (tmp_path / "link").is_symlink()
        assert pq.read_table(parquet(tmp_path / "disk"))["instruction"].to_pylist() == [text]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["disk", "link"]


def test_a_link_left_by_an_earlier_version_does_not_block_a_dataset(tmp_path):
    write(tmp_path / "d", "one")
    (tmp_path / ".d.old").symlink_to(tmp_path)
    write(tmp_path / "d", "two")
    assert pq.read_table(parquet(tmp_path / "d"))["instruction"].to_pylist() == ["two"]


def test_a_dataset_that_a_killed_build_was_replacing_is_found_by_its_readers(tmp_path):
    write(tmp_path / "d", "one")
    os.rename(tmp_path / "d", tmp_path / ".d.old")
    with held(tmp_path / "other"):
        assert find_rows(str(tmp_path / "d"), None, None)[0]["instruction"] == "one"
    assert (tmp_path / "d").is_dir()
    assert not (tmp_path / ".d.old").exists()


def test_a_dataset_that_a_killed_build_was_replacing_is_published(tmp_path):
    write(tmp_path / "d", "one")
    os.rename(tmp_path / "d", tmp_path / ".d.old")
    pack_dataset(tmp_path / "d", "user/d", DatasetOptions(rules=False), QUIET)


def test_a_dataset_that_is_being_replaced_is_left_to_its_writer(tmp_path):
    write(tmp_path / "d", "one")
    with held(tmp_path / "d"):
        os.rename(tmp_path / "d", tmp_path / ".d.old")
        with pytest.raises(InputError, match="is being written by process"):
            find_rows(str(tmp_path / "d"), None, None)
    assert (tmp_path / ".d.old").is_dir()


def test_leftovers_of_a_dead_process_with_this_ones_number_do_not_become_part(tmp_path):
    with replacing(tmp_path / "d") as temporary:
        temporary.mkdir()
    leftover = temporary / "data" / "chronological"
    leftover.mkdir(parents=True)
    (leftover / "train-00000-of-00001.parquet").write_text("half")
    write(tmp_path / "d", "one")
    files = sorted(
        path.relative_to(tmp_path / "d" / "data").as_posix() for path in (tmp_path / "d").rglob("*.parquet")
    )
    assert files == [f"{config}/test-00000-of-00001.parquet" for config in ("chat", "chronological")]


def test_a_file_that_is_a_link_is_written_through(tmp_path):
    write_json(tmp_path / "real.json", 1)
    (tmp_path / "link.json").symlink_to("real.json")
    with replacing(tmp_path / "link.json") as temporary:
        temporary.write_text("2")
    assert (tmp_path / "link.json").is_symlink()
    assert (tmp_path / "real.json").read_text() == "2"


@pytest.fixture
def replaced_while_read(tmp_path, monkeypatch):
    """A dataset that another process replaces after the content of its files was looked at, before they are read."""
    write(tmp_path / "d", "old one", "old two")
    kept = dataset_rows.cache_of

    def cache_of(dataset, config=None):
        named = kept(dataset, config)
        write(tmp_path / "d", "new one", "new two", "new three")
        monkeypatch.undo()
        return named

    monkeypatch.setattr(dataset_rows, "cache_of", cache_of)
    return tmp_path / "d"


@pytest.mark.parametrize(
    "read",
    [
        lambda dataset: load_rows(dataset, "chronological", "test"),
        lambda dataset: dataset_rows.load_split(dataset, "all", "test"),
        dataset_rows.dataset_sizes,
        read_index,
    ],
)
def test_rows_of_two_datasets_are_never_mixed_nor_kept_under_the_name_of_one(replaced_while_read, read):
    with pytest.raises(InputError, match="d/ was replaced while it was read; run the same command again"):
        read(str(replaced_while_read))
    assert instructions(replaced_while_read) == ["new one", "new two", "new three"]
    write(replaced_while_read, "old one", "old two")
    assert instructions(replaced_while_read) == ["old one", "old two"]


def test_what_is_being_written_is_not_pushed(tmp_path):
    dataset, results = tmp_path / "d", tmp_path / "results"
    write(dataset, "a")
    evaluate(str(dataset), "all", "baseline:random", results, console=QUIET)
    for kind, folder, more in (("dataset", dataset, []), ("results", results, ["--predictions"])):
        with held(folder) as process:
            pushed = command("push", kind, str(folder), "me/x", "--dry-run", *more, cwd=tmp_path)
            said = " ".join(pushed.communicate()[1].split())
            assert f"is being written by process {process.pid} on" in said
            assert pushed.returncode == 2
