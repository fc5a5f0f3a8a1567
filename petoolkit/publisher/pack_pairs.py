"""Preference pairs as they are published: each pair checked, their texts searched."""

from collections.abc import Collection
from pathlib import Path

import pyarrow.parquet as pq
from huggingface_hub import DatasetCard
from rich.console import Console

from petoolbench import InputError
from petoolkit.publisher.hub import Package
from petoolkit.publisher.published_card import check_files, findings_note, published_card
from petoolkit.publisher.text_search import Findings, TextSearch, judge_findings
from petoolkit.text import counted

COUNTS = "pairs.json"  # trainer/pairs.py writes into it where the pairs came from
_ROWS_AT_ONCE = 500


def pack_pairs(
    folder: Path,
    card: DatasetCard,
    repo_id: str,
    licence: str | None,
    allowed: Collection[str],
    list_in: Path | None,
    console: Console,
) -> Package:
    """Check a folder of trainer/pairs.py, and collect its files; its manifest and the raw replies stay here.

    Args:
        folder: with its `pairs.json`.
        card: its card.
        repo_id: `USER/NAME`.
        licence: the data's, if it is known.
        allowed: kinds of findings that the publisher accepts.
        list_in: a file that gets all findings.
        console: gets the findings, masked.

    Raises:
        InputError: if a pair is wrong, the card is of other files, or something was found that is not allowed.
    """
    paths = [path for files in check_files(card, folder).values() for path in files]
    findings: Findings = {}
    search, ids = TextSearch(findings), set()
    for path in paths:
        for batch in pq.ParquetFile(path).iter_batches(_ROWS_AT_ONCE):
            for row in batch.to_pylist():
                if row["id"] in ids or row["chosen"] == row["rejected"]:
                    raise InputError(
                        f"{path}: {row['id']} is there twice, or its chosen and rejected calls are the same; run "
                        "trainer/pairs.py again."
                    )
                ids.add(row["id"])
                search.read(row, chosen=row["chosen"][0]["content"], rejected=row["rejected"][0]["content"])
    judge_findings(findings, allowed, list_in, console)
    files: dict[str, Path | bytes] = {path.relative_to(folder).as_posix(): path for path in paths}
    files["README.md"] = published_card(card, repo_id, licence, {"check": findings_note(findings)})
    files[COUNTS] = folder / COUNTS
    return Package(files, ("data/*.parquet",), counted(len(ids), "preference pair"))
