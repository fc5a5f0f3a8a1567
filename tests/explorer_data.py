"""A small dataset folder and small evaluation folders for the explorer."""

import json

from petoolkit.builder.dataset_folder import write_dataset
from rows import DATASET_FACTS, past_call, prediction, reply, row, tool

from petoolkit.evaluator.records import AskedOptions, Manifest, Scores
from petoolkit.evaluator.results_folder import PREDICTIONS
from petoolkit.evaluator.row_fingerprint import fingerprint
from petoolkit.evaluator.scores.score import score
from petoolkit.files import write_json_lines

HOSTILE = (
    "<script>window.hacked = 1</script><img src=x onerror='window.hacked = 1'> ${window.hacked = 1} {{value}} **b**"
)
TURNED = "abc\N{RIGHT-TO-LEFT OVERRIDE}cba \N{HEBREW LETTER ALEF}\N{HEBREW LETTER BET}\x1b[31m"
LONG = "lengthy " * 12_500  # 100,000 characters

HOSTILE_PARAMETER = dict.fromkeys(("name", "type", "description"), HOSTILE) | {"default": None, "schema": None}
HOSTILE_SCHEMA = json.dumps({"enum": [HOSTILE, TURNED, {HOSTILE: HOSTILE}], "title": HOSTILE})

PLAIN = row("u1", "preferred_only", "Cirrox", [past_call("Cirrox"), past_call("Equandra")])
RATED = row(
    "u1", "rating_integrated", "Aerwyn", [past_call("Aerwyn", 1), past_call("Cirrox", 0), past_call("Cirrox", 0)]
)
LATE = row("u2", "chronological", "Cirrox", [past_call("Dovarque")] * 7, category="Money & <b>more</b>", group="g2")
STRANGE = {
    **row(
        "u3",
        "chronological",
        "Cirrox",
        [past_call("Aerwyn") | {"instruction": TURNED}],
        [
            tool("Aerwyn", "forecast", HOSTILE, LONG),
            tool("Cirrox", "forecast", TURNED, HOSTILE),
            {
                **tool(HOSTILE, HOSTILE, HOSTILE, required=[HOSTILE_PARAMETER]),
                "optional_parameters": [{**HOSTILE_PARAMETER, "name": TURNED, "schema": HOSTILE_SCHEMA}],
                "schema": HOSTILE_SCHEMA,
            },
        ],
    ),
    "instruction": f"{HOSTILE} {LONG}",
}
ROWS = [PLAIN, RATED, LATE, STRANGE]
TRAIN = row("u9", "preferred_only", "Aerwyn", [], group="g9")
GOOD = [reply(one["tool_call"]["tool_name"].split(">.<")[1]) for one in ROWS]


def write_rows(folder, rows=(*ROWS, TRAIN)):
    """A dataset in `folder`/petoolbench; the row of u9 is its train split."""
    splits = [("train" if one["user_id"] == "u9" else "test", one) for one in rows]
    write_dataset(folder / "petoolbench", splits, lambda: DATASET_FACTS)
    return str(folder / "petoolbench")


def write_evaluation(
    folder, replies, model="openai:gpt-4o", rows=ROWS, repeat=1, setting="all", changed=(), **options
):
    """An evaluation's folder.

    Args:
        replies: to all rows, once for each repeat; `None` is a missing one.
        changed: names of counterfactuals, ids of rows (for other kinds, those that the dataset has), and replies.
        options: that the manifest keeps.
    """
    lines = [
        prediction(rows[number % len(rows)], text, number // len(rows), error=None)
        for number, text in enumerate(replies)
        if text is not None
    ]
    of_changed = [
        {"id": f"{row_id}#{name}", "repeat": 0, "reply": text, "error": None} for name, row_id, text in changed
    ]
    manifest = Manifest(
        model=model,
        dataset="petoolbench",
        fingerprint=fingerprint(rows),
        split="test",
        setting=setting,
        base_url="http://10.0.0.7:8000/v1",
        options=AskedOptions(seed=0, repeat=repeat, **options),
        counterfactuals={name: "0" * 16 for name, _, _ in changed},
    )
    manifest.write(folder)
    write_json_lines(folder / PREDICTIONS, [*lines, *of_changed])
    Scores(**manifest.model_dump(), **score(rows, lines, rounds=10)).write(folder)
    return folder
