"""Counterfactuals of the oracle, of readers and of selectors: what each was expected to score, and what it scored.

    python benchmarks/counterfactual_tables.py DATASET [NAME...]

DATASET is a folder with a test split, such as the quick start's; NAMEs are rules, by default those that read what
providers are like, or models as in `--model`: `selector:DIR`. Prints the headline and one table for each rule, in
percent, as Markdown.
"""

import sys
import tempfile
from pathlib import Path

from machine import heading

from petoolkit.evaluator.evaluate import evaluate
from petoolkit.evaluator.preference_view import counterfactual_lines, headline_cells
from petoolkit.text import markdown_table, setting_label

RULES = ("trait-oracle", "attribute-embedding", "attribute-words", "preference-rule")


def main(dataset: str, names: list[str]) -> None:
    """Evaluate each rule with all counterfactuals, and print its numbers."""
    print(heading(f"Counterfactuals: {dataset}, test split", "numpy", "sentence-transformers"))
    with tempfile.TemporaryDirectory() as results:
        scored = {
            name: evaluate(
                dataset,
                "all",
                name if ":" in name else f"baseline:{name}",
                Path(results, str(number)),
                counterfactuals="all",
            )
            for number, name in enumerate(names or RULES)
        }
    rows = [[name, *headline_cells(scores)] for name, scores in scored.items() if scores]
    print(markdown_table(["rule", "pair accuracy given the function", "its gain", "taste followed"], rows))
    for name, scores in scored.items():
        if scores:
            settings = [setting for setting in scores.rows if setting != "all"]
            lines = [[label, *cells] for label, cells in counterfactual_lines(scores, settings)]
            print(f"\n{name}: observed (expected)\n")
            print(markdown_table(["counterfactual", *map(setting_label, settings)], lines))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
