"""Writing a dataset folder in Hub layout: README.md with its YAML, and parquet files by config and split."""

from collections import defaultdict
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import datasets
import pyarrow as pa
import pyarrow.parquet as pq
from datasets.info import DatasetInfosDict
from huggingface_hub import DatasetCard, DatasetCardData

from petoolbench import FEATURES, SETTINGS, SPLITS, InputError, setting_of
from petoolkit.files import content_hash, content_version, replacing, restore_folder
from petoolkit.released import PROMPTS_FOLDER
from petoolkit.shipped import ROOT

CARD_TEMPLATE = ROOT / "dataset_card.md"
_ROWS_AT_ONCE = 500  # rows a row group; also what is held in memory
_MARK = "library_name: petoolbench"  # in the card's YAML; says that the folder is ours to replace


def check_replaceable(folder: Path) -> None:
    """Refuse a folder that holds anything but a dataset of ours.

    Raises:
        InputError: naming what stands there.
    """
    restore_folder(folder)
    if not folder.exists():
        return
    if not folder.is_dir():
        raise InputError(f"{folder} is a file; give another --dataset folder.")
    content = {entry.name for entry in folder.iterdir()}
    if content and not is_dataset(folder):
        raise InputError(
            f"{folder}/ is not a dataset that petoolbench wrote (it holds {', '.join(sorted(content)[:3])}); "
            "move it away or give another --dataset folder."
        )
    if foreign := content - {"README.md", "data", PROMPTS_FOLDER}:
        raise InputError(
            f"{folder}/ also holds {', '.join(sorted(foreign)[:3])}, which would be lost; move it away first."
        )


def is_dataset(folder: Path) -> bool:
    """Whether a folder is a dataset that `write_dataset` wrote."""
    card = folder / "README.md"
    return card.is_file() and _MARK in card.read_text(encoding="utf-8", errors="replace")


def fingerprint(folder: Path) -> str | None:
    """Names the content of a dataset folder (64 hexadecimal digits); `None` if there is none."""
    files = sorted(folder.glob("data/*/*.parquet"))
    return content_hash(*files, folder / "README.md") if files and is_dataset(folder) else None


def write_dataset(
    folder: Path,
    rows: Iterable[tuple[str, dict]],
    facts: Callable[[], dict[str, Any]],
    released_prompts: dict[str, dict[str, str]] | None = None,
) -> str:
    """Write a dataset in one piece; whatever was in `folder` stays until the new one is complete.

    Args:
        folder: where `load_dataset` will read it.
        rows: (split, row) pairs, rows with the columns of `petoolbench.FEATURES`; each config keeps their order.
        facts: gives what the card's template says about the rows, once all are written.
        released_prompts: the authors' own prompts by setting and row id, of an import; read once all rows are written.

    Returns:
        The dataset's fingerprint.

    Raises:
        InputError: if `folder` holds something else, can't be written, or there are no rows.
    """
    check_replaceable(folder)
    with replacing(folder) as beside:
        writers: dict[tuple[str, str], _SplitWriter] = {}
        buffers: dict[tuple[str, str], list[dict]] = defaultdict(list)

        def flush(place: tuple[str, str]) -> None:
            if place not in writers:
                writers[place] = _SplitWriter(beside / "data" / place[0] / f"{place[1]}-00000-of-00001.parquet")
            writers[place].write(buffers.pop(place))

        for split, row in rows:
            place = (setting_of(row), split)
            buffers[place].append(row)
            if len(buffers[place]) == _ROWS_AT_ONCE:
                flush(place)
        for place in list(buffers):
            flush(place)
        for writer in writers.values():
            writer.close()
        if not writers:
            raise InputError("no row is left to write; see the run's report for what was dropped.")
        for setting, prompts in (released_prompts or {}).items():
            _write_prompts(beside / PROMPTS_FOLDER / f"{setting}.parquet", prompts)
        _write_card(beside, writers, facts())
    written = fingerprint(folder)
    assert written is not None
    return written


class _SplitWriter:
    """One parquet file, written in row groups, and its size."""

    # Without the schema note of datasets 5: datasets 3 does not know the type `List` in it.
    _SCHEMA = FEATURES.arrow_schema.remove_metadata()

    def __init__(self, path: Path):
        path.parent.mkdir(parents=True, exist_ok=True)
        self.path = path
        self.num_examples = self.num_bytes = 0
        self._writer = pq.ParquetWriter(path, self._SCHEMA, compression="zstd", compression_level=9)

    def write(self, rows: list[dict]) -> None:
        table = pa.Table.from_pylist(rows, schema=self._SCHEMA)
        self._writer.write_table(table)
        self.num_examples += table.num_rows
        self.num_bytes += table.nbytes

    def close(self) -> None:
        self._writer.close()


def _write_prompts(path: Path, prompts: dict[str, str]) -> None:
    """Outside data/, so that `load_dataset` sees no further columns or configs."""
    path.parent.mkdir(exist_ok=True)
    table = pa.table({"id": list(prompts), "prompt": list(prompts.values())})
    pq.write_table(table, path, compression="zstd", compression_level=9, use_dictionary=False)


def _write_card(folder: Path, writers: dict[tuple[str, str], _SplitWriter], facts: dict[str, Any]) -> None:
    present = [setting for setting in SETTINGS if any(place[0] == setting for place in writers)]
    configs, infos = [], DatasetInfosDict()
    for setting in present:
        splits = {split: writers[setting, split] for split in SPLITS if (setting, split) in writers}
        files = [writer.path for writer in splits.values()]
        configs.append(
            {
                "config_name": setting,
                "data_files": [{"split": s, "path": str(w.path.relative_to(folder))} for s, w in splits.items()],
                "version": content_version(*files),
                **({"default": True} if setting == present[0] else {}),
            }
        )
        infos[setting] = datasets.DatasetInfo(
            config_name=setting,
            features=FEATURES,
            splits=datasets.SplitDict.from_split_dict(
                {s: {"name": s, "num_bytes": w.num_bytes, "num_examples": w.num_examples} for s, w in splits.items()}
            ),
            download_size=sum(file.stat().st_size for file in files),
            dataset_size=sum(writer.num_bytes for writer in splits.values()),
        )
    total = sum(writer.num_examples for writer in writers.values())
    data = DatasetCardData(
        language="en",
        task_categories=["text-generation"],
        tags=["tool-use", "function-calling", "personalization"],
        size_categories=_size_category(total),
        pretty_name="PEToolBench",
        configs=configs,
        library_name="petoolbench",
    )
    infos.to_dataset_card_data(data)
    sizes = [
        {
            "setting": setting,
            **{split: writers[setting, split].num_examples for split in SPLITS if (setting, split) in writers},
        }
        for setting in present
    ]
    card = DatasetCard.from_template(data, template_path=str(CARD_TEMPLATE), sizes=sizes, total=total, **facts)
    (folder / "README.md").write_text(str(card), encoding="utf-8")


def _size_category(rows: int) -> str:
    for limit, name in ((1_000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K"), (1_000_000, "100K<n<1M")):
        if rows < limit:
            return name
    return "1M<n<10M"
