"""Small runs of the project's commands, each a process of its own, for benchmarks that kill them or start two at once.

All paths in a command are relative to the run's folder, so that two runs of the same command write the same bytes.
"""

import multiprocessing
import os
import runpy
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import yaml

from petoolkit.audit.gates import gate_names

ROOT = Path(__file__).parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]  # the scripted server is in the tests
os.environ.update(HF_HUB_OFFLINE="1", OMP_NUM_THREADS="1", HF_DATASETS_DISABLE_PROGRESS_BARS="1")  # read by imports

LAST_WORDS = 600  # characters of a failing command's output that are shown
CLI = str(ROOT / "petoolbench_cli.py")
_IMPORTED = (
    *("petoolbench_cli", "datasets", "sklearn.cluster", "openai", "sentence_transformers", "matplotlib.figure"),
    *("petoolkit.builder.pipeline", "petoolkit.evaluator.evaluate", "petoolkit.evaluator.report.report_chapters"),
    *("petoolkit.publisher.push", "petoolkit.publisher.pack_dataset", "petoolkit.publisher.pack_results"),
    *("trainer.sft", "transformers.models.llama.modeling_llama"),
)
_FORKS = multiprocessing.get_context("forkserver")
_FORKS.set_forkserver_preload(list(_IMPORTED))
_RECIPE = {
    "design": "paper",
    "catalogue": ["embedded/Weather", "embedded/Music"],
    "group": {"eps": 0.35},
    "history": {"min_length": 3, "max_length": 5},
    "candidates": {"number": 5, "same_function": 2, "retrieved": 1},
    "export": {"documents": "brief"},
    "audit": {"allow": list(gate_names())},  # so few rows, of the paper's design, hold no gate for sure
}


def write_recipe(folder: Path, users: int, base_url: str | None = None, in_flight: int = 8) -> None:
    """Write `recipe.yaml`; with an address, a language model behind it is the author."""
    author = {"author": "offline"}
    if base_url:
        author = {"author": "openai", "llm": {"base_url": base_url, "concurrency": in_flight, "retries": 3}}
    (folder / "recipe.yaml").write_text(yaml.safe_dump({**_RECIPE, **author, "users": users}))


def build_words(seed: int = 42, dataset: str = "data", run: str = "run") -> list[str]:
    """A build of the recipe in the folder."""
    seeded = ["--seed", str(seed)]
    return [CLI, "build", "--recipe", "recipe.yaml", "--run", run, "--dataset", dataset, *seeded]


def environment(folder: Path) -> dict[str, str]:
    """The caches are in the run's folder, nothing is fetched, and one thread computes."""
    return {
        "PETOOLBENCH_CACHE": str(folder / "cache"),
        "HF_HUB_OFFLINE": "1",
        "OPENAI_API_KEY": "none",
        "OMP_NUM_THREADS": "1",
        "TOKENIZERS_PARALLELISM": "false",
        "COLUMNS": "200",
    }


class Started:
    """A command in a process of its own, forked from one that has imported the libraries: it begins with its work.

    Args:
        words: of the command line: a script and its options.
        folder: where it runs.
        more: further environment variables.
    """

    def __init__(self, words: Sequence[str], folder: Path, **more: str):
        self.words = list(words)
        descriptor, output = tempfile.mkstemp(suffix=".txt")
        os.close(descriptor)
        self._output = Path(output)
        self._process = _FORKS.Process(target=_work, args=(self.words, folder, self._output, more))
        self._process.start()
        assert self._process.pid
        self.pid = self._process.pid

    @property
    def exit_code(self) -> int | None:
        """`None` while it runs; negative after a signal."""
        return self._process.exitcode

    def kill(self) -> None:
        """Send SIGKILL, and wait for the end."""
        self._process.kill()
        self._process.join()

    def end(self) -> str:
        """Wait for the end; returns what it said."""
        self._process.join()
        said = self._output.read_text(encoding="utf-8", errors="replace")
        self._output.unlink()
        return said


def _work(words: list[str], folder: Path, output: Path, more: dict[str, str]) -> None:
    """In the forked process: become the command."""
    import datasets

    descriptor = os.open(output, os.O_WRONLY)
    os.dup2(descriptor, 1)
    os.dup2(descriptor, 2)
    os.environ.update({**environment(folder), **more})
    datasets.config.HF_DATASETS_CACHE = folder / "cache" / "rows"
    os.chdir(folder)
    sys.argv = words
    sys.path.insert(0, str(Path(words[0]).parent))
    runpy.run_path(words[0], run_name="__main__")


def run(words: Sequence[str], folder: Path, **more: str) -> str:
    """Run a command to its end; returns what it said.

    Raises:
        RuntimeError: if it fails.
    """
    process = Started(words, folder, **more)
    said = process.end()
    if process.exit_code:
        raise RuntimeError(f"{' '.join(words)} in {folder} ended with {process.exit_code}: {said[-LAST_WORDS:]}")
    return said


def files_in(folder: Path, *patterns: str) -> dict[str, bytes]:
    """The content of the files in a folder that fit one of the patterns (by default, of all), by path."""
    paths = {path for pattern in patterns or ("**/*",) for path in folder.glob(pattern) if path.is_file()}
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in sorted(paths)}
