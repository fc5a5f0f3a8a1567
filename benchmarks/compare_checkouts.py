"""Two checkouts side by side: the same dataset bytes, the same reading of replies, the same scores of the rules?

    python benchmarks/compare_checkouts.py OLD_CHECKOUT NEW_CHECKOUT [--recipes quickstart rapidapi]

Each side runs in processes of its own, in its own folder, with this interpreter. Prints a line for each comparison and
ends with exit code 1 where two sides differ.
"""

import argparse
import hashlib
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

RULES = ("random", "lexical", "embedding", "popularity", "preference-rule")
REPLIES = 20_000
READ_RANDOM_REPLIES = """
import hashlib, random, sys
from petoolbench import parse_reply
pieces = ["{", "}", "}}", '"tool_name":', '"parameters":', '"', '"U",', "{}", '{"a": 1}', "[", "]", ",", ":", "\\\\"]
pieces += ["\\n", "\\r", "\\t", " ", "\\u2028", '{"tool_name": "<A>.<B>.<C>", "parameters": {"n": 3}}', '"a": 1']
pieces += ["<think>", "</think>"]
rng, digest, read = random.Random(0), hashlib.sha256(), 0
for _ in range(int(sys.argv[1])):
    reply = "".join(rng.choices(pieces, k=rng.randint(1, 25)))
    for reader in ("paper", "robust"):
        call = parse_reply(reply, reader)
        read += call is not None
        digest.update(repr(call and tuple(call)).encode())
print(digest.hexdigest(), read)
"""


def main() -> None:
    """Compare, print, and say by the exit code whether all is equal."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("checkouts", nargs=2, type=Path, metavar="CHECKOUT")
    parser.add_argument("--recipes", nargs="*", default=["quickstart", "rapidapi"], help="of recipes/build")
    options = parser.parse_args()
    found = [facts(checkout.resolve(), options.recipes) for checkout in options.checkouts]
    different = 0
    for what, old in found[0].items():
        new = found[1][what]
        different += old != new
        print(
            f"{'equal    ' if old == new else 'DIFFERENT'} {what}: {old[:40]}{'' if old == new else f' / {new[:40]}'}"
        )
    sys.exit(1 if different else 0)


def facts(checkout: Path, recipes: list[str]) -> dict[str, str]:
    """What a checkout makes, by what it is."""

    def run(*arguments: str) -> str:
        environment = {**os.environ, "PYTHONPATH": str(checkout), "HF_HUB_OFFLINE": "1"}
        command = [sys.executable, *arguments]
        return subprocess.run(
            command, cwd=checkout, env=environment, check=True, stdout=subprocess.PIPE, text=True
        ).stdout

    read = run("-c", READ_RANDOM_REPLIES, str(REPLIES)).strip()
    made = {f"both readers on {REPLIES:,} random replies (hash, calls found)": read}
    with tempfile.TemporaryDirectory() as folder:
        for recipe in recipes:
            dataset = Path(folder, recipe, "petoolbench")
            where = ("--run", f"{folder}/{recipe}/run", "--dataset", str(dataset))
            run("-m", "petoolbench_cli", "build", "--recipe", f"recipes/build/{recipe}.yaml", *where)
            for file in sorted(dataset.rglob("*.parquet")):
                digest = hashlib.sha256(file.read_bytes()).hexdigest()
                made[f"{recipe}: {file.relative_to(dataset).as_posix()}"] = digest
        dataset = Path(folder, recipes[0], "petoolbench")
        for rule in RULES:
            out = Path(folder, "results", rule)
            run(
                "-m",
                "petoolbench_cli",
                "evaluate",
                "--dataset",
                str(dataset),
                "--model",
                f"baseline:{rule}",
                "--out",
                str(out),
            )
            scores = json.loads((out / "scores.json").read_text(encoding="utf-8"))
            judged = {key: scores[key] for key in ("rows", "scores", "chance", "breakdowns", "repeats", "counts")}
            made[f"{recipes[0]}: scores of {rule}"] = hashlib.sha256(
                json.dumps(judged, sort_keys=True).encode()
            ).hexdigest()
    return made


if __name__ == "__main__":
    main()
