"""A dataset's folder as it is published: all rows checked, the card completed, figures drawn."""

import datetime
from collections.abc import Collection
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from huggingface_hub import DatasetCard
from rich.console import Console

from petoolbench import InputError, all_configs
from petoolkit.audit.audit import audit
from petoolkit.audit.gates import check_gate_names
from petoolkit.audit_figure import draw_audit
from petoolkit.audit_record import AUDIT_FILE, AuditRecord, check_gates, read_audit
from petoolkit.audit_tables import audit_section, verdict
from petoolkit.dataset_record import CHAT, RECORD_FILE, DatasetRecord, read_dataset_record
from petoolkit.decoding import read_json
from petoolkit.evaluator.evaluate import SPLIT
from petoolkit.evaluator.records import MANIFEST
from petoolkit.extras import missing_package
from petoolkit.files import content_version
from petoolkit.folder_lock import restore_if_abandoned
from petoolkit.publisher.chat_files import chat_files
from petoolkit.publisher.croissant import CROISSANT, croissant
from petoolkit.publisher.dataset_figures import draw_figures, figures_section
from petoolkit.publisher.eval_yaml import EVAL_YAML, eval_yaml
from petoolkit.publisher.hub import Package, Target, today
from petoolkit.publisher.logs_consent import check_dataset_of_logs, check_replies_to_logs
from petoolkit.publisher.pack_pairs import COUNTS, pack_pairs
from petoolkit.publisher.published_card import check_files, check_section, published_card, read_card, row_section
from petoolkit.publisher.responsible_ai import responsible_ai
from petoolkit.publisher.row_checks import CheckedDataset, check_rows, data_files
from petoolkit.publisher.text_search import judge_findings
from petoolkit.released import PROMPTS_FOLDER
from petoolkit.text import counted

_AUDIT_FIGURE = "figures/audit.png"
_LIBRARY = "petoolbench"  # `library_name` in the card of a benchmark that this project wrote
_MADE = (RECORD_FILE, AUDIT_FILE, EVAL_YAML, CROISSANT)
_OWNED = ("data/*.parquet", "figures/*.png", f"{PROMPTS_FOLDER}/*.parquet", *_MADE)


@dataclass(frozen=True)
class DatasetOptions:
    """How a dataset is published.

    Args:
        licence: its id on the Hub, such as `apache-2.0`.
        allowed: kinds of findings that the publisher accepts (`petoolkit.publisher.findings.KINDS`).
        findings: a file that gets all findings, with the tools whose documents hold them.
        scores: folders of `petoolbench evaluate` for the card, or folders that hold some.
        rules: whether the rule models are scored for the card.
        allowed_gates: names of the audit's gates that may fail.
        may_publish_logs: whether the publisher says that logs of real calls may be published.
        branch: of the repository; `None` for its main branch.
        published: the day of the first push; `None` for today.
    """

    licence: str | None = None
    allowed: Collection[str] = ()
    findings: Path | None = None
    scores: tuple[Path, ...] = ()
    rules: bool = True
    allowed_gates: Collection[str] = ()
    may_publish_logs: bool = False
    branch: str | None = None
    published: datetime.date | None = None


def pack_dataset(folder: Path, repo_id: str, options: DatasetOptions, console: Console) -> Package:
    """Check a benchmark that `petoolbench build` or `import` wrote, or preference pairs, and collect its files.

    Args:
        folder: the dataset's.
        repo_id: `USER/NAME`.
        options: how it is published.
        console: for messages and bars.

    Raises:
        InputError: if the folder holds neither, is damaged, differs from what its card says, holds findings that
            are not allowed, or was made of logs that the publisher does not say may be published.
        GateFailed: if the audit fails a gate that is not allowed to.
    """
    check_gate_names(options.allowed_gates)
    restore_if_abandoned(folder)
    card = read_card(folder)
    if (folder / COUNTS).is_file():
        check_replies_to_logs(_logs_of_pairs(folder), "pairs", options.may_publish_logs)
        return pack_pairs(folder, card, repo_id, options.licence, options.allowed, options.findings, console)
    if card.data.get("library_name") != _LIBRARY:
        raise InputError(f"{folder} is not a dataset that petoolbench wrote; name a folder of `petoolbench build`.")
    if unknown := check_files(card, folder).keys() - {*all_configs(), CHAT}:
        raise InputError(
            f"{folder} has configs that are not the contract's ({', '.join(sorted(unknown))}); build it anew."
        )
    record = read_dataset_record(str(folder))
    check_dataset_of_logs(record, options.may_publish_logs)
    split_by = record.split if record else "user"
    checked = check_rows(folder, split_by, record is not None and record.is_crossed, console)
    if not checked.total:
        raise InputError(f"{folder} does not hold any rows; build it anew.")
    _check_counts(folder, card, checked)
    judge_findings(checked.findings, options.allowed, options.findings, console)
    audited = _audited(folder, options, record, console)
    chat = chat_files(folder, card, console)
    sections = {"check": check_section(checked, split_by), "row": row_section(checked.example)}
    figures = draw_figures(checked)
    if figures is None:
        message = missing_package("The card gets no figures: they need", "matplotlib", "report")
        console.print(str(message), markup=False, highlight=False)
    else:
        sections["figures"] = figures_section(checked)
        if picture := draw_audit(audited):
            figures[_AUDIT_FIGURE] = picture[0]
    sections["audit"] = audit_section(audited, _AUDIT_FIGURE if figures else None)
    sections["scores"] = _scores(folder, checked, options, console)
    licence = _licence(card, record, options, console)
    readme = published_card(card, repo_id, licence, sections)
    files: dict[str, Path | bytes] = {"README.md": readme, **(figures or {})}
    files[AUDIT_FILE] = audited.as_bytes()
    files |= chat
    if checked.of_settings.get(SPLIT):
        files[EVAL_YAML] = eval_yaml(repo_id)
    if record:
        files[RECORD_FILE] = folder / RECORD_FILE
    for file in [*data_files(folder), *sorted(folder.glob(f"{PROMPTS_FOLDER}/*.parquet"))]:
        files[file.relative_to(folder).as_posix()] = file
    responsible = responsible_ai(readme.decode(), record, audited, checked.findings)
    version = content_version(*data_files(folder))
    target, published = Target(repo_id, "dataset", branch=options.branch), options.published or today()
    files[CROISSANT] = croissant(target, files, licence, version, published, responsible)
    return Package(files, _OWNED, counted(checked.total, "row"))


def _logs_of_pairs(folder: Path) -> list[str]:
    """The folder of pairs, if its manifest says that they were made of logs."""
    manifest = read_json(folder / MANIFEST) if (folder / MANIFEST).is_file() else None
    return [str(folder)] if isinstance(manifest, dict) and manifest.get("logs") else []


def _audited(folder: Path, options: DatasetOptions, of_dataset: DatasetRecord | None, console: Console) -> AuditRecord:
    """The audit of a folder's rows, made now if it is missing or of other rows; its gates hold or are allowed.

    Logs of real calls give away what people do: their audit is shown and published, and no gate is asked of them.
    """
    record = read_audit(folder)
    if record is None:
        record = audit(str(folder), None, console)
        with suppress(OSError):  # so that a push after a dry run need not do it again
            record.write(folder)
    record = record.model_copy(update={"allowed": sorted({*record.allowed, *options.allowed_gates})})
    say = partial(console.print, markup=False, highlight=False)
    say(f"Audit: {verdict(record)}")
    for gate in record.failed:
        say(f"  {gate.name}: {gate.finding}")
    if of_dataset is None or of_dataset.origin != "logs":
        check_gates(record, "publish it all the same with --allow NAME; the card will say so")
    return record


def _check_counts(folder: Path, card: DatasetCard, checked: CheckedDataset) -> None:
    """Compare the numbers of rows with those in the card's YAML, by which `load_dataset` checks what it loads."""
    infos = card.data.to_dict().get("dataset_info") or []
    counts = {
        info["config_name"]: {split["name"]: split["num_examples"] for split in info["splits"]}
        for info in (infos if isinstance(infos, list) else [infos])
    }
    of_chat = counts.pop(CHAT, checked.of_settings)
    if counts != checked.rows or of_chat != checked.of_settings:
        raise InputError(
            f"{folder}: `dataset_info` in the card counts other numbers of rows than there are; build it anew."
        )


def _licence(card: DatasetCard, record: DatasetRecord | None, options: DatasetOptions, console: Console) -> str | None:
    """The licence that was given, or that the card names; that of the embedded catalogue if rules made all texts of a
    dataset out of it alone. A message says if it is not known."""
    known = options.licence or card.data.get("license")
    if known:
        return known
    if record is None:
        console.print(
            f"The folder has no {RECORD_FILE}, since an older version wrote it: that training and test share no user "
            "is all that was checked of the split, and the licence is not known. Give --licence if you know it, or "
            "build the dataset anew.",
            markup=False,
            highlight=False,
        )
        return None
    if record.author == "offline" and (record.recipe or {}).get("catalogue") == ["embedded"]:
        return "apache-2.0"
    console.print("The licence is not known; give --licence if you know it.", highlight=False)
    return None


def _scores(folder: Path, checked: CheckedDataset, options: DatasetOptions, console: Console) -> str:
    if not options.rules and not options.scores:
        return ""
    from petoolkit.publisher.card_scores import read_given_scores, score_rules, scores_section

    given = read_given_scores(options.scores, folder, checked, console) if options.scores else []
    rules = []
    if options.rules:
        with console.status("Scoring the rule models for the card"):
            rules = score_rules(folder, checked, console)
    return scores_section(rules + given)
