"""What `import petoolbench` offers beside the contract; the names here are `petoolbench._IN_PETOOLKIT`."""

from petoolkit.api.public_functions import audit, evaluate, load, score
from petoolkit.call_forms import ToolCall
from petoolkit.replies import parse_reply
from petoolkit.row_rules import breaches
from petoolkit.selector.tool_selector import Selector

__all__ = ("Selector", "ToolCall", "audit", "breaches", "evaluate", "load", "parse_reply", "score")
