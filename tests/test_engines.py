"""Engines: the same results in the chunks' order wherever they are done; a failed chunk is named."""

import os
import signal
import subprocess
import sys
import textwrap
import time
from functools import partial
from itertools import count, islice

import numpy as np
import psutil
import pyarrow as pa
import pytest
from chunk_functions import added, failing, kept_from_collections
from conftest import ROOT

from petoolbench import InputError
from petoolkit.engines.engine import HERE, ChunkFailed, make_engine
from petoolkit.engines.mapped_pickle import load_mapped, store_mapped


def ended(folder, chunk):
    """Ends its process the first time, or each time if the folder is called `always`."""
    if chunk == 3 and (folder.name == "always" or not (folder / "was here").exists()):
        (folder / "was here").touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return chunk


@pytest.mark.parametrize("workers", [1, 2])
def test_results_come_in_order_and_few_chunks_are_read_ahead(workers):
    engine, read = make_engine(workers), count()
    assert engine.number_of_workers == workers
    results = engine.run(partial(added, np.ones(100_000)), (next(read) for _ in count()))
    assert list(islice(results, 5)) == [(n, 100_000.0 + n) for n in range(5)]
    results.close()
    assert next(read) <= 10


def test_the_garbage_collector_of_a_worker_leaves_out_what_was_imported():
    assert all(number > 100_000 for _, number in make_engine(2).run(kept_from_collections, range(4)))


@pytest.mark.parametrize("workers", [1, 2])
def test_a_failed_chunk_is_named_and_a_users_mistake_passes(workers):
    engine = make_engine(workers)
    with pytest.raises(ChunkFailed, match=r"part 3 of the work failed \(KeyError: 'x'\); the same command goes on"):
        list(engine.run(partial(failing, KeyError("x")), range(5)))
    with pytest.raises(InputError, match=r"^mend your file\.$"):
        list(engine.run(partial(failing, InputError("mend your file.")), range(5)))


def test_chunks_of_a_worker_that_ended_are_done_again_and_named_if_it_ends_again(tmp_path):
    engine = make_engine(2)
    assert [result for _, result in engine.run(partial(ended, tmp_path), range(6))] == list(range(6))
    (tmp_path / "always").mkdir()
    with pytest.raises(ChunkFailed, match=r"part \d of the work failed \(a worker process was ended\); .*--workers"):
        list(engine.run(partial(ended, tmp_path / "always"), range(6)))


def test_arrays_are_mapped_and_all_else_is_copied(tmp_path):
    table = pa.table({"names": [["a"], [], None], "text": pa.array(["x", "y", "x"]).dictionary_encode()})
    value = {"array": np.arange(1_000), "empty": np.zeros((0, 3)), "text": "x", "function": lambda: 5}
    value |= {"table": table[1:], "batch": table.to_batches()[0][:2], "no rows": table[:0]}
    store_mapped(tmp_path / "value", value)
    found = load_mapped(tmp_path / "value")
    assert np.array_equal(found["array"], value["array"]) and found["empty"].shape == (0, 3)
    assert found["text"] == "x" and found["function"]() == 5
    assert all(found[name].equals(value[name]) for name in ("table", "batch", "no rows"))
    with pytest.raises(ValueError, match="read-only"):
        found["array"][0] = 1


@pytest.mark.slow
def test_a_script_without_a_guard_runs_once_and_workers_know_its_functions(tmp_path):
    script = tmp_path / "script.py"
    script.write_text(
        textwrap.dedent("""
        import os
        from petoolkit.engines.engine import make_engine
        print("begun")
        def doubled(chunk):
            return 2 * chunk, os.environ["OMP_NUM_THREADS"]
        print(list(make_engine(os.cpu_count() + 1).run(lambda chunk: doubled(chunk), range(3))))
        """)
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "7"}
    done = subprocess.run([sys.executable, script], env=environment, capture_output=True, text=True, timeout=60)
    assert done.stdout.splitlines() == ["begun", "[(0, (0, '1')), (1, (2, '1')), (2, (4, '1'))]"], done.stderr


@pytest.mark.slow
def test_ctrl_c_leaves_no_process():
    script = """
        import time
        from petoolkit.engines.engine import make_engine
        print("begun", flush=True)
        list(make_engine(2).run(lambda chunk: time.sleep(60), range(9)))
    """
    process = subprocess.Popen(
        [
            sys.executable,
            "-c",
            "import signal; signal.signal(2, signal.default_int_handler)" + textwrap.dedent(script),
        ],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout and process.stdout.readline() == "begun\n"
    deadline = time.monotonic() + 60
    while len(begun := psutil.Process(process.pid).children(recursive=True)) < 3:  # two, and one that cleans up
        assert time.monotonic() < deadline
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=60)
    assert "KeyboardInterrupt" in said and said.count("Traceback") == 1
    assert not psutil.wait_procs(begun, timeout=20)[1]


def test_one_worker_is_this_process():
    assert make_engine(1) is HERE
