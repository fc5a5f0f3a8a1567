"""No network, no real home: caches go to a temporary folder before any library reads its settings."""

import os
import sqlite3
import tempfile
from contextlib import closing
from pathlib import Path

_HOME = tempfile.mkdtemp(prefix="petoolbench-tests-")
# Workers share the cache of vectors: embedding the catalogue takes half a minute.
_CACHE = os.environ.setdefault("PETOOLBENCH_TESTS_CACHE", f"{_HOME}/petoolbench")
os.environ.update(HF_HOME=_HOME, HF_HUB_OFFLINE="1", PETOOLBENCH_CACHE=_CACHE, COLUMNS="120")
os.environ.pop("HF_TOKEN", None)

import pytest  # noqa: E402

ROOT = Path(__file__).parent.parent
SHARED = ROOT.parent / "shared" / "data"


# Files whose tests run models, servers, browsers or whole builds: not part of `make test-fast`.
WHOLE = {
    *(
        "test_audit_command",
        "test_base",
        "test_batch",
        "test_build",
        "test_cli",
        "test_dataset_checks",
        "test_docs",
        "test_dpo",
    ),
    *(
        "test_embedding",
        "test_counterfactuals",
        "test_preference_scores",
        "test_evaluate",
        "test_explorer",
        "test_explorer_page",
        "test_exports",
        "test_fast_training",
        "test_fit_selector",
        "test_hf_model",
    ),
    *("test_openai_author", "test_openai_model", "test_pairs", "test_push", "test_push_adapter", "test_push_faults"),
    *(
        "test_recipes_training",
        "test_scripted_server",
        "test_serve",
        "test_sft",
        "test_snapshot",
        "test_tiny_run",
        "test_trainer_rows",
    ),
    *(
        "test_python_api",
        "test_explorer_history",
        "test_python_model",
        "test_rows_as_data",
        "test_native_chat",
        "test_native_training",
    ),
    *("test_grpo", "test_held_out_calls", "test_memories", "test_training_history"),
}


def pytest_collection_modifyitems(items):
    """Mark the tests of `WHOLE`."""
    for item in items:
        if item.path.stem in WHOLE:
            item.add_marker("whole")


@pytest.fixture(autouse=True)
def _from_the_root(monkeypatch):
    """`evaluate.load("metrics/...")` and the recipes are named from the repository's root."""
    monkeypatch.chdir(ROOT)


def shared(name: str) -> Path:
    """A file of the reference data; skips the test where it is absent."""
    if not (SHARED / name).exists():
        pytest.skip(f"{SHARED / name} is not here")
    return SHARED / name


@pytest.fixture(scope="session")
def official_part() -> Path:
    """A part of the authors' released test file; not part of the project."""
    return shared("official_test_dev.json.gz")


@pytest.fixture(scope="session")
def rapidapi_tools() -> Path:
    """RapidAPI tool documents; not part of the project."""
    return shared("rapidapi_tools.jsonl.gz")


@pytest.fixture(scope="module")
def embedded_texts(tmp_path_factory) -> Path:
    """The store of what tests of this file embedded."""
    return tmp_path_factory.mktemp("embedded") / "embeddings.sqlite"


@pytest.fixture
def own_cache(monkeypatch, tmp_path, embedded_texts) -> Path:
    """A cache without replies; texts that an earlier test of the file embedded are not embedded again."""
    cache = tmp_path / "cache"
    monkeypatch.setenv("PETOOLBENCH_CACHE", str(cache))
    own = cache / embedded_texts.name
    if embedded_texts.exists():
        cache.mkdir()
        copy_database(embedded_texts, own)
    yield cache
    if own.exists():
        copy_database(own, embedded_texts)


def copy_database(source: Path, target: Path) -> None:
    """Copy an SQLite file with what its log holds."""
    with closing(sqlite3.connect(source)) as read, closing(sqlite3.connect(target)) as written:
        read.backup(written)


@pytest.fixture(scope="module")
def one_thread():
    """With more, so small a model mostly waits for its own threads."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def learnt_base(one_thread, tmp_path_factory) -> Path:
    """A small model that writes calls."""
    from learnt_calls import make_base

    return make_base(tmp_path_factory.mktemp("base"))


@pytest.fixture(scope="module")
def learnt_adapter(learnt_base, tmp_path_factory) -> Path:
    """An adapter of `learnt_base`."""
    from learnt_calls import make_adapter

    return make_adapter(learnt_base, tmp_path_factory.mktemp("adapter"))


@pytest.fixture(scope="module")
def learnt_dataset(tmp_path_factory) -> Path:
    """The rows whose calls `learnt_base` writes."""
    from learnt_calls import write_rows

    return write_rows(tmp_path_factory.mktemp("data"))
