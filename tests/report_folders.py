"""Evaluation folders of invented scores, and what a browser would find in the report on them."""

import json
import random
from html.parser import HTMLParser

from petoolbench import SETTINGS
from petoolkit.evaluator.report.run_groups import report_parts
from petoolkit.evaluator.report.score_files import BREAKDOWNS, ERRORS, METRICS, read_scores
from petoolkit.replies import READERS

PLACES = [*SETTINGS, "all"]
NUMBERS = [*METRICS, *ERRORS]
OPTIONS = {"history": True, "prompt": "petoolbench", "truncate": "oldest", "window": 4000, "temperature": 0.1}


def scores(model="openai:gpt-4o", places=PLACES, users=100, bands=("1-5", "6-10"), category="Finance", **changes):
    """What a folder's `scores.json` holds, each number drawn from its own name; `changes` go over the top level."""

    def share(*names):
        return round(random.Random(repr((model, names))).uniform(0.2, 0.8), 3)

    def value(*names):
        middle = share(*names)
        return {"value": middle, "low": round(middle - 0.05, 3), "high": round(middle + 0.05, 3)}

    def by_reader(metrics, *names):
        return {reader: {metric: value(*names, reader, metric) for metric in metrics} for reader in READERS}

    names = {"history_length": bands, "category": (category, "Music"), "gold_position": ("1", "2")}
    rows = {place: users * (len(places) - 1 if place == "all" else 1) for place in places}
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
        "scores": {place: by_reader(NUMBERS, place) for place in places},
        "chance": {place: dict.fromkeys(METRICS, 0.1) for place in places},
        "best_rule": {
            place: {
                reader: {metric: {"name": "preference-rule", "value": 0.9} for metric in METRICS} for reader in READERS
            }
            for place in places
        },
        "breakdowns": {
            what: {
                place: {
                    name: {"rows": rows[place] // 2, "scores": by_reader(list(METRICS)[:3], what, place, name)}
                    for name in names[what]
                }
                for place in places
            }
            for what in BREAKDOWNS
        },
        "repeats": {
            place: {r: {m: [share(place, r, m)] for m in list(METRICS)[:3]} for r in READERS} for place in places
        },
        "counts": {
            place: {"unreadable": {"robust": 3, "paper": 9}, "missing": 0, "shortened": 12, "over_window": 1}
            for place in places
        },
        "usage": {
            "prompt_tokens": 1_234_567,
            "completion_tokens": 7_654,
            "median_seconds": 0.81,
            "p95_seconds": 2.5,
            "cost_usd": 3.456,
        },
        **changes,
    }


def at(value, tool_acc, place="all", low=None, high=None):
    """Scores with a Tool Acc (robust reader) of one's own."""
    value["scores"][place]["robust"]["tool_acc"] = {
        "value": tool_acc,
        "low": low or tool_acc,
        "high": high or tool_acc,
    }
    return value


def folders(path, *results):
    made = []
    for number, result in enumerate(results):
        made.append(path / f"run-{number}")
        made[-1].mkdir(parents=True)
        (made[-1] / "scores.json").write_text(json.dumps(result))
    return made


def parts_of(path, *results):
    return report_parts(read_scores(folders(path, *results)))


def rows_of(table):
    return {row.name: [f"{cell.text} {cell.detail}".strip() for cell in row.cells] for row in table.rows}


def plain(text):
    return text.replace("\N{NO-BREAK SPACE}", " ")


class Page(HTMLParser):
    """What a browser would find in a page: its tags, its text, its pictures, and the tables' rows by caption."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.text, self.pictures, self.tables = set(), [], [], {}
        self._rows, self._cell = [], None
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        found = dict(attributes)
        self.tags.add(tag)
        if tag == "img":
            self.pictures.append(found)
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
