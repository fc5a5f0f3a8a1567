"""Two blocks of two users that one can check by eye: Aerwyn is free of charge, Cirrox is hosted in Europe."""

from rows import CITY, row, tool

from petoolbench import SETTINGS, to_json_text

AERWYN, CIRROX = "<Weather>.<Aerwyn>.<forecast>", "<Weather>.<Cirrox>.<forecast>"
TRAITS = {"Aerwyn": ["free"], "Cirrox": ["europe"]}


def call(provider, says, rating=None):
    return {
        "instruction": "Some lyrics, please.",
        "tool_name": f"<Music>.<{provider}>.<lyrics>",
        "provider_description": says,
        "parameters": "{}",
        "rating": rating,
    }


def blocks(names=("b1", "b2")):
    """Rows of all settings; the tools of the second block have a number in their names, and other calls."""
    return [one for number, name in enumerate(names) for setting in SETTINGS for one in block(name, setting, number)]


def block(name, setting, number=0):
    """The rows of its two users, of whom the first prefers Aerwyn, in one setting."""
    suffix = str(number or "")
    tools = [
        tool(f"Aerwyn{suffix}", "forecast", "Weather forecast for a city", "No fee and no key.", [CITY]),
        tool(f"Cirrox{suffix}", "forecast", "Weather forecast for a city", "Hosted in Europe.", [CITY]),
        tool("Dovarque", "convert", "Convert an amount of money", "Old and new."),
    ]
    names = [one["tool_name"] for one in tools]
    free, europe = call(f"Fredo{suffix}", "You never pay."), call(f"Euria{suffix}", "Its machines stand in Paris.")
    return [
        _row(name, setting, f"{name}-{user}", names, tools, liked, disliked, user)
        for user, (liked, disliked) in enumerate(((free, europe), (europe, free)))
    ]


def _row(name, setting, user, names, tools, liked, disliked, index):
    traits = {liked["tool_name"]: ["free", "europe"][index], disliked["tool_name"]: ["europe", "free"][index]}
    history = {
        "preferred_only": [liked],
        "rating_integrated": sorted(
            [{**liked, "rating": 1}, {**disliked, "rating": 0}], key=lambda one: one["tool_name"], reverse=True
        ),
        "chronological": [disliked, liked],
    }[setting]
    made = row(user, setting, "Aerwyn", history, tools, group=name)
    return {
        **made,
        "block_id": name,
        "tool_call": {**made["tool_call"], "tool_name": names[index]},
        "acceptable_tools": [names[index]],
        "same_function_tools": names[:2],
        "taste": to_json_text(
            {
                "tool": names[index],
                "trait": ["free", "europe"][index],
                "tool_traits": {names[0]: ["free"], names[1]: ["europe"], names[2]: []},
                "call_traits": [[traits[one["tool_name"]]] for one in history],
            }
        ),
    }


def override(one):
    """The row's user asks for what the other tool is like."""
    other = next(name for name in one["same_function_tools"] if name != one["tool_call"]["tool_name"])
    user, _, setting = one["id"].rpartition("/")
    return {
        **one,
        "id": f"{user}-override/{setting}",
        "user_id": f"{user}-override",
        "kind": "override",
        "instruction": f"{one['instruction']} I need the other one.",
        "tool_call": {**one["tool_call"], "tool_name": other},
        "acceptable_tools": [other],
    }


def without_preference(one):
    """The row of a user of whom nothing is known: both tools are right."""
    user, _, setting = one["id"].rpartition("/")
    return {
        **one,
        "id": f"{user}-no-preference/{setting}",
        "user_id": f"{user}-no-preference",
        "kind": "no_preference",
        "acceptable_tools": one["same_function_tools"],
    }
