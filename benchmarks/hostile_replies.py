"""How long both readers take for 5 MB of hostile text: seconds of CPU of the slowest shapes.

python benchmarks/hostile_replies.py
"""

import random
import time

from rich.console import Console
from rich.progress import track
from rich.table import Table

from petoolkit.replies import READERS, read_reply

LENGTH = 5_000_000  # characters
NAME = "<Weather>.<Aerwyn>.<now>"
TOOLS = [NAME, "<Weather>.<Cirrox>.<days>", "T", "a"]
PIECES = [
    "{",
    "}",
    '"',
    "[",
    "\\",
    " ",
    "\n",
    "1",
    "{ ",
    "{\n",
    '{"a":',
    '{"a":1 ',
    '{"a":[',
    '{"a": 1}',
    '{"a": 1, ',
    '{"\\',
]
PIECES += [
    '"tool_name":',
    '{"tool_name": "T", "parameters": {',
    "{'tool_name': 'T', ",
    "{tool_name: {",
    '{"a": {"b": 1}, ',
]
PIECES += ['{"name": "x", "arguments": {}} ', '", "parameters": {}}', '{"tool_name": "a\n', '{"a":1' + "1" * 100]
PIECES += ["<think>", "</think>", '<think>{"a": 1}', "<|channel|>", "<|channel|>final", "analysis", "assistantfinal"]
PIECES += ["T", "T ", "T(", "T(a)", "T<", NAME, NAME + "{", NAME + '{"a":', NAME + "(", NAME + "(a=("]
PIECES += [
    NAME + "{a:",
    NAME + '{a:<|"|>',
    NAME + "{a:[1,1,1,",
    NAME + "</function",
    f'name="{NAME}">\n<x:parameter name="a">',
]
PIECES += [NAME + "\n<parameter=a>", "<arg_key>a</arg_key>", "T\n<arg_key>a</arg_key>\n<arg_value>"]
WHOLE = {
    '{"a":[ x 400, numbers': '{"a":[' * 400 + "1," * 50_000,
    "numbers of 5,000 digits": '{"a":' + "1" * 5_000 + "}",
    "a number": '{"a":' + "1" * LENGTH + "}",
    "white space behind a key": '{"a"' + " " * LENGTH,
    "an open text": '{"' + "a" * LENGTH,
}


def main() -> None:
    """Read every shape with both readers, and print the slowest."""
    shapes = {piece: piece for piece in PIECES} | WHOLE
    shapes["random pieces"] = "".join(random.Random(0).choices(PIECES, k=LENGTH // 8))
    times = []
    for (name, piece), reader in track([(shape, reader) for shape in shapes.items() for reader in READERS], "Reading"):
        text = (piece * (LENGTH // len(piece) + 1))[:LENGTH]
        started = time.process_time()
        read_reply(text, reader, TOOLS)
        times.append((time.process_time() - started, reader, name))
    table = Table("seconds of CPU", "reader", "5 MB of", title=f"The slowest of {len(times)}")
    for seconds, reader, name in sorted(times, reverse=True)[:5]:
        table.add_row(f"{seconds:.2f}", reader, repr(name[:40]))
    Console().print(table)


if __name__ == "__main__":
    main()
