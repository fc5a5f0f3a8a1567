"""What can be asked of replies: of one model, and of two models side by side."""

from petoolkit.scoring import ERROR_TYPES

RIGHT, HALF_RIGHT, WRONG, MISSING = "right", "half", "wrong", "missing"
RIGHT_TOOL, WRONG_TOOL, RIGHT_PARAMETERS = "right_tool", "wrong_tool", "right_parameters"
# Of one model. A row has an outcome if any repeat has it.
OUTCOMES = {
    RIGHT_TOOL: "right tool",
    WRONG_TOOL: "wrong tool",
    RIGHT: "right tool and parameters",
    RIGHT_PARAMETERS: "right parameters",
    WRONG: "anything wrong",
    **{error.name: f"{error.name}: {error.label}" for error in ERROR_TYPES.values()},
    MISSING: "no reply",
}
A_RIGHT, B_RIGHT, BOTH_WRONG, BOTH_RIGHT, DIFFERENT = "a_right", "b_right", "both_wrong", "both_right", "different"
# Of two models, A and B. A model is right where it calls a right tool in every repeat.
COMPARISONS = {
    A_RIGHT: "A right, B wrong",
    B_RIGHT: "B right, A wrong",
    BOTH_WRONG: "both wrong",
    BOTH_RIGHT: "both right",
    DIFFERENT: "they call different tools",
}
MARK_SIGNS = {RIGHT: "✓", HALF_RIGHT: "◐", WRONG: "✗"}
MARK_WORDS = {RIGHT: "right tool and parameters", HALF_RIGHT: "right tool, wrong parameters", WRONG: "wrong tool"}
