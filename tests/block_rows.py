"""A block that one can check by eye: two users ask the same; one prefers what is free, the other what is in Europe."""

import json

from rows import row

from petoolbench import SETTINGS

FREE, EUROPEAN = "free", "eu_hosted"
_PREFERRED = {"Aerwyn": FREE, "Cirrox": EUROPEAN}  # the trait by the provider that has it
_TRAITS = {**_PREFERRED, "Dovarque": EUROPEAN, "Equandra": FREE}
_PAST = (  # category, provider, what it is like, its trait
    ("Money", "Fjordane", "It does not cost anything.", FREE),
    ("Books", "Gillamar", "The servers are in Frankfurt.", EUROPEAN),
)
NEUTRAL = ("Sports", "Halvora", "Results come within a second.", "low_latency")


def past(category, provider, described, trait, rating=None):
    return {
        "instruction": f"Something of {category.lower()}.",
        "tool_name": f"<{category}>.<{provider}>.<find>",
        "provider_description": described,
        "parameters": "{}",
        "rating": rating,
    }


def _row(user, setting, gold, preferred, history, traits, **changes):
    made = {**row(user, setting, gold, history), "block_id": "b1", **changes}
    taste = {
        "tool": preferred and f"<Weather>.<{preferred}>.<forecast>",
        "trait": preferred and _PREFERRED[preferred],
        "tool_traits": {tool["tool_name"]: [_TRAITS[_provider(tool)]] for tool in made["candidate_tools"]},
        "call_traits": traits,
    }
    return {**made, "taste": json.dumps(taste)}


def _provider(tool):
    return tool["tool_name"].split(">.<")[1]


def _history(setting, preferred):
    """Past calls, oldest first, and the traits that each shows."""
    kind = SETTINGS[setting]
    calls = [(call, call[3] == _PREFERRED[preferred]) for call in _PAST]
    if kind.dislikes == "none":
        calls = [pair for pair in calls if pair[1]]
    if kind.dislikes == "first":
        calls.sort(key=lambda pair: pair[1])
    history = [past(*call, rating=int(liked) if kind.is_rated else None) for call, liked in calls]
    return history, [[call[3]] for call, _ in calls]


def block(users=("u1", "u2"), **changes):
    """The preference rows of a block, setting by setting for each user.

    Args:
        changes: columns of all rows that differ from those of `rows.row`, such as `block_id`.
    """
    return [
        _row(user, setting, gold, gold, *_history(setting, gold), **changes)
        for user, gold in zip(users, _PREFERRED, strict=True)
        for setting in SETTINGS
    ]


def override(user="u1", setting="chronological", **changes):
    """A user who prefers what is free asks for something in Europe."""
    history, traits = _history(setting, "Aerwyn")
    asked = {"instruction": "I want the weather forecast for the city 'Oslo', from a server in Europe."}
    more = {"kind": "override", **asked, **changes}
    return _row(f"{user}-override", setting, "Cirrox", "Aerwyn", history, traits, **more)


def no_preference(user="u1", setting="chronological", **changes):
    """A user whose past says nothing about the tools that do the job."""
    rated = SETTINGS[setting].is_rated
    history = [past(*NEUTRAL, rating=1 if rated else None)]
    made = _row(
        f"{user}-no-preference", setting, "Aerwyn", None, history, [[NEUTRAL[3]]], kind="no_preference", **changes
    )
    return {**made, "acceptable_tools": made["same_function_tools"]}


def of_other_providers(rows):
    """The same rows with candidates of other providers, whose names end in 2."""
    names = {"Aerwyn": "Aerwyn2", "Cirrox": "Cirrox2", "Dovarque": "Dovarque2", "Equandra": "Equandra2"}
    text = json.dumps(rows)
    for name, other in names.items():
        text = text.replace(f"<{name}>", f"<{other}>")
    return json.loads(text)
