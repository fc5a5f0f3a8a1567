"""Rows to fit a selector on, in which one kind of evidence alone decides; and vectors that are made of words."""

import json
import random
import zlib

import numpy as np

from petoolkit.selector.row_vectors import RowVectors

JOBS = (
    "weather forecast city",
    "money convert amount",
    "song lyrics title",
    "cooking recipe dish",
    "train timetable stop",
)
JOBS += ("film cast actor", "book review author", "football score team", "map route address", "stock price share")
CATEGORIES = ("Weather", "Money", "Music", "Food", "Travel", "Cinema", "Books", "Sports", "Maps", "Finance")
SAYINGS = {
    "free": ("It costs nothing.", "No fee is charged.", "Nobody pays for it."),
    "eu_hosted": ("Servers stand in Europe.", "Data stays in Frankfurt.", "It is hosted in Europe."),
    "real_time": ("Numbers arrive live.", "It updates every second.", "Live numbers come at once."),
    "citable": ("Scholars cite it.", "Each number has a source.", "It names scholars as its source."),
}
NEEDS = {
    "free": "I have no money to spend.",
    "eu_hosted": "Our lawyers want it inside Frankfurt.",
    "real_time": "I cannot wait a second.",
    "citable": "My thesis has to name a source.",
}
WAYS = ("tool", "provider", "category", "attributes")
SETTINGS_HERE = ("preferred_only", "rating_integrated", "chronological")


class WordVectors(RowVectors):
    """Vectors of 96 numbers: each word has its own direction."""

    fingerprint = "words"

    def of(self, texts, noun="texts"):
        return {text: _vector(text) for text in dict.fromkeys(texts)}


def _vector(text):
    total = np.zeros(96, dtype=np.float32)
    for word in text.lower().replace(".", "").split() or ["-"]:
        total += np.random.RandomState(zlib.crc32(word[:6].encode())).standard_normal(96)
    return total / np.linalg.norm(total)


def candidate(name, job, said=""):
    city = {"name": "city", "type": "STRING", "description": "", "default": '"Paris"', "schema": None}
    return {
        "tool_name": name,
        "tool_description": f"Gives the {job}.",
        "provider_description": said,
        "required_parameters": [city],
        "optional_parameters": [],
        "schema": None,
    }


def call(name, job="", said="", rating=None):
    return {
        "instruction": f"Please, the {job}.",
        "tool_name": name,
        "provider_description": said,
        "parameters": "{}",
        "rating": rating,
    }


def made_row(number, way, setting, rng):
    """Two tools do the job, two do not; `way` says what the history knows of the two."""
    job, other = rng.sample(range(len(JOBS)), 2)
    liked_trait, disliked_trait = rng.sample(sorted(SAYINGS), 2)
    is_said = way == "attributes"
    said = {"liked": rng.choice(SAYINGS[liked_trait]), "disliked": rng.choice(SAYINGS[disliked_trait])}
    area = {"liked": CATEGORIES[job], "disliked": CATEGORIES[job] if way != "category" else CATEGORIES[other]}
    name = {kind: f"<{area[kind]}>.<P{number}{kind}>.<{rng.choice('abcd')}{number}>" for kind in said}
    tools = [candidate(name[kind], JOBS[job], said[kind] if is_said else "") for kind in said]
    tools += [candidate(f"<Other>.<Q{number}{n}>.<x{n}>", JOBS[other], said["liked"] if is_said else "") for n in "12"]

    def past(kind, n):
        is_rated = setting == "rating_integrated"
        rating = int(kind == "liked") if is_rated else None
        third = f"<Past{n}{kind}>.<R{number}{n}{kind}>.<y{n}>"
        if way == "tool":
            return call(name[kind], "", "", rating)
        if way == "provider":
            return call(f"<{area[kind]}>.<P{number}{kind}>.<z{n}>", "", "", rating)
        if way == "category":
            return call(f"<{area[kind]}>.<R{number}{n}{kind}>.<y{n}>", "", "", rating)
        trait = liked_trait if kind == "liked" else disliked_trait
        return call(third, "", rng.choice(SAYINGS[trait]), rating)

    history = [past("liked", n) for n in "12"]
    if setting != "preferred_only":
        history = [*(past("disliked", n) for n in "34"), *history]
    if setting == "rating_integrated":
        rng.shuffle(history)
    rng.shuffle(tools)
    traits = {tool["tool_name"]: [] for tool in tools}
    if is_said:
        traits |= {name["liked"]: [liked_trait], name["disliked"]: [disliked_trait]}
        of_text = {text: [trait] for trait, texts in SAYINGS.items() for text in texts}
        taste = {"tool_traits": traits, "call_traits": [of_text[one["provider_description"]] for one in history]}
    return {
        "id": f"u{number}/{setting}",
        "user_id": f"u{number}",
        "group_id": f"g{job}",
        "category": CATEGORIES[job],
        "block_id": "",
        "kind": "preference",
        "instruction": f"I want the {JOBS[job]} of 'Oslo'.",
        "history": history,
        "history_length": len(history),
        "candidate_tools": tools,
        "tool_call": {"tool_name": name["liked"], "parameters": '{"city": "Oslo"}'},
        "acceptable_tools": [name["liked"]],
        "same_function_tools": [tool["tool_name"] for tool in tools if tool["tool_name"] in name.values()],
        "taste": json.dumps(taste) if is_said else "",
    }


def made_rows(number, start=0, ways=WAYS):
    rng = random.Random(start)
    return [made_row(start + n, ways[n % len(ways)], SETTINGS_HERE[n // len(ways) % 3], rng) for n in range(number)]


def with_need(row):
    """A row of attributes whose request asks for what the tool has that the user does not like."""
    traits = json.loads(row["taste"])["tool_traits"]
    (needed,) = set(row["same_function_tools"]) - set(row["acceptable_tools"])
    (trait,) = traits[needed]
    user = f"{row['user_id']}-override"
    return {
        **row,
        "id": f"{user}/{row['id'].partition('/')[2]}",
        "user_id": user,
        "kind": "override",
        "instruction": f"{row['instruction']} {NEEDS[trait]}",
        "tool_call": {**row["tool_call"], "tool_name": needed},
        "acceptable_tools": [needed],
    }
