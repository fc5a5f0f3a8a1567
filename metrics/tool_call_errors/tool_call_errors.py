"""The paper's error types as an `evaluate` module; `petoolkit.replies` reads replies, `petoolkit.scoring` judges."""

import evaluate

from petoolbench import CITATION
from petoolkit.call_parameters import parameter_documents
from petoolkit.metric_inputs import ERROR_METRIC_FEATURES, CompletedReferences
from petoolkit.replies import parse_reply
from petoolkit.scoring import PARAMETER_ERRORS, TOOL_ERRORS, parameter_error, read_gold_call, tool_error

_DESCRIPTION = """
Error types of personalised tool use (PEToolBench, section 5.5, Table 2), as shares of all replies. Errors of the tool
are invalid format (IF), tool hallucination (TH), tool functionality mismatch (TFM) and tool preference mismatch (TPM);
with Tool Acc they sum to 1. Errors of the parameters are IF, parameter name mismatch (PNM) and parameter value
mismatch (PVM); with Param Acc they sum to 1.
"""

_KWARGS_DESCRIPTION = """
Args:
    predictions (list of str): the model's raw replies; an empty string for a request that failed.
    references (list of dict): `petoolkit.scoring.error_reference(row)` of each row: its `tool_call`, and the names of
        its `candidate_tools`, `same_function_tools` and `acceptable_tools` (without the last, the gold tool alone is
        right).
    reader (str): how a call is read and compared: "robust" (default; as a client of the model would) or "paper" (as
        the authors do).
    tools (list of dict, optional): documents of the gold tools, as in a row's `candidate_tools`. Robust takes the
        types of values that are given as text from them, and the parameters that may be left out. Without them, "3"
        is not 3.

Returns:
    tool_acc, param_acc, IF, TH, TFM, TPM, PNM, PVM (float): each between 0 and 1.

Examples:

    >>> import evaluate
    >>> tool_call_errors = evaluate.load("metrics/tool_call_errors")
    >>> reference = {
    ...     "tool_call": {"tool_name": "<Weather>.<Aerwyn>.<getDays>", "parameters": '{"days": 3}'},
    ...     "candidate_tools": ["<Weather>.<Aerwyn>.<getDays>", "<Weather>.<Cirrox>.<days>", "<Maps>.<Orbo>.<route>"],
    ...     "same_function_tools": ["<Weather>.<Aerwyn>.<getDays>", "<Weather>.<Cirrox>.<days>"],
    ... }
    >>> replies = [
    ...     "I cannot help.",
    ...     '{"tool_name": "<Weather>.<Cirrox>.<days>", "parameters": {"days": 3}}',
    ...     '{"tool_name": "<Maps>.<Orbo>.<route>", "parameters": {}}',
    ...     '{"tool_name": "<Weather>.<Aerwyn>.<getDays>", "parameters": {"days": 4}}',
    ... ]
    >>> shares = tool_call_errors.compute(predictions=replies, references=[reference] * 4)
    >>> {name: share for name, share in shares.items() if share}
    {'tool_acc': 0.25, 'param_acc': 0.25, 'IF': 0.25, 'TFM': 0.25, 'TPM': 0.25, 'PNM': 0.25, 'PVM': 0.25}
"""


@evaluate.utils.file_utils.add_start_docstrings(_DESCRIPTION, _KWARGS_DESCRIPTION)
class ToolCallErrors(CompletedReferences, evaluate.Metric):
    def _info(self):
        return evaluate.MetricInfo(
            description=_DESCRIPTION,
            citation=CITATION,
            inputs_description=_KWARGS_DESCRIPTION,
            features=ERROR_METRIC_FEATURES,
        )

    def _compute(self, predictions, references, reader="robust", tools=None):
        documents = {tool["tool_name"]: parameter_documents(tool) for tool in tools or []}
        errors = (*TOOL_ERRORS, *PARAMETER_ERRORS)
        counts = dict.fromkeys(("tool_acc", "param_acc", *errors), 0)
        for reply, reference in zip(predictions, references, strict=True):
            gold = read_gold_call(reference["tool_call"])
            call = parse_reply(reply, reader, reference["candidate_tools"])
            of_tool = tool_error(
                call,
                gold,
                reference["candidate_tools"],
                reference["same_function_tools"],
                reference["acceptable_tools"],
            )
            of_parameters = parameter_error(call, gold, reader, documents.get(gold.tool_name))
            counts[of_tool or "tool_acc"] += 1
            if call is not None:  # without a call, IF is already counted
                counts[of_parameters or "param_acc"] += 1
        return {name: count / len(predictions) for name, count in counts.items()}
