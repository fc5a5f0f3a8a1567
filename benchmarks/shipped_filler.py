"""Fit the parameter filler that ships on the training rows of datasets, and print its Param Acc on their test rows.

    cd runs/selector
    python ../../benchmarks/shipped_filler.py embedded rapidapi-rivals

Param Acc with the right tool given, of distinct calls. The weights are written into the package.
"""

import json
import sys

from safetensors.numpy import save_file

from petoolkit.call_forms import ToolCall
from petoolkit.call_parameters import has_right_parameters, parameter_documents
from petoolkit.evaluator.dataset_rows import load_split
from petoolkit.selector.fit_filler import distinct_calls, fit_filler
from petoolkit.selector.parameter_filler import SHIPPED, ParameterFiller


def param_acc(filler: ParameterFiller, rows: list[dict]) -> tuple[float, int]:
    """The share of distinct calls of the right tool whose parameters are right, and their number."""
    calls = distinct_calls(rows, 0)
    right = 0
    for row in calls:
        gold = ToolCall(row["tool_call"]["tool_name"], json.loads(row["tool_call"]["parameters"]))
        tool = next(one for one in row["candidate_tools"] if one["tool_name"] == gold.tool_name)
        given = ToolCall(gold.tool_name, filler.parameters(tool, row["instruction"]))
        right += has_right_parameters(given, gold, documents=parameter_documents(tool))
    return right / len(calls), len(calls)


def main(datasets: list[str]) -> None:
    """Fit, print and write."""
    weights = fit_filler([row for dataset in datasets for row in load_split(dataset, "all", "train")])
    assert weights is not None
    save_file({name: one.astype("float32") for name, one in weights.items()}, SHIPPED)
    for dataset in datasets:
        share, number = param_acc(ParameterFiller(weights), load_split(dataset, "all", "test"))
        print(f"{dataset}: {100 * share:.1f} % of {number:,} distinct calls")


if __name__ == "__main__":
    main(sys.argv[1:])
