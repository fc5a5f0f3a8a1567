"""The table of counterfactuals. A further one is a function that changes a row, and an entry here."""

from collections.abc import Callable

from petoolbench import KINDS, Setting
from petoolkit.evaluator.counterfactuals import row_changes as changes
from petoolkit.evaluator.counterfactuals.counterfactual import Counterfactual, Expectation


def _always(value: Expectation) -> Callable[[Setting], Expectation]:
    return lambda setting: value


def _where_time_decides(value: Expectation) -> Callable[[Setting], Expectation]:
    return lambda setting: value if setting.dislikes == "first" and not setting.is_rated else 1.0


COUNTERFACTUALS: dict[str, Counterfactual] = {
    one.name: one
    for one in (
        Counterfactual(
            "no-history",
            "no past calls",
            changes.without_history,
            _always("ceiling"),
            "More than the ceiling: rows give the gold tool away without the user. As much as with history: the model "
            "does not use it.",
        ),
        Counterfactual(
            "no-attributes",
            "providers are not described",
            changes.without_attributes,
            _always("ceiling"),
            "More than the ceiling: names give the preferred tool away, or the model knows the providers.",
            needs="described providers",
        ),
        Counterfactual(
            "swap",
            "liked calls are disliked, and disliked ones liked",
            changes.with_swapped_ratings,
            lambda setting: 0.0 if setting.is_rated else None,
            "More than 0 where calls are rated: the model does not read ratings, but what the history is about.",
            needs="a setting with ratings",
        ),
        Counterfactual(
            "shuffle",
            "past calls in a random order",
            changes.with_shuffled_history,
            _where_time_decides("ceiling"),
            "Less than 100 where order says nothing: the model leans on where a call stands; more than the ceiling in "
            "chronological: order gave nothing to lose.",
        ),
        Counterfactual(
            "reverse",
            "the newest past call first",
            changes.with_reversed_history,
            _where_time_decides(0.0),
            "Less than 100 where order says nothing: the model leans on recent calls; more than 0 in chronological: "
            "it does not read the order.",
        ),
        Counterfactual(
            "stranger",
            "the history of a user of another block",
            changes.with_history_of_a_stranger,
            _always("ceiling"),
            "More than the ceiling: the model finds the gold tool without this user's history.",
            needs="rows of another function group",
        ),
        Counterfactual(
            "twin",
            "the history of another user of the block",
            changes.with_history_of_the_twin,
            _always(0.0),
            "The own tool is called: something else than the history decides; neither is: the model misreads it.",
            needs="blocks of users",
            other="the twin's tool",
            expected_other=1.0,
        ),
        Counterfactual(
            "move",
            "descriptions exchanged among the providers that do the job",
            changes.with_moved_descriptions,
            _always(0.0),
            "The own tool is called: names or positions decide, not what providers are like.",
            needs="described providers",
            other="the tool with its description",
            expected_other=1.0,
        ),
        Counterfactual(
            "rename",
            "providers and tools have other names of the same form",
            changes.with_other_names,
            _always(1.0),
            "Less than on the plain rows: the model recognises names.",
        ),
        Counterfactual(
            "override",
            "the instruction states a need against the taste",
            changes.unchanged,
            _always(1.0),
            "The taste's tool is called all the same: over-personalisation, the history goes before the request.",
            needs="rows of the kind override",
            other="the taste's tool",
            expected_other=0.0,
            kind=KINDS[1],
            given_function=False,
        ),
        Counterfactual(
            "no-preference",
            "the history says nothing of the tools that do the job, so that any of them is right",
            changes.unchanged,
            _always(1.0),
            "Less than 100: without a preference to follow, the model calls a tool that does another job, or none.",
            needs="rows of the kind no_preference",
            kind=KINDS[2],
            given_function=False,
        ),
    )
}
