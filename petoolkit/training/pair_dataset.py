"""A preference dataset in the Hub's layout: rows, counts of where the pairs come from, a card and parquet files."""

from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import datasets
import pyarrow as pa
import pyarrow.parquet as pq
from huggingface_hub import DatasetCard, DatasetCardData

from petoolbench import FEATURES, InputError, all_configs, config_of
from petoolkit.evaluator.chat_rows import gold_call
from petoolkit.evaluator.dataset_rows import cache_of
from petoolkit.evaluator.prompts.window import shown_messages
from petoolkit.evaluator.terminal_layout import FittedTable
from petoolkit.files import content_version, replacing, write_json
from petoolkit.hub_reading import why_not_read
from petoolkit.publisher.pack_pairs import COUNTS
from petoolkit.row_form import ADDED_COLUMNS, completed, lacks_added_columns
from petoolkit.text import ALL, markdown_table, setting_label
from petoolkit.training.pairing import CHOSEN_FROM, REJECTED_FROM, NoPair, Pair, pair_of

_MESSAGES = [{"role": datasets.Value("string"), "content": datasets.Value("string")}]
# All columns of the benchmark's row are kept, so that its prompt can be fitted to another length.
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
# By split: how trainer/pairs.py makes its pairs.
_MADE_WITH = {
    "train": "trainer/pairs.py",
    "validation": "trainer/pairs.py --validation_share, or leave --eval_strategy out",
}
_DESCRIPTIONS = {
    "sampled": "chosen: a sampled call that is right",
    "gold": "chosen: the gold call, since no sampled call is right",
    "TPM": "rejected: a tool of the same function that is not preferred",
    "TFM": "rejected: a tool of another function",
    "TH": "rejected: a tool that is not a candidate",
    "PNM": "rejected: the right tool with wrong parameter names",
    "PVM": "rejected: the right tool with wrong parameter values",
    **{reason.name: f"no pair: {reason}" for reason in NoPair},
}


def find_pairs(rows: Sequence[dict], samples: dict[str, list[dict]]) -> list[Pair | NoPair]:
    """The pair of each row, or why there is none.

    Args:
        rows: rows of the benchmark.
        samples: lines of `predictions.jsonl`, by row id.
    """
    return [
        NoPair.TOO_LONG
        if samples[row["id"]][0].get("over_window")
        else pair_of(row, [line["reply"] for line in samples[row["id"]]], gold_call(row))
        for row in rows
    ]


def pair_records(
    rows: Sequence[dict],
    outcomes: Sequence[Pair | NoPair],
    samples: dict[str, list[dict]],
    validation_users: frozenset[str],
) -> dict[str, list[dict]]:
    """Rows of the preference dataset, by split. A row's history is the part of it that the model saw.

    Args:
        rows: rows of the benchmark.
        outcomes: from `find_pairs`, one for each row.
        samples: lines of `predictions.jsonl`, by row id.
        validation_users: ids of the users whose pairs are for validation.
    """
    records: dict[str, list[dict]] = {"train": [], "validation": []}
    for row, outcome in zip(rows, outcomes, strict=True):
        if isinstance(outcome, Pair):
            history = row["history"][samples[row["id"]][0]["dropped_interactions"] :]
            split = "validation" if row["user_id"] in validation_users else "train"
            records[split].append(pair_record({**row, "history": history, "history_length": len(history)}, outcome))
    return records


def pair_record(row: dict, pair: Pair) -> dict:
    """A row of the preference dataset (columns of `PAIR_FEATURES`).

    Args:
        row: a row of the benchmark, with the part of its history that the model saw.
        pair: its chosen and rejected reply.
    """
    return {
        **row,
        "prompt": shown_messages(row),
        "chosen": [{"role": "assistant", "content": pair.chosen}],
        "rejected": [{"role": "assistant", "content": pair.rejected}],
        "chosen_from": pair.chosen_from,
        "rejected_from": pair.rejected_from,
    }


def read_pairs(dataset: str, split: str, revision: str | None = None) -> list[dict]:
    """Rows of a preference dataset (columns of `PAIR_FEATURES`).

    Args:
        dataset: a folder or a Hub id.
        split: `train` or `validation`.
        revision: of a dataset on the Hub.

    Raises:
        InputError: if there is no such dataset, it has other columns, or no pairs in this split.
    """
    try:
        loaded = datasets.load_dataset(dataset, revision=revision, cache_dir=cache_of(dataset))
    except (ValueError, OSError, datasets.exceptions.DatasetsError) as error:
        raise InputError(
            f"the pairs {dataset} cannot be loaded ({why_not_read(error)}); make them with trainer/pairs.py, or check "
            "dataset_name."
        ) from None
    rows = loaded.get(split)
    if not rows:
        raise InputError(f"{dataset} has no {split} pairs; make them with {_MADE_WITH[split]}.")
    if missing := set(PAIR_FEATURES) - set(rows.column_names) - ADDED_COLUMNS:
        raise InputError(
            f"{dataset} does not hold preference pairs: the columns {', '.join(sorted(missing))} are missing; name a "
            "folder that trainer/pairs.py wrote."
        )
    return [completed(row) for row in rows] if lacks_added_columns(rows.data.table) else rows.to_list()


def answers_of(pair: dict) -> list[str]:
    """The chosen and the rejected answer of a row of the preference dataset."""
    return [pair[side][0]["content"] for side in ("chosen", "rejected")]


def count_pairs(rows: Iterable[dict], outcomes: Iterable[Pair | NoPair]) -> dict[str, dict[str, int]]:
    """Numbers of rows and pairs, by config and for all configs.

    Args:
        rows: rows of the benchmark.
        outcomes: one for each row.

    Returns:
        By config or `all`: `rows`, `pairs`, the pairs from each of `CHOSEN_FROM` and `REJECTED_FROM`, and the rows
        without pair for each name of `NoPair`.
    """
    counts: dict[str, Counter[str]] = {config: Counter() for config in (ALL, *all_configs())}
    for row, outcome in zip(rows, outcomes, strict=True):
        for config in (ALL, config_of(row)):
            counts[config]["rows"] += 1
            if isinstance(outcome, Pair):
                counts[config].update(("pairs", outcome.chosen_from, outcome.rejected_from))
            else:
                counts[config][outcome.name] += 1
    names = ("rows", "pairs", *CHOSEN_FROM, *REJECTED_FROM, *NoPair.__members__)
    return {config: {name: found[name] for name in names} for config, found in counts.items() if found}


def count_lines(counts: dict[str, dict[str, int]]) -> list[list[str]]:
    """The result of `count_pairs` as lines of a table, the head first, without what never occurred."""
    lines = [["what", *map(setting_label, counts)]]
    for name in counts[ALL]:
        if counts[ALL][name]:
            numbers = (f"{counts[setting][name]:,}" for setting in counts)
            lines.append([_DESCRIPTIONS.get(name, name), *numbers])
    return lines


def counts_table(counts: dict[str, dict[str, int]]) -> FittedTable:
    """The result of `count_pairs` as a table for a terminal."""
    (what, *settings), *lines = count_lines(counts)
    table = FittedTable(what, settings)
    for name, *numbers in lines:
        table.add_row(name, *numbers)
    return table


def count_origins(records: Iterable[dict]) -> dict[str, int]:
    """Numbers of a preference dataset's rows, by a description of where their replies come from."""
    found = Counter(record[column] for record in records for column in ("chosen_from", "rejected_from"))
    return {_DESCRIPTIONS[name]: found[name] for name in (*CHOSEN_FROM, *REJECTED_FROM) if found[name]}


def write_pairs(
    folder: Path, records: dict[str, list[dict]], counts: dict[str, dict[str, int]], sampling: dict[str, Any]
) -> None:
    """Write a preference dataset into a folder, beside the replies that it was made of.

    Args:
        folder: where `load_dataset` will read it.
        records: from `pair_record`, by split.
        counts: from `count_pairs`.
        sampling: how the calls were sampled, each value by its description; for the card.

    Raises:
        InputError: if there are no pairs, or the folder cannot be written.
    """
    if not any(records.values()):
        reasons = "; ".join(f"{cells[0]}: {cells[1]}" for cells in count_lines(counts)[2:])
        raise InputError(f"no row gave a pair ({reasons}); take more samples, or a higher temperature.")
    # Without the schema note of datasets 5, in which datasets 3 does not know the type `List`.
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
        DatasetCard(f"---\n{data.to_yaml()}\n---\n{_card_text(counts, sampling)}").save(beside)


def _card_text(counts: dict[str, dict[str, int]], sampling: dict[str, Any]) -> str:
    head, *lines = count_lines(counts)
    facts = [[description, f"`{value}`"] for description, value in sampling.items() if value is not None]
    return f"""
# Preference pairs for personalised tool use

Each row is a row of the train split of a PEToolBench dataset, with `prompt`, `chosen` and `rejected` as messages: a
call of the tool that the user prefers, and a call of a tool that the user does not prefer, or another wrong call. The
calls are a language model's own, except the gold calls, which are chosen where none of the model's calls was right.
TRL's DPOTrainer reads these columns as they are; `petoolbench export trl-dpo-tools` writes them with native calls and
with the functions, in a column `tools`.

{markdown_table(head, lines)}

{markdown_table(["how the calls were sampled", ""], facts)}
"""
