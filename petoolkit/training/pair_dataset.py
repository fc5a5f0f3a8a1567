"""A preference dataset in Hub layout: README.md, which counts where its pairs come from, and a parquet file."""

from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import datasets
import pyarrow as pa
import pyarrow.parquet as pq
from huggingface_hub import DatasetCard, DatasetCardData

from petoolbench import FEATURES, SETTINGS, InputError, render_messages, setting_of
from petoolkit.files import content_version, replacing, write_json
from petoolkit.training.pairing import CHOSEN_FROM, REJECTED_FROM, NoPair, Pair

COUNTS = "pairs.json"
_MESSAGES = [{"role": datasets.Value("string"), "content": datasets.Value("string")}]
# The whole row too, so that its prompt can be fitted to another length.
PAIR_FEATURES = datasets.Features(
    {
        **FEATURES,
        "prompt": _MESSAGES,
        "chosen": _MESSAGES,
        "rejected": _MESSAGES,
        "chosen_from": datasets.Value("string"),
        "rejected_from": datasets.Value("string"),
    }
)
_WORDS = {
    "sampled": "chosen: a sampled call that is right",
    "gold": "chosen: the gold call, none that was sampled being right",
    "TPM": "rejected: a tool of the same function that is not preferred",
    "TFM": "rejected: a tool of another function",
    "TH": "rejected: a tool that is no candidate",
    "PNM": "rejected: the right tool with wrong parameter names",
    "PVM": "rejected: the right tool with wrong parameter values",
    **{reason.name: f"no pair: {reason}" for reason in NoPair},
}


def pair_record(row: dict, pair: Pair) -> dict:
    """A row of the preference dataset (columns of `PAIR_FEATURES`).

    Args:
        row: a row of the benchmark, with as much of its history as the model saw that was sampled.
        pair: its chosen and rejected reply.
    """
    return {
        **row,
        "prompt": render_messages(row),
        "chosen": [{"role": "assistant", "content": pair.chosen}],
        "rejected": [{"role": "assistant", "content": pair.rejected}],
        "chosen_from": pair.chosen_from,
        "rejected_from": pair.rejected_from,
    }


def read_pairs(dataset: str, split: str, revision: str | None = None) -> list[dict]:
    """Rows of a preference dataset (columns of `PAIR_FEATURES`); none if it has no such split.

    Args:
        dataset: a folder or a Hub id.
        split: `train` or `validation`.
        revision: of a Hub dataset.

    Raises:
        InputError: if there is no such dataset, or its columns are others.
    """
    try:
        loaded = datasets.load_dataset(dataset, revision=revision)
    except (ValueError, OSError, datasets.exceptions.DatasetsError) as error:
        reason = " ".join(str(error).split())[:300]
        raise InputError(
            f"the pairs {dataset} cannot be loaded ({reason}); make them with trainer/pairs.py, or check dataset_name."
        ) from None
    if split not in loaded:
        return []
    if missing := set(PAIR_FEATURES) - set(loaded[split].column_names):
        raise InputError(
            f"{dataset} holds no preference pairs: the columns {', '.join(sorted(missing))} are missing; name a "
            "folder that trainer/pairs.py wrote."
        )
    return loaded[split].to_list()


def count_pairs(rows: Iterable[dict], outcomes: Iterable[Pair | NoPair]) -> dict[str, dict[str, int]]:
    """By setting, and for all: `rows`, `pairs`, and how many pairs came from each of `CHOSEN_FROM` and
    `REJECTED_FROM`, how many rows gave none for each of `NoPair`'s names."""
    counts: dict[str, Counter[str]] = {place: Counter() for place in ("all", *SETTINGS)}
    for row, outcome in zip(rows, outcomes, strict=True):
        for place in ("all", setting_of(row)):
            counts[place]["rows"] += 1
            if isinstance(outcome, Pair):
                counts[place].update(("pairs", outcome.chosen_from, outcome.rejected_from))
            else:
                counts[place][outcome.name] += 1
    names = ("rows", "pairs", *CHOSEN_FROM, *REJECTED_FROM, *NoPair.__members__)
    return {place: {name: found[name] for name in names} for place, found in counts.items() if found}


def count_lines(counts: dict[str, dict[str, int]]) -> list[list[str]]:
    """What `count_pairs` counted as lines of a table, the first being its head; what never occurred is left out."""
    lines = [["what", *counts]]
    for name in counts["all"]:
        if counts["all"][name]:
            lines.append([_WORDS.get(name, name), *(f"{counts[place][name]:,}" for place in counts)])
    return lines


def count_origins(records: Iterable[dict]) -> dict[str, int]:
    """Where the pairs of a preference dataset came from, in words."""
    found = Counter(record[column] for record in records for column in ("chosen_from", "rejected_from"))
    return {_WORDS[name]: found[name] for name in (*CHOSEN_FROM, *REJECTED_FROM) if found[name]}


def write_pairs(
    folder: Path, records: dict[str, list[dict]], counts: dict[str, dict[str, int]], made: dict[str, Any]
) -> None:
    """Write a preference dataset into a folder, beside the predictions that it was made of.

    Args:
        folder: where `load_dataset` will read it.
        records: what `pair_record` gave, by split.
        counts: what `count_pairs` gave.
        made: what the card says of how the pairs were made, by what it is.

    Raises:
        InputError: if there are no pairs, or the folder can't be written.
    """
    if not any(records.values()):
        reasons = "; ".join(f"{cells[0]}: {cells[1]}" for cells in count_lines(counts)[2:])
        raise InputError(f"no row gave a pair ({reasons}); take more samples, or a higher temperature.")
    # Without the schema note of datasets 5: datasets 3 does not know the type `List` in it.
    schema = PAIR_FEATURES.arrow_schema.remove_metadata()
    files = {split: f"{split}-00000-of-00001.parquet" for split, found in records.items() if found}
    with replacing(folder / "data") as beside:
        beside.mkdir()
        for split, name in files.items():
            pq.write_table(pa.Table.from_pylist(records[split], schema=schema), beside / name, compression="zstd")
    write_json(folder / COUNTS, counts)
    data = DatasetCardData(
        language="en",
        task_categories=["text-generation"],
        tags=["tool-use", "personalization", "preference", "dpo"],
        configs=[
            {
                "config_name": "default",
                "data_files": [{"split": split, "path": f"data/{name}"} for split, name in files.items()],
                "version": content_version(*(folder / "data" / name for name in files.values())),
            }
        ],
    )
    with replacing(folder / "README.md") as beside:
        DatasetCard(f"---\n{data.to_yaml()}\n---\n{_card_text(counts, made)}").save(beside)


def _card_text(counts: dict[str, dict[str, int]], made: dict[str, Any]) -> str:
    head, *lines = (f"| {' | '.join(line)} |" for line in count_lines(counts))
    table = "\n".join([head, "| --- |" + " --- |" * len(counts), *lines])
    facts = "\n".join(f"| {name} | `{value}` |" for name, value in made.items() if value is not None)
    return f"""
# Preference pairs for personalised tool use

Each row is a row of the train split of a PEToolBench dataset, with `prompt`, `chosen` and `rejected` as messages: a
call of the tool that the user prefers, and one of a tool that the user does not prefer, or another wrong call. The
calls are a language model's own, but for the gold calls where none of its calls was right.

{table}

| how the calls were sampled | |
| --- | --- |
{facts}
"""
