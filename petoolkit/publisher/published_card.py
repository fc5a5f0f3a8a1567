"""A dataset's card as it is published: the build's card, with its slots filled."""

import json
import re
from pathlib import Path

import yaml
from huggingface_hub import DatasetCard

from petoolbench import InputError
from petoolkit.audit.write_audit import with_audit
from petoolkit.files import content_version
from petoolkit.publisher.findings import KINDS
from petoolkit.publisher.row_checks import CheckedDataset
from petoolkit.publisher.text_search import Findings, count_findings
from petoolkit.split_rules import unshared_by
from petoolkit.text import counted, listing

# In the order of dataset_card.md. In a card without a slot, its section goes to the end, before the citation.
SLOTS = ("figures", "check", "row", "scores")
_SLOT = "<!-- petoolbench push: {} -->"
_NAMED = 4  # files in a message
_SHOWN_CALLS, _SHOWN_TOOLS, _SHOWN_TEXT = 2, 2, 200


def read_card(folder: Path) -> DatasetCard:
    """The card of a dataset's folder.

    Raises:
        InputError: if there is no card, or it cannot be read.
    """
    path = folder / "README.md"
    if not path.is_file():
        raise InputError(
            f"{folder} is not a dataset ({path.name} is missing); name a folder that `petoolbench build` wrote."
        )
    try:
        return DatasetCard.load(path)
    except (ValueError, OSError, yaml.YAMLError) as error:
        raise InputError(
            f"{path} does not have a readable YAML head ({' '.join(str(error).split())[:200]}); correct it."
        ) from None


def check_files(card: DatasetCard, folder: Path) -> dict[str, list[Path]]:
    """Check that a folder's files are those that its card was written for.

    Returns:
        The files, by config.

    Raises:
        InputError: if they are others, or the card does not name them in the form in which a build writes it.
    """
    try:
        configs = {
            config["config_name"]: (config["version"], [folder / split["path"] for split in config["data_files"]])
            for config in card.data.to_dict()["configs"]
        }
    except (KeyError, TypeError):
        raise InputError(f"{folder / 'README.md'}: its `configs` are not those of a build; build it anew.") from None
    in_card = {path for _, paths in configs.values() for path in paths}
    in_folder = set(folder.glob("data/**/*.parquet"))
    if in_card != in_folder or not in_folder:
        names = sorted(path.relative_to(folder).as_posix() for path in in_card ^ in_folder)
        raise InputError(
            f"{folder}: the card and the files in data/ do not agree ({listing(names, _NAMED)}); build it anew."
        )
    for name, (version, paths) in configs.items():
        if version != content_version(*paths):
            raise InputError(
                f"{folder}: the files of {name} are not those that the card was written for, so caches would return "
                "old rows; build it anew."
            )
    return {name: paths for name, (_, paths) in configs.items()}


def published_card(card: DatasetCard, repo_id: str, licence: str | None, sections: dict[str, str]) -> bytes:
    """The card with the dataset's name on the Hub, its licence, and sections in the slots.

    Args:
        card: that the build wrote.
        repo_id: `USER/NAME`.
        licence: its id on the Hub, if it is known.
        sections: Markdown, by slot; `audit` replaces what the build wrote.
    """
    if licence:
        card.data["license"] = licence
    text = re.sub(r'load_dataset\("[^"]*"', f'load_dataset("{repo_id}"', str(card))
    text = with_audit(text, sections["audit"]) if "audit" in sections else text
    for name in SLOTS:
        slot, section = _SLOT.format(name), sections.get(name, "").strip()
        if slot in text:
            text = text.replace(slot, section)
        elif section:
            before, heading, after = text.partition("\n## Citation")
            text = f"{before.rstrip()}\n\n{section}\n{heading}{after}"
    return re.sub(r"\n{3,}", "\n\n", text).encode()


def row_section(row: dict) -> str:
    """A row as JSON, with long texts cut and most of its calls and candidates left out."""
    history, tools = row["history"], row["candidate_tools"]
    gold = row["tool_call"]["tool_name"]
    gold_first = sorted(
        tools, key=lambda tool: (tool["tool_name"] != gold, tool["tool_name"] not in row["same_function_tools"])
    )
    shown = {**row, "history": history[:_SHOWN_CALLS], "candidate_tools": gold_first[:_SHOWN_TOOLS]}
    text = json.dumps(_cut(shown), ensure_ascii=False, indent=2)
    fence = "`" * max(3, *(len(run) + 1 for run in re.findall(r"`+", text)), 3)
    return (
        f"An example, with {len(shown['history'])} of its {counted(len(history), 'past call')} and "
        f"{len(shown['candidate_tools'])} of its {counted(len(tools), 'candidate')}; long texts are cut:"
        f"\n\n{fence}json\n{text}\n{fence}"
    )


def _cut(value: object) -> object:
    if isinstance(value, str) and len(value) > _SHOWN_TEXT:
        return value[:_SHOWN_TEXT] + " ..."
    if isinstance(value, dict):
        return {key: _cut(item) for key, item in value.items()}
    return [_cut(item) for item in value] if isinstance(value, list) else value


def check_section(checked: CheckedDataset, split_by: str) -> str:
    """What was checked before publication, and which findings the publisher accepted.

    Args:
        checked: the dataset.
        split_by: what no test row shares with a training row beside user and block.
    """
    names = [f"no {what.name}" for what in unshared_by(split_by) if what.name != "block" or checked.blocks]
    apart = f", training and test share {listing(names)}" if checked.has_both_splits else ""
    blocks = f" {counted(checked.blocks, 'block')} were checked against the rules of the controlled design."
    return (
        f"Before publication, all {counted(checked.total, 'row')} were checked: columns, unique ids, the gold tool "
        "and those of the same function among the candidates, lengths of histories"
        f"{apart}.{blocks if checked.blocks else ''} {findings_note(checked.findings)}"
    )


def findings_note(findings: Findings) -> str:
    """What was found in the texts and accepted by the publisher."""
    searched = "The texts were searched for keys, e-mail addresses and telephone numbers"
    numbers = count_findings(findings)
    if not numbers:
        return f"{searched}: none was found."
    found = ", ".join(
        f"{KINDS[kind]} ({number:,}, in {counted(rows, 'row')})" for kind, (number, rows) in numbers.items()
    )
    return (
        f"{searched}. **Found, and accepted by the publisher: {found}**, obvious examples left out. They come from "
        "the tools' documents; do not use them."
    )
