"""A dataset's card as it is published: the one that the build wrote, and in its places what is known only now."""

import json
import re
from pathlib import Path

import yaml
from huggingface_hub import DatasetCard

from petoolbench import InputError
from petoolkit.files import content_version
from petoolkit.publisher.findings import KINDS
from petoolkit.publisher.row_checks import PROMISES, Checked
from petoolkit.publisher.text_search import Findings, count_findings

# Places in dataset_card.md, in the order in which they stand there; a card without one gets the section at its end.
PLACES = ("figures", "check", "row", "scores")
_MARK = "<!-- petoolbench push: {} -->"
_NAMED = 3  # files in a message
_SHOWN_CALLS, _SHOWN_TOOLS, _SHOWN_TEXT = 2, 2, 200


def read_card(folder: Path) -> DatasetCard:
    """The card of a dataset folder.

    Raises:
        InputError: if it is none, or can't be read.
    """
    path = folder / "README.md"
    if not path.is_file():
        raise InputError(
            f"{folder} is no dataset ({path.name} is missing); name a folder that `petoolbench build` wrote."
        )
    try:
        return DatasetCard.load(path)
    except (ValueError, OSError, yaml.YAMLError) as error:
        raise InputError(
            f"{path} has no readable YAML head ({' '.join(str(error).split())[:200]}); mend it."
        ) from None


def check_files(card: DatasetCard, folder: Path) -> dict[str, list[Path]]:
    """The files of a card's configs, by the config's name, which must be those that the card was written for.

    Raises:
        InputError: if they are not; if the card does not name them in the form in which a build writes it.
    """
    try:
        configs = {
            config["config_name"]: (config["version"], [folder / split["path"] for split in config["data_files"]])
            for config in card.data.to_dict()["configs"]
        }
    except (KeyError, TypeError):
        raise InputError(f"{folder / 'README.md'}: its `configs` are not those of a build; build it anew.") from None
    told = {path for _, paths in configs.values() for path in paths}
    there = set(folder.glob("data/**/*.parquet"))
    if told != there or not there:
        strange = ", ".join(sorted(path.relative_to(folder).as_posix() for path in told ^ there)[:_NAMED])
        raise InputError(f"{folder}: the card and the files in data/ do not agree ({strange}); build it anew.")
    for name, (version, paths) in configs.items():
        if version != content_version(*paths):
            raise InputError(
                f"{folder}: the files of {name} are not those that the card was written for, so caches would hand out "
                "old rows; build it anew."
            )
    return {name: paths for name, (_, paths) in configs.items()}


def recipe_of(card: DatasetCard) -> dict:
    """The recipe that a build wrote into its card; empty where there is none, as in an import."""
    for block in re.findall(r"```yaml\n(.*?)```", card.text, re.DOTALL):
        try:
            recipe = yaml.safe_load(block)
        except yaml.YAMLError:
            continue
        if isinstance(recipe, dict) and isinstance(recipe.get("export"), dict):
            return recipe
    return {}


def promised_split(recipe: dict) -> str | None:
    """What training and test rows do not share, one of `PROMISES`; `None` if there is no recipe."""
    split = recipe.get("export", {}).get("split")
    return split if split in PROMISES else None


def known_licence(recipe: dict) -> str | None:
    """That of the embedded catalogue, where rules made all of a dataset out of nothing else."""
    author = recipe.get("author")
    authors = set(author.values()) if isinstance(author, dict) else {author}
    return "apache-2.0" if recipe.get("catalogue") == ["embedded"] and authors == {"offline"} else None


def published_card(card: DatasetCard, repo_id: str, licence: str | None, sections: dict[str, str]) -> bytes:
    """The card with its name on the Hub, its licence, and the sections (Markdown) in their places."""
    if licence:
        card.data["license"] = licence
    text = re.sub(r'load_dataset\("[^"]*"', f'load_dataset("{repo_id}"', str(card))
    for place in PLACES:
        mark, section = _MARK.format(place), sections.get(place, "").strip()
        if mark in text:
            text = text.replace(mark, section)
        elif section:
            before, heading, after = text.partition("\n## Citation")
            text = f"{before.rstrip()}\n\n{section}\n{heading}{after}"
    return re.sub(r"\n{3,}", "\n\n", text).encode()


def row_section(row: dict) -> str:
    """A real row, long parts shortened, as JSON."""
    shown = dict(row)
    history, tools = row["history"], row["candidate_tools"]
    gold = row["tool_call"]["tool_name"]
    first = sorted(
        tools, key=lambda tool: (tool["tool_name"] != gold, tool["tool_name"] not in row["same_function_tools"])
    )
    shown["history"] = history[:_SHOWN_CALLS]
    shown["candidate_tools"] = first[:_SHOWN_TOOLS]
    text = json.dumps(_shortened(shown), ensure_ascii=False, indent=2)
    fence = "`" * max(3, *(len(run) + 1 for run in re.findall(r"`+", text)), 3)
    return (
        f"One of them, with {len(shown['history'])} of its {len(history)} past calls and "
        f"{len(shown['candidate_tools'])} of its {len(tools)} candidates, long texts cut:"
        f"\n\n{fence}json\n{text}\n{fence}"
    )


def _shortened(value: object) -> object:
    if isinstance(value, str) and len(value) > _SHOWN_TEXT:
        return value[:_SHOWN_TEXT] + " ..."
    if isinstance(value, dict):
        return {key: _shortened(item) for key, item in value.items()}
    return [_shortened(item) for item in value] if isinstance(value, list) else value


def check_section(checked: Checked, promise: str | None) -> str:
    """What was checked before publication, and what the publisher let stand."""
    apart = f", training and test share no {' and no '.join(dict.fromkeys(('user', promise or 'user')))}"
    held = (
        f"Before publication, all {checked.total:,} rows were checked: columns, unique ids, the gold tool and those "
        "of the same function among the candidates, lengths of histories"
        f"{apart if checked.has_both_splits else ''}."
    )
    return f"{held} {findings_note(checked.findings)}"


def findings_note(findings: Findings) -> str:
    """What was found in the texts, and let stand by the publisher."""
    searched = "The texts were searched for keys, e-mail addresses and telephone numbers"
    numbers = count_findings(findings)
    if not numbers:
        return f"{searched}: none was found."
    told = ", ".join(f"{KINDS[kind]} ({number:,}, in {rows:,} rows)" for kind, (number, rows) in numbers.items())
    return (
        f"{searched}. **Found, and let stand by the publisher: {told}**, obvious examples left out. They come from "
        "the tools' documents; do not use them."
    )
