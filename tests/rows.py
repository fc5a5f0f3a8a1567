"""Rows small enough to count on one's fingers: two tools that do the job, two that do not."""

from petoolkit.dataset_record import DatasetRecord

CITY = {"name": "city", "type": "STRING", "description": "", "default": '"Paris"', "schema": None}


def tool(provider, api, description, provider_description="", required=()):
    return {
        "tool_name": f"<Weather>.<{provider}>.<{api}>",
        "tool_description": description,
        "provider_description": provider_description,
        "required_parameters": list(required),
        "optional_parameters": [],
        "schema": None,
    }


def past_call(provider, rating=None):
    return {
        "instruction": "x",
        "tool_name": f"<Weather>.<{provider}>.<other>",
        "provider_description": "",
        "parameters": "{}",
        "rating": rating,
    }


def row(user, setting, gold, history=(), candidates=None, group="g1", category="Weather"):
    """Aerwyn and Cirrox forecast the weather of a city; `gold` is one of them."""
    tools = candidates or [
        tool("Aerwyn", "forecast", "Weather forecast for a city", "No fee and no key.", [CITY]),
        tool("Cirrox", "forecast", "Weather forecast for a town or city", "Hosted in Europe.", [CITY]),
        tool("Dovarque", "convert", "Convert an amount of money", "Hosted in Europe."),
        tool("Equandra", "lyrics", "Song lyrics by title", "No fee and no key."),
    ]
    return {
        "id": f"{user}/{setting}",
        "user_id": user,
        "group_id": group,
        "category": category,
        "block_id": "",
        "kind": "preference",
        "instruction": "I want the weather forecast for the city 'Oslo'.",
        "history": list(history),
        "history_length": len(history),
        "candidate_tools": tools,
        "tool_call": {"tool_name": f"<Weather>.<{gold}>.<forecast>", "parameters": '{"city": "Oslo"}'},
        "acceptable_tools": [f"<Weather>.<{gold}>.<forecast>"],
        "same_function_tools": ["<Weather>.<Aerwyn>.<forecast>", "<Weather>.<Cirrox>.<forecast>"],
        "taste": "",
    }


def reply(provider, parameters='{"city": "Oslo"}', api="forecast"):
    return f'{{"tool_name": "<Weather>.<{provider}>.<{api}>", "parameters": {parameters}}}'


def prediction(row, reply, repeat=0, **more):
    return {"id": row["id"], "repeat": repeat, "reply": reply, **more}


DATASET_FACTS = DatasetRecord(origin="build", author="offline")
