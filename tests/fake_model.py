"""The answers of a good model to the prompts of `builder.authors.author_prompts`, for `scripted_server`."""

import json
import re

from petoolkit.builder.traits import TRAITS


def good_answer(body: dict) -> str:
    """The content of a reply that keeps every rule: instructions are the functionality and the values."""
    prompt = body["messages"][1]["content"]
    data = [json.loads(line) for line in re.findall(r"<data>\n(.*)\n</data>", prompt)]
    if "Write the example." in prompt:
        return json.dumps(_call(data[0], data[0]["tool_description"]))
    if "Write the two phrases, and name the traits." in prompt:
        attributes = data[0]["provider_description"] or "nothing known"
        return json.dumps({"functionality": data[0]["tool_description"], "attributes": attributes, "traits": []})
    if "Write the descriptions, one for each" in prompt:
        return json.dumps({"descriptions": _descriptions(*data)})
    if "Write the request once more." in prompt:
        return json.dumps({"instruction": f"{data[0]} {data[2]['as people say it'][0]}"})
    if "Say of each tool whether it can." in prompt:
        entries = [{"key": tool["key"], "can": True, "parameters": _call(tool, "")["parameters"]} for tool in data[2]]
        return json.dumps({"tools": entries})
    if "Write what the user asks now." in prompt:
        return json.dumps(_call(data[0], f"Today: {data[1]}"))
    preferred, disliked = data[0], data[1] if len(data) > 1 else []
    if "Tools that the user dislikes:" in prompt:
        order = [(tool, 1) for tool in preferred]
        for position, tool in enumerate(disliked):
            order.insert(2 * position, (tool, 0))
        calls = [{**_named_call(tool), "rating": rating} for tool, rating in order]
    else:
        calls = [_named_call(tool) for tool in [*disliked, *preferred]]
    return json.dumps({"interactions": calls})


def _descriptions(candidates: list[dict], called: list[dict]) -> list[dict]:
    """Each trait in the catalogue's own words: candidates have the first wordings, called tools the others."""
    wordings = {trait.label: trait.wordings for trait in TRAITS.values()}
    return [
        {
            "key": one["key"],
            "description": " ".join([f"Subject {one['key']}.", *(wordings[t][at] for t in one["traits"])]),
        }
        for at, items in enumerate((candidates, called))
        for one in items
    ]


def _named_call(tool: dict) -> dict:
    return {**_call(tool, tool["functionality"]), "tool_name": tool["tool_name"]}


def _call(tool: dict, request: str) -> dict:
    parameters = {parameter["name"]: parameter["default"] or "x" for parameter in tool["required_parameters"]}
    said = ", ".join(f"{name} {value}" for name, value in parameters.items())
    return {"instruction": f"{request} {said}", "parameters": json.dumps(parameters)}
