"""Fit the parameter filler that ships on the training rows of datasets, and print its Param Acc on their test rows.

    cd runs/selector
    python ../../benchmarks/shipped_filler.py embedded rapidapi-rivals

Param Acc with the right tool given, of distinct calls. The weights are written into the package. It is fitted on four
times the calls that a selector's own is, which takes a minute or two.
"""

import sys

from safetensors.numpy import save_file

from petoolkit.call_forms import ToolCall
from petoolkit.call_parameters import has_right_parameters, parameter_documents
from petoolkit.evaluator.dataset_rows import load_split
from petoolkit.selector.fit_filler import fit_filler, gold_calls
from petoolkit.selector.parameter_filler import SHIPPED, ParameterFiller

_CALLS = 8_000


def param_acc(filler: ParameterFiller, rows: list[dict]) -> tuple[float, int]:
    """The share of distinct calls of the right tool whose parameters are right, and their number."""
    calls = gold_calls(rows)
    right = 0
    for call in calls:
        name = call.tool["tool_name"]
        given = ToolCall(name, filler.parameters(call.tool, call.instruction))
        documents = parameter_documents(call.tool)
        right += has_right_parameters(given, ToolCall(name, call.parameters), documents=documents)
    return right / len(calls), len(calls)


def main(datasets: list[str]) -> None:
    """Fit, print and write."""
    weights = fit_filler(
        [row for dataset in datasets for row in load_split(dataset, "all", "train")], most_calls=_CALLS
    )
    assert weights is not None
    save_file({name: one.astype("float32") for name, one in weights.items()}, SHIPPED)
    for dataset in datasets:
        share, number = param_acc(ParameterFiller(weights), load_split(dataset, "all", "test"))
        print(f"{dataset}: {100 * share:.1f} % of {number:,} distinct calls")


if __name__ == "__main__":
    main(sys.argv[1:])
