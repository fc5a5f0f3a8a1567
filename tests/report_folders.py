"""Evaluation folders with invented scores, and what a browser would find in the report about them."""

import json
import random
from html.parser import HTMLParser

from petoolbench import SETTINGS
from petoolkit.evaluator.records import BREAKDOWNS, Manifest
from petoolkit.evaluator.report.run_groups import group_runs
from petoolkit.evaluator.report.score_files import read_scores
from petoolkit.replies import READERS
from petoolkit.scoring import ACCURACIES, ERROR_TYPES, METRICS
from petoolkit.text import ALL

SETTINGS_AND_ALL = [*SETTINGS, ALL]
OPTIONS = {"history": "full", "prompt": "petoolbench", "truncate": "oldest", "window": 4000, "temperature": 0.1}


def scores(
    model="openai:gpt-4o", settings=SETTINGS_AND_ALL, users=100, bands=("1-5", "6-10"), category="Finance", **changes
):
    """What `scores.json` holds, each number drawn from its own name; `changes` replace keys of the top level."""

    def share(*names):
        return round(random.Random(repr((model, names))).uniform(0.2, 0.8), 3)

    def value(*names):
        middle = share(*names)
        return {"value": middle, "low": round(middle - 0.05, 3), "high": round(middle + 0.05, 3)}

    def by_reader(metrics, *names):
        return {reader: {metric: value(*names, reader, metric) for metric in metrics} for reader in READERS}

    bands_of = {"history_length": bands, "category": (category, "Music"), "gold_position": ("1", "2")}
    rows = {setting: users * (len(settings) - 1 if setting == ALL else 1) for setting in settings}
    return {
        "model": model,
        "dataset": "some-dataset",
        "revision": None,
        "fingerprint": "0123456789abcdef",
        "split": "test",
        "setting": "all",
        "options": OPTIONS,
        "versions": {"petoolbench": "0.1.0"},
        "rows": rows,
        "scores": {setting: by_reader([*METRICS, *ERROR_TYPES], setting) for setting in settings},
        "chance": {setting: dict.fromkeys(METRICS, 0.1) for setting in settings},
        "best_rule": {
            setting: {
                reader: {metric: {"name": "preference-rule", "value": 0.9} for metric in METRICS} for reader in READERS
            }
            for setting in settings
        },
        "breakdowns": {
            dimension: {
                setting: {
                    band: {"rows": rows[setting] // 2, "scores": by_reader(ACCURACIES, dimension, setting, band)}
                    for band in bands_of[dimension]
                }
                for setting in settings
            }
            for dimension in BREAKDOWNS
        },
        "repeats": {
            setting: {reader: {m: [share(setting, reader, m)] for m in ACCURACIES} for reader in READERS}
            for setting in settings
        },
        "counts": {
            setting: {
                "unreadable": {"robust": 3, "paper": 9},
                "how_read": {"as asked": 590, "own form": 5, "mended": 2},
                "by_optional_rule": 7,
                "missing": 0,
                "shortened": 12,
                "over_window": 1,
                "cut_replies": 0,
            }
            for setting in settings
        },
        "usage": {
            "prompt_tokens": 1_234_567,
            "completion_tokens": 7_654,
            "median_seconds": 0.81,
            "p95_seconds": 2.5,
            "cost_usd": 3.456,
            "memory": None,
        },
        **changes,
    }


def with_tool_acc(value, tool_acc, setting=ALL, low=None, high=None):
    """The scores with another Tool Acc (robust reader)."""
    value["scores"][setting]["robust"]["tool_acc"] = {
        "value": tool_acc,
        "low": low or tool_acc,
        "high": high or tool_acc,
    }
    return value


def value(share, low=None, high=None):
    return {"value": share, "low": low, "high": high}


def with_preference(result):
    """The scores with the headline numbers: 0.8 of 90 pairs, gains, and overrides with the taste in 0.25."""
    override = {"rows": 12, "own": value(0.7), "expected": 1, "other": value(0.25, 0.2, 0.3), "expected_other": 0}
    swap = {
        "preferred_only": {"rows": 0, "own": value(0.9), "expected": 1},
        "rating_integrated": {"rows": 100, "missing": 2, "own": value(0.1, 0.05, 0.15), "expected": 0},
        "all": {"rows": 100, "missing": 2, "own": value(0.1, 0.05, 0.15), "expected": 0},
    }
    return result | {
        "counterfactuals": {"no-history": "0" * 16, "swap": "1" * 16, "override": "2" * 16},
        "pairs": {"all": {"pairs": 100, "counted": 90, "score": value(0.8, 0.7, 0.9), "gain": value(0.75, 0.6, 0.9)}},
        "history_gain": {"all": value(0.5, 0.4, 0.6)},
        "counterfactual_scores": {
            "no-history": {"all": {"rows": 300, "own": value(0.3), "expected": 0.25}},
            "swap": swap,
            "override": {"all": override},
        },
    }


def folders(path, *results):
    """Write evaluations without predictions into `path`; gives their folders."""
    made = []
    for number, result in enumerate(results):
        made.append(path / f"run-{number}")
        made[-1].mkdir(parents=True)
        manifest = {key: result[key] for key in Manifest.model_fields if key in result}
        (made[-1] / "manifest.json").write_text(json.dumps(manifest))
        (made[-1] / "scores.json").write_text(json.dumps(result))
    return made


def groups_of(path, *results):
    return group_runs(read_scores(folders(path, *results)))


def rows_of(table):
    return {row.name: [f"{cell.text} {cell.detail}".strip() for cell in row.cells] for row in table.rows}


def plain(text):
    return text.replace("\N{NO-BREAK SPACE}", " ")


class Page(HTMLParser):
    """What a browser would find in a page: its tags, its text, its figures, and the rows of its tables by title."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.text, self.figures, self.tables, self.links = set(), [], [], {}, []
        self._rows, self._cell = [], None
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        found = dict(attributes)
        self.tags.add(tag)
        if tag == "a":
            self.links.append(found.get("href"))
        elif tag == "img":
            self.figures.append(found)
        elif found.get("role") == "region":
            self._rows = self.tables.setdefault(found["aria-label"], [])
        elif tag == "tr":
            self._rows.append([found.get("class")])
        elif tag in ("th", "td"):
            self._cell = []
            self._rows[-1].append(self._cell)

    def handle_data(self, data):
        self.text.append(data)
        if self._cell is not None and data.strip():
            self._cell.append(data.strip())

    def handle_endtag(self, tag):
        if tag in ("th", "td"):
            self._cell = None
