"""Tool Acc as an `evaluate` module; `petoolkit.replies` reads a reply, `petoolkit.scoring` judges the call."""

import evaluate

from petoolbench import CITATION
from petoolkit.metric_inputs import METRIC_FEATURES, EncodableReplies
from petoolkit.replies import parse_reply
from petoolkit.scoring import is_right_tool, read_gold_call

_DESCRIPTION = """
Tool Accuracy of personalised tool use (PEToolBench, section 3.4): the share of replies that call the gold tool,
or another tool that counts as right. A reply without a readable call counts as wrong.
"""

_KWARGS_DESCRIPTION = """
Args:
    predictions (list of str): the model's raw replies; an empty string for a request that failed.
    references (list of str or dict): the gold calls, each the `tool_call` struct of a row or the same as JSON text.
    reader (str): how a call is read: "robust" (default; as the model's client would) or "paper" (as the authors do).
    candidate_tools (list of list of str, optional): names of each row's candidates. Robust then reads calls in all
        forms that models were trained on, as an evaluation does; a name in such a form must be a candidate's.
    acceptable_tools (list of list of str, optional): names of each row's tools that count as right, the column of that
        name; without them, the gold tool alone does.

Returns:
    tool_acc (float): between 0 and 1, higher is better.

Examples:

    >>> import evaluate
    >>> tool_acc = evaluate.load("metrics/tool_acc")
    >>> gold = '{"tool_name": "<Weather>.<Aerwyn>.<getNow>", "parameters": {"city": "Oslo"}}'
    >>> tool_acc.compute(predictions=[gold, "I cannot help."], references=[gold, gold])
    {'tool_acc': 0.5}

    Only the robust reader reads a call that has several lines:

    >>> indented = '{\\n "tool_name": "<Weather>.<Aerwyn>.<getNow>",\\n "parameters": {}\\n}'
    >>> tool_acc.compute(predictions=[indented], references=[gold])
    {'tool_acc': 1.0}
    >>> tool_acc.compute(predictions=[indented], references=[gold], reader="paper")
    {'tool_acc': 0.0}

    Where nothing is known of the user's taste, each tool that does the job is right:

    >>> other = '{"tool_name": "<Weather>.<Cirrox>.<now>", "parameters": {"city": "Oslo"}}'
    >>> either = ["<Weather>.<Aerwyn>.<getNow>", "<Weather>.<Cirrox>.<now>"]
    >>> tool_acc.compute(predictions=[other], references=[gold], acceptable_tools=[either])
    {'tool_acc': 1.0}
"""


@evaluate.utils.file_utils.add_start_docstrings(_DESCRIPTION, _KWARGS_DESCRIPTION)
class ToolAcc(EncodableReplies, evaluate.Metric):
    def _info(self):
        return evaluate.MetricInfo(
            description=_DESCRIPTION,
            citation=CITATION,
            inputs_description=_KWARGS_DESCRIPTION,
            features=METRIC_FEATURES,
        )

    def _compute(self, predictions, references, reader="robust", candidate_tools=None, acceptable_tools=None):
        right = 0
        candidate_tools = candidate_tools or [None] * len(predictions)
        acceptable_tools = acceptable_tools or [()] * len(predictions)
        of_rows = zip(predictions, references, candidate_tools, acceptable_tools, strict=True)
        for reply, reference, names, acceptable in of_rows:
            right += is_right_tool(parse_reply(reply, reader, names), read_gold_call(reference), acceptable)
        return {"tool_acc": right / len(predictions)}
