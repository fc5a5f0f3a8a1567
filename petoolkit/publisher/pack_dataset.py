"""A dataset folder as it is published: checked whole, its card completed, its pictures drawn."""

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from huggingface_hub import DatasetCard
from rich.console import Console

from petoolbench import SETTINGS, InputError
from petoolkit.publisher.dataset_figures import draw_figures, figures_section
from petoolkit.publisher.hub import Package
from petoolkit.publisher.pack_pairs import COUNTS, pack_pairs
from petoolkit.publisher.published_card import (
    check_files,
    check_section,
    known_licence,
    promised_split,
    published_card,
    read_card,
    recipe_of,
    row_section,
)
from petoolkit.publisher.row_checks import Checked, check_rows, data_files
from petoolkit.publisher.text_search import judge_findings
from petoolkit.released import PROMPTS_FOLDER

_BENCHMARK = "petoolbench"  # the `library_name` in the card of a benchmark that this project wrote
_OWNED = ("data/*.parquet", "figures/*.png", f"{PROMPTS_FOLDER}/*.parquet")


@dataclass(frozen=True)
class Wishes:
    """What the publisher says about a dataset.

    Args:
        licence: its id on the Hub, such as `apache-2.0`.
        allowed: kinds of findings that are let stand (`petoolkit.publisher.findings.KINDS`).
        findings: a file that gets all findings, with the tools whose documents hold them.
        scores: folders of `petoolbench evaluate` for the card.
        rules: whether the rule models are scored for the card.
    """

    licence: str | None = None
    allowed: Collection[str] = ()
    findings: Path | None = None
    scores: tuple[Path, ...] = ()
    rules: bool = True


def pack_dataset(folder: Path, repo_id: str, wishes: Wishes, console: Console) -> Package:
    """Check a benchmark that `petoolbench build` or `import` wrote, or preference pairs, and make what is to be sent.

    Raises:
        InputError: if it is none, is damaged or not what its card says, or holds what should not get out.
    """
    card = read_card(folder)
    if (folder / COUNTS).is_file():
        return pack_pairs(folder, card, repo_id, wishes.licence, wishes.allowed, wishes.findings, console)
    if card.data.get("library_name") != _BENCHMARK:
        raise InputError(f"{folder} is no dataset that petoolbench wrote; name a folder of `petoolbench build`.")
    if unknown := check_files(card, folder).keys() - SETTINGS.keys():
        raise InputError(f"{folder} has a config that is no setting ({', '.join(sorted(unknown))}); build it anew.")
    recipe = recipe_of(card)
    promise = promised_split(recipe)
    checked = check_rows(folder, promise, console)
    if not checked.total:
        raise InputError(f"{folder} holds no rows; build it anew.")
    _check_head(folder, card, checked)
    judge_findings(checked.findings, wishes.allowed, wishes.findings, console)
    licence = wishes.licence or card.data.get("license") or known_licence(recipe)
    if not licence:
        console.print("The card names no licence; give --licence if you know it.", highlight=False)
    sections = {"check": check_section(checked, promise), "row": row_section(checked.example)}
    figures = draw_figures(checked)
    if figures is None:
        console.print(
            "No pictures in the card: they need matplotlib (pip install 'petoolbench[report]').", markup=False
        )
    else:
        sections["figures"] = figures_section(checked)
    sections["scores"] = _scores(folder, checked, wishes, console)
    files: dict[str, Path | bytes] = {"README.md": published_card(card, repo_id, licence, sections), **(figures or {})}
    for file in [*data_files(folder), *sorted(folder.glob(f"{PROMPTS_FOLDER}/*.parquet"))]:
        files[file.relative_to(folder).as_posix()] = file
    return Package(files, _OWNED, f"{checked.total:,} rows")


def _check_head(folder: Path, card: DatasetCard, checked: Checked) -> None:
    """Hold the rows' numbers against those in the card's YAML, by which `load_dataset` checks what it loads."""
    infos = card.data.to_dict().get("dataset_info") or []
    told = {
        info["config_name"]: {split["name"]: split["num_examples"] for split in info["splits"]}
        for info in (infos if isinstance(infos, list) else [infos])
    }
    if told != checked.rows:
        raise InputError(f"{folder}: `dataset_info` in the card counts other rows than there are; build it anew.")


def _scores(folder: Path, checked: Checked, wishes: Wishes, console: Console) -> str:
    if not wishes.rules and not wishes.scores:
        return ""
    from petoolkit.publisher.card_scores import read_given_scores, score_rules, scores_section

    given = read_given_scores(list(wishes.scores), folder, checked) if wishes.scores else []
    rules = []
    if wishes.rules:
        with console.status("Scoring the rule models for the card"):
            rules = score_rules(folder, checked, console)
    return scores_section(rules + given)
