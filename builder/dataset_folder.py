"""Writing a dataset folder in Hub layout: README.md with its YAML, parquet files by config and split, and a record."""

from collections.abc import Callable, Iterable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from petoolbench import FEATURES, InputError, config_of
from petoolkit.audit_record import AUDIT_FILE
from petoolkit.chunks import in_chunks
from petoolkit.dataset_files import ROWS_AT_ONCE, SplitWriter, WrittenSplit, schema_of, split_file
from petoolkit.dataset_record import CHAT, RECORD_FILE, DatasetRecord, Origin, read_dataset_record
from petoolkit.engines.engine import HERE, Engine
from petoolkit.evaluator.chat_rows import write_chat
from petoolkit.files import content_hash, replacing, restore_folder
from petoolkit.released import PROMPTS_FOLDER
from petoolkit.returned_memory import trim_memory
from petoolkit.text import counted

from .dataset_card import write_card

_MARK = "library_name: petoolbench"  # in the card's YAML; says that the folder is ours to replace
_MARK_OF_AN_IMPORT = "Imported by `petoolbench import`"  # in the card
_WITH_ARTICLE: dict[Origin, str] = {"build": "a build", "import": "an import", "logs": "an import of logs"}


def check_replaceable(folder: Path, origin: Origin | None = None, replace: bool = False) -> str | None:
    """Refuse a folder that holds anything but a dataset of ours.

    Args:
        folder: where a dataset is to be written.
        origin: of that dataset; one of another origin is refused too.
        replace: whether a dataset of another origin may be replaced after all.

    Returns:
        The dataset that stands there, in words; `None` if there is none.

    Raises:
        InputError: naming what stands there.
    """
    restore_folder(folder)
    if not folder.exists():
        return None
    if not folder.is_dir():
        raise InputError(f"{folder} is a file; give another --dataset folder.")
    content = {entry.name for entry in folder.iterdir()}
    if not content:
        return None
    if not is_dataset(folder):
        raise InputError(
            f"{folder}/ is not a dataset that petoolbench wrote (it holds {', '.join(sorted(content)[:3])}); "
            "move it away or give another --dataset folder."
        )
    if foreign := content - {"README.md", "data", PROMPTS_FOLDER, RECORD_FILE, AUDIT_FILE}:
        raise InputError(
            f"{folder}/ also holds {', '.join(sorted(foreign)[:3])}, which would be lost; move it away first."
        )
    standing_origin, standing = _standing(folder)
    if origin and standing_origin != origin and not replace:
        raise InputError(
            f"{folder}/ holds {standing}, which {_WITH_ARTICLE[origin]} would replace; give another --dataset folder, "
            "or --replace."
        )
    return standing


def is_dataset(folder: Path) -> bool:
    """Whether a folder is a dataset that `write_dataset` wrote."""
    return _MARK in _card_text(folder)


def _card_text(folder: Path) -> str:
    card = folder / "README.md"
    return card.read_text(encoding="utf-8", errors="replace") if card.is_file() else ""


def _standing(folder: Path) -> tuple[Origin, str]:
    """The origin of a dataset of ours, and a description for messages."""
    try:
        record = read_dataset_record(str(folder))
    except InputError:  # a damaged record: the card says enough
        record = None
    rows = _row_count(folder)
    if record is None:
        origin: Origin = "import" if _MARK_OF_AN_IMPORT in _card_text(folder) else "build"
        return origin, f"{_WITH_ARTICLE[origin]} written by an earlier version ({rows})"
    if record.origin == "logs":
        return (
            record.origin,
            f"{_WITH_ARTICLE[record.origin]} of {counted(record.statistics.get('users', 0), 'user')} ({rows})",
        )
    if record.recipe is None:
        return record.origin, f"{_WITH_ARTICLE[record.origin]}, texts by {record.author} ({rows})"
    catalogue = ", ".join(map(str, record.recipe.get("catalogue", [])))
    return record.origin, (
        f"{_WITH_ARTICLE[record.origin]} of {counted(record.recipe.get('users', 0), 'user')}, seed "
        f"{record.recipe.get('seed')}, catalogue {catalogue}, author {record.author} ({rows})"
    )


def _row_count(folder: Path) -> str:
    try:
        files = [file for file in _data_files(folder) if file.parent.name != CHAT]
        return counted(sum(pq.read_metadata(file).num_rows for file in files), "row")
    except (OSError, pa.ArrowException):
        return "with damaged files"


def _data_files(folder: Path) -> list[Path]:
    return sorted(folder.glob("data/*/*.parquet"))


def fingerprint(folder: Path) -> str | None:
    """Names the content of a dataset folder (64 hexadecimal digits); `None` if there is none."""
    files = _data_files(folder)
    if not files or not is_dataset(folder):
        return None
    return content_hash(*files, *(folder / name for name in ("README.md", RECORD_FILE) if (folder / name).is_file()))


Batches = dict[tuple[str, str], pa.RecordBatch]  # rows by config and split


def in_batches(rows: Iterable[tuple[str, dict]]) -> Batches:
    """Rows, each with its split, as tables by config and split."""
    by_split: dict[tuple[str, str], list[dict]] = {}
    for split, row in rows:
        by_split.setdefault((config_of(row), split), []).append(row)
    schema = schema_of(FEATURES)
    return {key: pa.RecordBatch.from_pylist(some, schema) for key, some in by_split.items()}


def exported_in_batches(rows: Iterable[dict]) -> Batches:
    """Rows of the stage `export`, which have a column `split`, as tables by config and split."""
    return in_batches((row.pop("split"), row) for row in rows)


def write_dataset(
    folder: Path,
    rows: Iterable[tuple[str, dict]],
    record: Callable[[], DatasetRecord],
    released_prompts: dict[str, dict[str, str]] | None = None,
) -> str:
    """Write a dataset of (split, row) pairs; see `write_batches`.

    Args:
        rows: with the columns of `petoolbench.COLUMNS`.
        folder, record, released_prompts: see `write_batches`.
    """
    return write_batches(folder, map(in_batches, in_chunks(rows, ROWS_AT_ONCE)), record, released_prompts)


def write_batches(
    folder: Path,
    parts: Iterable[Batches],
    record: Callable[[], DatasetRecord],
    released_prompts: dict[str, dict[str, str]] | None = None,
    engine: Engine = HERE,
) -> str:
    """Write a dataset in one piece; whatever was in `folder` stays until the new one is complete.

    Args:
        folder: where `load_dataset` will read it.
        parts: the rows; each config and split keeps their order.
        record: gives the dataset's record, once all rows are written; the card says the same.
        released_prompts: the authors' own prompts by setting and row id, of an import; read once all rows are written.
        engine: renders the rows of the config `chat`.

    Returns:
        The dataset's fingerprint.

    Raises:
        InputError: if `folder` holds something else, can't be written, or there are no rows.
    """
    check_replaceable(folder)
    with replacing(folder) as beside:
        splits = _write_rows(beside, parts)
        trim_memory()
        if not splits:
            raise InputError("no row is left to write; see the run's report for what was dropped.")
        splits |= {(CHAT, split): one for split, one in write_chat(beside, engine=engine).items()}
        trim_memory()
        for setting, prompts in (released_prompts or {}).items():
            _write_prompts(beside / PROMPTS_FOLDER / f"{setting}.parquet", prompts)
        written = record()
        written.write(beside)
        write_card(beside, folder.name, splits, written)
    written_fingerprint = fingerprint(folder)
    assert written_fingerprint is not None
    return written_fingerprint


def _write_rows(folder: Path, parts: Iterable[Batches]) -> dict[tuple[str, str], WrittenSplit]:
    """Write the rows' files; their writers, which keep what they know of each row group, are gone afterwards."""
    writers: dict[tuple[str, str], SplitWriter] = {}
    for part in parts:
        for key, batch in part.items():
            if key not in writers:
                writers[key] = SplitWriter(split_file(folder, *key), FEATURES)
            writers[key].add(batch)
    return {key: writer.close() for key, writer in writers.items()}


def _write_prompts(path: Path, prompts: dict[str, str]) -> None:
    """Outside data/, so that `load_dataset` sees no further columns or configs."""
    path.parent.mkdir(exist_ok=True)
    table = pa.table({"id": list(prompts), "prompt": list(prompts.values())})
    pq.write_table(table, path, compression="zstd", compression_level=9, use_dictionary=False)
