"""The engine on Ray, in a network that has loopback only: Ray listens at the machine's own address else.

Each test is a script that runs there; what it prints is compared.
"""

import json
import os
import signal
import subprocess
import sys
import textwrap

import pytest
from conftest import ROOT
from tiny_model import make_tiny_model

from petoolbench import InputError
from petoolkit.engines.engine import make_engine
from petoolkit.engines.installed_here import difference

IN_LOOPBACK = ["unshare", "-n", "sh", "-c", 'ip link set lo up && exec "$@"', "sh"]
OUT = "print-json "


def why_not():
    """Why Ray's tests can't run here; empty if they can."""
    try:
        import ray  # noqa: F401
    except ImportError:
        return "ray is not installed"
    try:
        tried = subprocess.run([*IN_LOOPBACK, "true"], capture_output=True, text=True)
    except OSError as error:
        return f"no network of its own can be made here: {error}"
    return f"no network of its own can be made here: {tried.stderr}" if tried.returncode else ""


@pytest.fixture(scope="module")
def in_loopback():
    if why := why_not():
        pytest.skip(why)

    def run(*command, timeout=300, **environment):
        given = {
            **os.environ,
            "PYTHONPATH": os.pathsep.join(map(str, (ROOT, ROOT / "tests", ROOT / "benchmarks"))),
            "RAY_USAGE_STATS_ENABLED": "0",
            **environment,
        }
        return subprocess.run(
            [*IN_LOOPBACK, sys.executable, *map(str, command)],
            env=given,
            capture_output=True,
            text=True,
            timeout=timeout,
        )

    return run


def printed(done):
    """What the script printed as JSON."""
    lines = [line.removeprefix(OUT) for line in done.stdout.splitlines() if line.startswith(OUT)]
    assert lines, done.stdout + done.stderr
    return json.loads(lines[-1])


@pytest.mark.slow
def test_results_come_in_order_and_failed_chunks_are_named(in_loopback, tmp_path):
    script = f"""
        import json, os, sys
        from functools import partial
        from itertools import count, islice
        import numpy as np
        from chunk_functions import added, failing
        from petoolbench import InputError
        from petoolkit.engines.engine import make_engine

        def failing_once(folder, chunk):
            if chunk == 1 and not os.path.exists(f"{{folder}}/was here"):
                open(f"{{folder}}/was here", "w").close()
                raise OSError(28, "No space left on device")
            return chunk

        def ended(chunk):
            os._exit(1)

        def said(function):
            try:
                return list(engine.run(function, range(4)))
            except InputError as error:
                return [type(error).__name__, str(error)]

        engine, read = make_engine(2, "ray"), count()
        results = engine.run(partial(added, np.ones(100_000)), (next(read) for _ in count()))
        first = list(islice(results, 5))
        results.close()
        print("{OUT}" + json.dumps([
            engine.number_of_workers, first, next(read),
            said(partial(failing, KeyError("x"))), said(partial(failing, InputError("mend your file."))),
            said(partial(failing_once, sys.argv[1])), said(ended),
        ]))
    """
    workers, first, read, named, mistake, again, lost = printed(in_loopback("-c", textwrap.dedent(script), tmp_path))
    assert workers == 2 and first == [[n, 100_000.0 + n] for n in range(5)] and read <= 10
    assert named[0] == "ChunkFailed"
    assert named[1].startswith("part 3 of the work failed (KeyError: 'x', on ") and "goes on from" in named[1]
    assert mistake == ["InputError", "mend your file."]
    assert again == [[n, n] for n in range(4)]
    assert lost[0] == "ChunkFailed" and "part 1 of the work failed (WorkerCrashedError" in lost[1]


@pytest.mark.slow
def test_a_build_and_an_evaluation_have_the_results_of_one_process(in_loopback, tmp_path):
    def run(*command):
        done = in_loopback("-m", "petoolbench_cli", *command)
        assert done.returncode == 0, done.stderr

    def build(name, *options):
        folder = tmp_path / name
        run(
            *("build", "--recipe", "quickstart", "--users", 100, *options),
            *("--run", folder / "run", "--dataset", folder / "dataset"),
        )
        return {
            file.relative_to(folder): file.read_bytes()
            for file in folder.rglob("*")
            if file.suffix in (".jsonl", ".parquet", ".arrow", ".npy")
        }

    def evaluate(name, *options):
        run(
            *("evaluate", "--dataset", tmp_path / "here" / "dataset", "--window", 600),
            *("--model", f"hf:{tmp_path / 'model'}", "--max-new-tokens", 8, "--out", tmp_path / name, *options),
        )
        lines = [json.loads(line) for line in (tmp_path / name / "predictions.jsonl").read_text().splitlines()]
        scores = json.loads((tmp_path / name / "scores.json").read_text())
        not_compared = {"usage", "started", "versions"}
        return (
            {line["id"]: (line["reply"], line["prompt_tokens"]) for line in lines},
            {key: value for key, value in scores.items() if key not in not_compared},
        )

    ray = ("--engine", "ray", "--workers", 2)
    assert build("here") == build("ray", *ray)
    make_tiny_model(tmp_path / "model", ["a call of a tool with its parameters"] * 20, 300)
    replies, scores = evaluate("results-here")
    assert len(replies) > 64 and scores["best_rule"]
    assert (replies, scores) == evaluate("results-ray", *ray)


@pytest.mark.slow
def test_a_killed_command_goes_on_behind_its_finished_parts(in_loopback, tmp_path):
    script = f"""
        import hashlib, json, signal, subprocess, sys
        from dataclasses import asdict
        from pathlib import Path
        from begun_again import begun_again

        def begin(name, *options):
            command = [sys.executable, "-m", "petoolbench_cli", "build", "--recipe", "embedded", "--users", "600"]
            folders = ["--run", f"{{name}}/run", "--dataset", f"{{name}}/dataset"]
            return subprocess.Popen([*command, *folders, *options], cwd=sys.argv[1])

        def hashes(name):
            folder = Path(sys.argv[1], name)
            files = [file for file in folder.rglob("*") if file.suffix in (".jsonl", ".parquet", ".arrow", ".npy")]
            return {{str(one.relative_to(folder)): hashlib.sha256(one.read_bytes()).hexdigest() for one in files}}

        assert begin("here").wait() == 0
        ray = "--engine", "ray", "--workers", "2"
        found = begun_again(lambda: begin("ray", *ray), Path(sys.argv[1], "ray", "run"), signal.SIGKILL)
        print("{OUT}" + json.dumps([asdict(found), hashes("here"), hashes("ray")]))
    """
    found, here, ray = printed(in_loopback("-c", textwrap.dedent(script), tmp_path, timeout=900))
    assert found["code"] == -signal.SIGKILL and found["parts"] >= 2
    assert found["code_again"] == 0 and found["keeps_parts"]
    assert here == ray


@pytest.mark.slow
def test_a_missing_cluster_and_other_code_are_one_sentence(in_loopback):
    script = f"""
        import json, sys
        from petoolbench import InputError
        from petoolkit.engines import ray_tasks
        from petoolkit.engines.engine import make_engine

        def said(address=None):
            try:
                return make_engine(1, "ray", address).number_of_workers
            except InputError as error:
                return str(error)

        missing = said("127.0.0.1:1")
        ray_tasks.installed_here = lambda: {{"Python": "3.0"}}
        print("{OUT}" + json.dumps([missing, said()]))
    """
    missing, other = printed(in_loopback("-c", textwrap.dedent(script)))
    assert missing.startswith("no Ray cluster at 127.0.0.1:1 (") and "check --address" in missing
    assert "has Python 3.11" in other and "instead of 3.0; install the same there" in other


def test_without_ray_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(InputError, match=r"^--engine ray needs the package ray: pip install"):
        make_engine(2, "ray")


def test_an_address_needs_ray_and_versions_are_compared():
    with pytest.raises(InputError, match="add --engine ray"):
        make_engine(address="10.0.0.1:6379")
    here = {"Python": "3.11.7", "numpy": "2.4.6"}
    assert difference(here, dict(here)) == ""
    assert difference(here, {"Python": "3.11.7"}) == "numpy none instead of 2.4.6"
