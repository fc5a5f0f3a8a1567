"""`make test-slow`: a build's bytes do not depend on kernels, threads or processes."""

import os
import subprocess
import sys

import pytest
from conftest import ROOT

from petoolbench_cli import EXIT_GATE_FAILED
from petoolkit.files import content_hash

pytestmark = pytest.mark.slow

ELSEWHERE = {"OPENBLAS_CORETYPE": "Haswell", "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}


@pytest.mark.parametrize("recipe", ["quickstart", "paper"])
def test_other_kernels_threads_and_processes_give_the_same_bytes(tmp_path, recipe):
    """Vectors are embedded once: the second build finds them in the cache."""
    hashes = []
    for workers, given in ((1, {}), (2, ELSEWHERE)):
        folder = tmp_path / str(workers)
        command = [sys.executable, "-m", "petoolbench_cli", "build", "--recipe", recipe, "--users", "120"]
        command += ["--workers", str(workers), "--run", folder / "run", "--dataset", folder / "petoolbench"]
        done = subprocess.run(command, env={**os.environ, **given}, cwd=ROOT, capture_output=True, text=True)
        assert done.returncode in (0, EXIT_GATE_FAILED), done.stderr  # so few rows may fail a gate
        files = [*sorted((folder / "run").glob("*.jsonl")), *sorted((folder / "petoolbench").glob("data/*/*"))]
        hashes.append({str(file.relative_to(folder)): content_hash(file) for file in files})
    assert len(hashes[0]) > 10
    assert hashes[0] == hashes[1]
