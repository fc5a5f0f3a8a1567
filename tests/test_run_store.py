"""A run in an object store: whoever goes on elsewhere finds what was finished, and one process writes at a time."""

import errno
import io
import json
import pickle
import shutil
import time
from contextlib import contextmanager
from functools import partial

import fsspec
import numpy as np
import pytest
from click.testing import CliRunner
from petoolkit.builder import run_store
from petoolkit.builder.run_folder import PartsOfStage, RunFolder
from petoolkit.builder.run_store import opened_run
from petoolkit.builder.stage_parts import InParts, PartWork
from rich.console import Console

from petoolbench import InputError
from petoolbench_cli import main
from petoolkit.engines.engine import HERE
from petoolkit.engines.object_store import store_of
from petoolkit.vector_file import VectorFile

RECORDS = [{"id": f"r{n}"} for n in range(7)]


@pytest.fixture
def url(tmp_path):
    return f"memory://{tmp_path.name}/run"


def objects(url):
    store, root = store_of(url)
    return {path.removeprefix(f"{root}/"): store.cat_file(path) for path in store.find(root)}


class Machine:
    """Has a cache of its own."""

    def __init__(self, cache, monkeypatch):
        self._cache, self._monkeypatch = cache, monkeypatch
        self.made = []

    @contextmanager
    def run(self, url):
        self._monkeypatch.setenv("PETOOLBENCH_CACHE", str(self._cache))
        with opened_run(url) as (folder, store):
            yield RunFolder(folder, ["first", "last"], Console(file=io.StringIO()), store)

    def do(self, url, stops_at=None, error=KeyboardInterrupt, key=1):
        """Do the stage `first` in parts of two records; returns its text."""
        self.made = []

        def rows(records):
            for record in records:
                if record["id"] == stops_at:
                    raise error
                self.made.append(record["id"])
                yield {**record, "key": key}

        with self.run(url) as run:
            parts = InParts(("records",), size=2).cut({"records": RECORDS})
            made = partial(PartsOfStage, PartWork(rows, {}, False), parts, 2, HERE)
            run.do("first", lambda notes: made(), {"made of": key})
            return run.path("first").read_text()


@pytest.fixture
def machine(tmp_path, monkeypatch):
    return lambda name: Machine(tmp_path / name, monkeypatch)


def test_another_machine_goes_on_behind_the_last_finished_part(url, machine):
    first, second = machine("a"), machine("b")
    with pytest.raises(KeyboardInterrupt):
        first.do(url, stops_at="r5")
    assert first.made == ["r0", "r1", "r2", "r3", "r4"]
    text = second.do(url)
    assert second.made == ["r4", "r5", "r6"]
    assert text == machine("c").do(f"{url}-in-one-go")
    assert objects(url).keys() == {"1-first.jsonl", "1-first.manifest.json", "writer.json"}
    assert objects(url)["1-first.jsonl"].decode() == text
    assert first.do(url) == text and first.made == []  # its copy, which is older, is not what counts


def test_a_machine_takes_its_own_copy_as_it_is_if_nobody_else_has_written(url, machine, monkeypatch):
    one = machine("a")
    one.do(url)
    store, _ = store_of(url)
    monkeypatch.setattr(type(store), "get_file", None)
    one.do(url)
    assert one.made == []


def test_parts_made_of_something_else_are_removed_from_the_store(url, machine):
    with pytest.raises(KeyboardInterrupt):
        machine("a").do(url, stops_at="r5")
    with pytest.raises(KeyboardInterrupt):
        machine("b").do(url, stops_at="r3", key=2)
    assert len([name for name in objects(url) if name.startswith("1-first.jsonl.parts/")]) == 2  # rows and journal
    last = machine("c")
    text = last.do(url, key=2)
    assert last.made == ["r2", "r3", "r4", "r5", "r6"]
    assert [json.loads(line)["key"] for line in text.splitlines()] == [2] * 7


def test_an_addition_without_its_journal_or_behind_a_gap_does_not_count(url, machine, monkeypatch):
    monkeypatch.setattr("petoolkit.builder.stored_growth._AT_LEAST", 0)  # an addition a part
    with pytest.raises(KeyboardInterrupt):
        machine("a").do(url, stops_at="r6")
    store, root = store_of(url)
    [second] = [path for path in store.find(root) if path.endswith("000001.journal")]
    store.rm_file(second)
    other = machine("b")
    assert len(other.do(url).splitlines()) == 7
    assert other.made == ["r2", "r3", "r4", "r5", "r6"]


def test_what_is_sent_at_once_is_bounded_and_a_part_counts_when_all_of_it_is_there(url, machine, monkeypatch):
    monkeypatch.setattr("petoolkit.builder.stored_growth._AT_ONCE", 33)  # bytes; a part has 44
    with pytest.raises(KeyboardInterrupt):
        machine("a").do(url, stops_at="r5")
    rows = {name: content for name, content in objects(url).items() if name.endswith(".rows")}
    assert len(rows) == 4 and max(map(len, rows.values())) == 33
    last = machine("b")
    assert last.do(url) == machine("c").do(f"{url}-in-one-go")
    assert last.made == ["r4", "r5", "r6"]
    with pytest.raises(KeyboardInterrupt):
        machine("a").do(f"{url}-cut", stops_at="r5")
    store, root = store_of(f"{url}-cut")
    store.rm_file(max(path for path in store.find(root) if path.endswith(".rows")))
    assert len(last.do(f"{url}-cut").splitlines()) == 7
    assert last.made == ["r2", "r3", "r4", "r5", "r6"]


def test_one_process_writes_a_run(url, machine):
    store, root = store_of(url)
    elsewhere = {"token": "t", "machine": "node-7", "process": 12, "time": time.time() - 40, "ended": False}
    store.pipe_file(f"{root}/writer.json", json.dumps(elsewhere).encode())
    with pytest.raises(InputError, match=r"written by process 12 on node-7 \(last sign of life 4\d seconds ago\)"):
        machine("a").do(url)
    for writer in (
        {**elsewhere, "time": time.time() - 700},
        {**elsewhere, "ended": True},
        {**elsewhere, "machine": run_store.socket.gethostname(), "process": 2**22 + 1},  # no such process
    ):
        store.pipe_file(f"{root}/writer.json", json.dumps(writer).encode())
        machine("a").do(url)


def test_a_writer_stops_when_another_has_taken_over(url, machine, monkeypatch):
    monkeypatch.setattr(run_store, "_HEARTBEAT", 0.05)
    store, root = store_of(url)
    with pytest.raises(InputError, match="process 5 on node-7 meanwhile"), machine("a").run(url) as run:
        store.pipe_file(f"{root}/writer.json", b'{"token": "t", "machine": "node-7", "process": 5, "ended": false}')
        for _ in range(100):
            time.sleep(0.05)
            run.record("something", {"time": time.time()})
            run.shared(run.folder / "something.json")
    assert json.loads(objects(url)["writer.json"])["token"] == "t"


def test_what_was_made_is_not_lost_when_the_store_cannot_be_reached(url, machine, monkeypatch):
    one = machine("a")
    store, _ = store_of(url)
    with monkeypatch.context() as broken:
        broken.setattr(type(store), "put_file", lambda *given: 1 / 0)
        with pytest.raises(InputError, match=r"cannot be reached \(ZeroDivisionError.*the same command goes on"):
            one.do(url)
    one.do(url)
    assert one.made == [] and "1-first.jsonl" in objects(url)


def test_a_full_disk_is_not_taken_for_a_store_that_is_down(url, machine, monkeypatch):
    machine("a").do(url)
    store, _ = store_of(url)

    def full(*given):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(type(store), "get_file", full)
    with pytest.raises(InputError, match=r"a disk is full \(.*No space left on device\); free some space\. What was"):
        machine("b").do(url)


def test_a_copy_that_is_fetched_again_is_named_and_one_that_is_taken_as_it_is_is_not(url, machine, capfd):
    machine("a").do(url)
    assert "Fetching" not in capfd.readouterr().err
    machine("a").do(url)
    assert "Fetching" not in capfd.readouterr().err
    machine("b").do(url)
    assert f"Fetching {url}/, which was last written by process" in " ".join(capfd.readouterr().err.split())


def test_a_copy_is_fetched_again_if_the_store_does_not_tell_whose_its_state_is(url, machine, tmp_path):
    one = machine("a")
    text = one.do(url)
    (state,) = (tmp_path / "a").rglob(".kept.json")
    state.write_text(json.dumps({"kept": {}}))
    (state.parent / "1-first.jsonl").write_text("of another run\n")
    store, root = store_of(url)
    store.pipe_file(f"{root}/writer.json", json.dumps({"ended": True}).encode())
    assert one.do(url) == text and one.made == []


def test_workers_elsewhere_fetch_a_shared_file_once(url, machine, tmp_path, monkeypatch):
    with machine("a").run(url) as run:
        path = run.folder / "vectors.npy"
        np.save(path, np.zeros(3, [("text", "<u8"), ("vector", "<f4", (2,))]))
        sent = pickle.dumps(VectorFile(run.shared(path)))
    shutil.rmtree(tmp_path / "a")
    monkeypatch.setenv("PETOOLBENCH_CACHE", str(tmp_path / "node"))
    assert pickle.loads(sent).vectors(np.array([0, 1])).shape == (2, 2)
    store, root = store_of(url)
    store.rm(root, recursive=True)
    assert len(pickle.loads(sent).find(["a"])) == 1


@pytest.mark.parametrize(
    ("place", "said"),
    [
        ("nosuch://bucket/run", "no file system is known for nosuch://; take one of fsspec's, such as s3, gs or az."),
        ("oss://bucket/run", "oss://bucket/run needs the package ossfs: pip install ossfs"),
    ],
)
def test_a_url_without_a_file_system_is_a_sentence(place, said, tmp_path):
    options = ["build", "--recipe", "quickstart", "--run", place, "--dataset", str(tmp_path / "d")]
    done = CliRunner().invoke(main, options)
    assert done.exit_code == 2 and said in " ".join(done.output.split())
    assert not (tmp_path / "d").exists()


def test_a_build_in_a_store_gives_the_bytes_of_one_in_a_folder(tmp_path, monkeypatch):
    options = ["build", "--recipe", "quickstart", "--users", "12"]
    for place, dataset in ((f"memory://{tmp_path.name}/run", "a"), (str(tmp_path / "run"), "b")):
        done = CliRunner().invoke(main, [*options, "--run", place, "--dataset", str(tmp_path / dataset)])
        assert done.exit_code == 0, done.output
    files = sorted(path.relative_to(tmp_path / "a") for path in (tmp_path / "a").rglob("*.parquet"))
    assert files and all((tmp_path / "a" / one).read_bytes() == (tmp_path / "b" / one).read_bytes() for one in files)
    assert fsspec.filesystem("memory").exists(f"/{tmp_path.name}/run/export.manifest.json")
