"""Param Acc as an `evaluate` module; `petoolkit.replies` reads a reply, `petoolkit.scoring` judges the call."""

import evaluate

from petoolbench import CITATION
from petoolkit.call_parameters import has_right_parameters, parameter_documents
from petoolkit.metric_inputs import METRIC_FEATURES, EncodableReplies
from petoolkit.replies import parse_reply
from petoolkit.scoring import read_gold_call

_DESCRIPTION = """
Parameter Accuracy of personalised tool use (PEToolBench, section 3.4): the share of replies whose parameters equal the
gold ones, whatever the tool is. A reply without a readable call counts as wrong.
"""

_KWARGS_DESCRIPTION = """
Args:
    predictions (list of str): the model's raw replies; an empty string for a request that failed.
    references (list of str or dict): the gold calls, each the `tool_call` struct of a row or the same as JSON text.
    reader (str): how a call is read and compared: "robust" (default; as a client of the model would) or "paper" (as
        the authors do).
    tools (list of dict, optional): documents of the gold tools, as in a row's `candidate_tools`. Robust takes the
        types of values that are given as text from them, and the parameters that may be left out. Without them, "3"
        is not 3.
    candidate_tools (list of list of str, optional): names of each row's candidates. Robust then reads calls in all
        forms that models were trained on, as an evaluation does; a name in such a form must be a candidate's.

Returns:
    param_acc (float): between 0 and 1, higher is better.

Examples:

    >>> import evaluate
    >>> param_acc = evaluate.load("metrics/param_acc")
    >>> gold = {"tool_name": "<Weather>.<Aerwyn>.<getDays>", "parameters": '{"days": 3}'}
    >>> reply = '{"tool_name": "<Weather>.<Cirrox>.<days>", "parameters": {"days": "3"}}'
    >>> param_acc.compute(predictions=[reply], references=[gold])
    {'param_acc': 0.0}

    With the tool's document, the text "3" of a NUMBER is 3 for the robust reader:

    >>> days = {"name": "days", "type": "NUMBER", "description": "", "default": "1"}
    >>> tool = {"tool_name": "<Weather>.<Aerwyn>.<getDays>", "required_parameters": [days], "optional_parameters": []}
    >>> param_acc.compute(predictions=[reply], references=[gold], tools=[tool])
    {'param_acc': 1.0}
    >>> param_acc.compute(predictions=[reply], references=[gold], tools=[tool], reader="paper")
    {'param_acc': 0.0}
"""


@evaluate.utils.file_utils.add_start_docstrings(_DESCRIPTION, _KWARGS_DESCRIPTION)
class ParamAcc(EncodableReplies, evaluate.Metric):
    def _info(self):
        return evaluate.MetricInfo(
            description=_DESCRIPTION,
            citation=CITATION,
            inputs_description=_KWARGS_DESCRIPTION,
            features=METRIC_FEATURES,
        )

    def _compute(self, predictions, references, reader="robust", tools=None, candidate_tools=None):
        documents = {tool["tool_name"]: parameter_documents(tool) for tool in tools or []}
        candidate_tools = candidate_tools or [None] * len(predictions)
        right = 0
        for reply, reference, names in zip(predictions, references, candidate_tools, strict=True):
            gold = read_gold_call(reference)
            call = parse_reply(reply, reader, names)
            right += has_right_parameters(call, gold, reader, documents.get(gold.tool_name))
        return {"param_acc": right / len(predictions)}
