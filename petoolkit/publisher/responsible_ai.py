"""The responsible-AI properties of a dataset's Croissant: what made it, of what, for what, and its faults.

Each is taken from where it is known: the card, the dataset's record, the audit, and the search of the texts.
"""

import re
from collections.abc import Iterator
from typing import Any

from petoolkit.audit_record import AuditRecord, SettingAudit
from petoolkit.audit_tables import count_lines, not_asked, verdict, what_was_asked
from petoolkit.dataset_record import DatasetRecord
from petoolkit.publisher.croissant import licence_page
from petoolkit.publisher.published_card import findings_note
from petoolkit.publisher.text_search import Findings
from petoolkit.text import counted, in_percent, interval, setting_label

_EMBEDDED = "embedded"
_UNKNOWN_LICENCE = "not known: the documents are their providers' own"
_COLLECTION_TYPES = {
    "build": "Software Collection",
    "import": "Secondary Data Analysis",
    "logs": "Passive Data Collection",
}
_GOLD = {
    "build": "The gold tool follows from the preference that a simulated user was given, and the rules of the design "
    "make it the only right one; nobody labelled rows by hand.",
    "import": "The gold calls are those that the authors of the paper released; nobody checked them anew.",
    "logs": "The gold call is the one that was made; nobody checked that it was the best one, or what decided.",
}
_PEOPLE = {
    "build": "Users are simulated: no row is about a person.",
    "import": "Users are simulated, as the paper says: no row is about a person.",
    "logs": "Requests of real people, with what they preferred.",
}
_USE_CASES = [
    "Evaluation of models that choose among tools which do the same job, by what a user's past calls show.",
    "Training of such models, on the training split only.",
    "Not for judging the tools or their providers, nor for inferring traits of real people.",
]
_SOCIAL_IMPACT = (
    "A model that learns such preferences serves its user better, and learns about its user: what it may remember is "
    "for that user to say. Documents of tools are promotional in part, and a model that is trained on them may follow "
    "their wording."
)
_MAINTENANCE = (
    "A push replaces the whole dataset in one commit, and earlier states stay under their commits; name a commit to "
    "get the same rows again."
)


def responsible_ai(card: str, record: DatasetRecord | None, audit: AuditRecord, findings: Findings) -> dict[str, Any]:
    """Properties of a Croissant's dataset, by their terms.

    Args:
        card: the text of the dataset's card.
        record: of the dataset, if it has one.
        audit: of its rows.
        findings: keys, e-mail addresses and telephone numbers that the publisher accepted.
    """
    origin = record.origin if record else ""  # of an older dataset, it is not known
    paragraphs = _paragraphs(_section(card, "How it was made"))
    found = {
        "description": _plain(_paragraphs(f"\n{card}".partition("\n# ")[2].partition("\n")[2])[0]),
        "isBasedOn": list(_sources(record)),
        "rai:dataCollection": _plain(" ".join(paragraphs)),
        "rai:dataCollectionType": _known(_COLLECTION_TYPES.get(origin)),
        "rai:machineAnnotationTools": list(_writers(record)),
        "rai:dataAnnotationProtocol": _known(_GOLD.get(origin)),
        "rai:dataPreprocessingProtocol": list(_counts(record)),
        "rai:dataBiases": list(_biases(audit)),
        "rai:dataLimitations": [_plain(one) for one in _bullets(_section(card, "Limits"))],
        "rai:dataUseCases": _USE_CASES,
        "rai:dataSocialImpact": _SOCIAL_IMPACT,
        "rai:personalSensitiveInformation": [
            *_known(_PEOPLE.get(origin)),
            _plain(findings_note(findings)),
            *_of_logs(record),
        ],
        "rai:dataReleaseMaintenancePlan": _MAINTENANCE,
    }
    return {term: value for term, value in found.items() if value}


def _known(text: str | None) -> list[str]:
    return [text] if text else []


def _section(card: str, title: str) -> str:
    """The text of a section of a card; empty if there is none."""
    found = re.search(rf"^## {re.escape(title)}$\n(.*?)(?=^## |\Z)", card, re.DOTALL | re.MULTILINE)
    return found[1] if found else ""


def _paragraphs(text: str) -> list[str]:
    """The paragraphs at the beginning of a text, before its first list, table or block of code."""
    before = re.split(r"^(?:- |\||```|<!--)", text, maxsplit=1, flags=re.MULTILINE)[0]
    return [one for part in before.split("\n\n") if (one := " ".join(part.split()))] or [""]


def _bullets(text: str) -> list[str]:
    return [one for part in re.split(r"^- ", text, flags=re.MULTILINE) if (one := " ".join(part.split()))]


def _plain(text: str) -> str:
    """Text without the marks of Markdown for strong words and links."""
    return re.sub(r"\[([^\]]*)\]\(([^)]*)\)", r"\1 (\2)", text.replace("**", ""))


def _sources(record: DatasetRecord | None) -> Iterator[dict[str, str]]:
    """What the dataset was made of, with its licence."""
    if record is None:
        return
    if record.origin == "import":
        url = "https://github.com/travis-xu/PEToolBench"
        yield _work("PEToolBench, the test file that the paper's authors released", _UNKNOWN_LICENCE, url=url)
    if record.origin == "logs":
        how = ", ".join(str(form) for form in (record.logs or {}).get("read as", {}))
        yield _work(
            "Logs of real calls", "not known: their publisher's own", description=f"Read as {how}." if how else ""
        )
    for one in (record.recipe or {}).get("catalogue", []):
        yield _catalogue(one)


def _catalogue(one: Any) -> dict[str, str]:
    """A catalogue as a recipe names it: by the last part of its path, or with the names that its tools got."""
    settings = one if isinstance(one, dict) else {"path": one}
    name = str(settings.get("path", ""))
    if name == _EMBEDDED or name.startswith(f"{_EMBEDDED}/"):
        made = "The catalogue that ships with petoolbench: tools and providers are invented."
        licence = "https://spdx.org/licenses/Apache-2.0.html"
    else:
        made, licence = "Tool documents that the publisher had, in their providers' words.", _UNKNOWN_LICENCE
    if settings.get("licence"):
        licence = licence_page(str(settings["licence"]))
    if settings.get("source"):
        made += f" From: {settings['source']}."
    if settings.get("background"):
        made += " Its tools only fill past calls and lists of candidates."
    return _work(f"Catalogue of tools: {name}", licence, description=made)


def _work(name: str, licence: str, **more: str) -> dict[str, str]:
    return {"@type": "CreativeWork", "name": name, "license": licence, **{key: v for key, v in more.items() if v}}


def _writers(record: DatasetRecord | None) -> Iterator[str]:
    """What wrote the texts, and what grouped the tools."""
    if record is None:
        return
    recipe = record.recipe or {}
    yield f"Texts: {record.author} (of petoolbench's authors: offline are rules, openai is a language model)."
    if model := (recipe.get("llm") or {}).get("model"):
        yield f"Language model: {model}."
    for stage, numbers in record.asked.items():
        yield f"Asked of it for {stage}: {', '.join(f'{name} {number:,}' for name, number in numbers.items())}."
    if encoder := (recipe.get("group") or {}).get("model"):
        yield f"Tools that do the same job: clusters of embeddings by {encoder}."


def _counts(record: DatasetRecord | None) -> Iterator[str]:
    """What each stage read, kept and dropped."""
    for stage, numbers in (record.counts if record else {}).items():
        yield f"{stage}: {', '.join(f'{name} {number:,}' for name, number in numbers.items())}."


def _biases(audit: AuditRecord) -> Iterator[str]:
    """What the audit measured."""
    yield what_was_asked(audit)
    for setting, one in audit.settings.items():
        yield from _of_setting(setting, one)
    yield verdict(audit)
    for gate in audit.gates:
        if not gate.passes:
            allowed = " and was allowed to" if gate.name in audit.allowed else ""
            yield f"The gate {gate.name} fails{allowed}: {gate.finding}"
    for what, number, share in count_lines(audit):
        yield f"{what}: {number}{f' ({share})' if number else share}."
    yield from not_asked(audit)


def _of_setting(setting: str, one: SettingAudit) -> Iterator[str]:
    yield (
        f"{setting_label(setting)}, {counted(one.rows, 'row')}: who knows what is to be done and nothing of the user "
        f"is right in {in_percent(one.ceiling)}."
    )
    for kind, what in (("shortcut", "The best rule that knows no preference"), ("reader", "The best plain reader")):
        if scores := [score for score in one.scores if score.kind == kind]:
            best = max(scores, key=lambda score: score.value)
            shown = f" (95 % interval {interval(best)})" if best.low is not None else ""
            yield f"{what} in {setting_label(setting)} rows, {best.solver}, has {in_percent(best.value)}{shown}."


def _of_logs(record: DatasetRecord | None) -> Iterator[str]:
    """How the names of users were treated, and what was found in the texts, when logs were imported."""
    if record is None or record.origin != "logs":
        return
    how = record.logs or {}
    replaced = how.get("redacted", "not known")
    yield f"Names of users: {how.get('user names', 'not known')}. What was found was replaced: {replaced}."
