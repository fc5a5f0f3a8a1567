"""What a fit of a selector has to say: scores on held-out rows with intervals, the ladder, and the card."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from petoolbench import CITATION, SETTINGS
from petoolkit.evaluator.scores.bootstrap import cluster_sums, clusters_of, ratio_intervals
from petoolkit.evaluator.terminal_layout import FittedTable
from petoolkit.files import replacing
from petoolkit.publisher.local_paths import without_folders
from petoolkit.selector.evidence import EVIDENCE
from petoolkit.selector.fit_selector import Fit, FitOptions, Judged, settings_of
from petoolkit.selector.selector_files import FittedSelector, write_selector
from petoolkit.shipped import ROOT
from petoolkit.text import ALL, counted, setting_label, with_interval
from petoolkit.versions import software_versions

_ROUNDS = 1_000


def fit_facts(fit: Fit, datasets: Sequence[str], rows: Sequence[dict], options: FitOptions) -> dict[str, Any]:
    """What is stored beside a selector, and shown on its card."""
    return {
        "fitted_on": [without_folders(name) for name in datasets],
        "rows": len(rows) - fit.rows_left_out,
        "rows_left_out": fit.rows_left_out,
        "users": len({row["user_id"] for row in rows}),
        "construction": options.construction,
        "descriptions": options.descriptions,
        "asked_before": options.asked_before,
        "seed": options.seed,
        "held_out": _scores(fit.judged),
        "ladder": [{"added": title, **_by_setting(judged)} for title, judged in fit.ladder],
        "versions": software_versions(),
    }


def _by_setting(judged: Sequence[Judged]) -> dict[str, float]:
    of_settings = {name: ones for name, ones in settings_of(judged).items() if name in SETTINGS}
    every = [one for ones in of_settings.values() for one in ones]
    return {name: float(np.mean([one.is_right for one in ones])) for name, ones in {**of_settings, ALL: every}.items()}


def _scores(judged: Sequence[Judged]) -> dict[str, dict[str, Any]]:
    """By setting or kind: rows, Tool Acc and Tool Acc given the function, each with its interval."""
    found = settings_of(judged)
    ordered = {name: found[name] for name in (*SETTINGS, *found) if name in found}
    ordered[ALL] = [one for name, ones in ordered.items() if name in SETTINGS for one in ones]
    return {
        name: {
            "rows": len(ones),
            "tool_acc": _share(ones, [one.is_right for one in ones]),
            "given_function": _share(ones, [one.is_right_given_function for one in ones]),
        }
        for name, ones in ordered.items()
    }


def _share(judged: Sequence[Judged], right: Sequence[bool]) -> dict[str, float | None]:
    clusters = clusters_of([one.row for one in judged])
    numbers = np.arange(len(judged))
    sums = cluster_sums(np.array(right, dtype=float), numbers, clusters)
    sizes = cluster_sums(np.ones(len(judged)), numbers, clusters)
    low, high = ratio_intervals(sums[:, None], sizes[:, None], _ROUNDS, 0)
    known = not np.isnan(low[0])
    return {
        "value": float(np.mean(right)),
        "low": float(low[0]) if known else None,
        "high": float(high[0]) if known else None,
    }


class _Interval:
    def __init__(self, score: dict[str, float | None]):
        self.value, self.low, self.high = score["value"], score["low"], score["high"]


def _shown(score: dict[str, float | None]) -> str:
    return with_interval(_Interval(score))


def fit_tables(facts: dict[str, Any], out: Path) -> list[Any]:
    """What the command shows: scores of held-out rows, the ladder, and what comes next."""
    scores = FittedTable("held-out rows", ["number", "Tool Acc", "given the function"])
    for name, score in facts["held_out"].items():
        scores.add_row(
            setting_label(name), f"{score['rows']:,}", _shown(score["tool_acc"]), _shown(score["given_function"])
        )
    settings = [name for name in (*SETTINGS, ALL) if facts["ladder"] and name in facts["ladder"][0]]
    ladder = FittedTable("evidence, one kind after the other", [setting_label(name) for name in settings])
    for step in facts["ladder"]:
        ladder.add_row(step["added"], *(f"{100 * step[name]:.1f}" for name in settings))
    left_out = facts["rows_left_out"]
    return [
        scores,
        "",
        *([ladder, ""] if facts["ladder"] else []),
        f"Fitted on {facts['rows']:,} rows"
        + (f" ({left_out:,} more were not needed)" if left_out else "")
        + f"; written to {out}/. Ask it: petoolbench evaluate --model selector:{out} --out results/selector",
    ]


def write_selector_card(folder: Path, fit: Fit, facts: dict[str, Any]) -> None:
    """Write the selector's files and its card."""
    fitted = fit.fitted
    write_selector(folder, FittedSelector(**{**fitted.__dict__, "facts": facts}))
    with replacing(folder / "README.md") as beside:
        beside.write_text(selector_card(folder, fitted, facts), encoding="utf-8")


def selector_card(folder: Path, fitted: FittedSelector, facts: dict[str, Any]) -> str:
    """The card's text."""
    from huggingface_hub import ModelCard, ModelCardData

    data = ModelCardData(
        library_name="petoolbench",
        license="apache-2.0",
        tags=["tool-use", "personalization", "tool-selection"],
    )
    settings = [name for name in (*SETTINGS, ALL) if facts["ladder"] and name in facts["ladder"][0]]
    return str(
        ModelCard.from_template(
            data,
            template_path=str(ROOT / "selector_card.md"),
            name=folder.resolve().name,
            fitted=fitted,
            facts=facts,
            evidence=[EVIDENCE[name] for name in fitted.evidence],
            settings=settings,
            setting_label=setting_label,
            shown=_shown,
            counted=counted,
            citation=CITATION,
        )
    )
