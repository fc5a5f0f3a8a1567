"""`petoolbench plan`: a small calibration given by hand, so that what is scaled can be counted by hand."""

import pytest
from click.testing import CliRunner
from petoolkit.builder.plan.calibrate import calibrate
from petoolkit.builder.plan.calibration import AskedOfModel, Calibration, MeasuredBuild, PartSize
from petoolkit.builder.plan.catalogue_copies import EncoderOfCopies, write_copies
from petoolkit.builder.plan.size_estimate import Machines, estimate
from petoolkit.builder.recipe import load_recipe

from petoolbench_cli import main
from petoolkit.console import make_console
from petoolkit.endpoint.llm_settings import Prices
from petoolkit.shipped import recipe_path

STAGES = ("collect", "understand", "group", "blocks", "history", "instruct", "export")
SIZES = ((100, 10), (100, 30), (800, 2), (800, 10))  # tools and users


def build_of(tools: int, users: int) -> MeasuredBuild:
    parts = {"start": PartSize(cpu=5, memory=1e9)}
    parts |= {name: PartSize(cpu=0, memory=1e9, rows=users) for name in STAGES}
    parts["collect"] = PartSize(cpu=0.01 * tools, memory=1e9, rows=tools, disk=1_000 * tools)
    parts["group"] = PartSize(cpu=2 + 0.5 * 1e-6 * tools**2, memory=1e9, rows=tools / 4)
    parts["blocks"] = PartSize(cpu=0.2 * users + 0.001 * tools * users, memory=1e9, rows=users / 4)
    parts["audit"] = PartSize(cpu=1 + 0.1 * users, memory=1e9 + 1e8 * users)
    parts["evaluate"] = PartSize(cpu=0.01 * users, memory=1e9, rows=users)
    return MeasuredBuild(
        tools=tools, users=users, parts=parts, texts=tools, embedded=tools, embedding_cpu=0.02 * tools
    )


@pytest.fixture
def calibration() -> Calibration:
    of_users = {"of": "users", "number": 10, "sent": 10_000, "written": 1_000}
    return Calibration(
        date="2026-11-26",
        seconds=1,
        builds=[build_of(*size) for size in SIZES],
        audit_texts=(100, 2.0),
        pair_seconds=1e-6,
        neighbour_seconds=0,
        asked={
            "understand": AskedOfModel(of="tools", number=100, calls=200, sent=50_000, written=1_000),
            "history": AskedOfModel(calls=3, **of_users),
            "instruct": AskedOfModel(calls=4, **of_users),
        },
        asked_in_evaluation=AskedOfModel(calls=10, **of_users),
        render_seconds=0.5,
    )


def recipe_for(users: int, author: str = "offline"):
    return load_recipe(recipe_path("build", "embedded"), {"concurrency": 10}, users=users, author=author)


def test_parts_grow_as_they_do(calibration):
    found = estimate(calibration, recipe_for(1_000), 10_000, Machines(1, 1), None)
    cpu = {line.name: line.cpu_seconds for line in found.build}
    assert cpu["start"] == pytest.approx(5)
    assert cpu["collect"] == pytest.approx(0.01 * 10_000)
    assert cpu["group"] == pytest.approx(2 + 0.5 * 1e-6 * 10_000**2)  # each pair once
    assert cpu["blocks"] == pytest.approx(0.2 * 1_000 + 0.001 * 10_000 * 1_000)
    assert cpu["audit"] == pytest.approx(1 + 0.1 * 1_000)
    assert cpu["embedding"] == pytest.approx(2 * 10_000 * 0.02)  # as many texts again in the audit
    collect = next(line for line in found.build if line.name == "collect")
    assert (collect.records, collect.disk) == (10_000, pytest.approx(1e7))
    assert found.memory == pytest.approx(1e9 + 1e8 * 1_000)
    assert found.evaluation.records == 1_000


def test_shared_work_is_divided_by_the_cores(calibration):
    found = estimate(calibration, recipe_for(1_000), 10_000, Machines(2, 4), None)
    wall = {line.name: line.wall_seconds for line in found.build}
    assert wall["blocks"] == pytest.approx((200 + 10_000) / 8)
    assert wall["audit"] == pytest.approx(101 / 8)
    assert wall["collect"] == pytest.approx(100 / 8)
    assert wall["embedding"] == pytest.approx((1 + 1 / 8) * 10_000 * 0.02)  # the audit's texts by one core
    alone = estimate(calibration, recipe_for(1_000), 10_000, Machines(1, 4), None)
    assert next(line.wall_seconds for line in alone.build if line.name == "embedding") == pytest.approx(400)


def test_calls_tokens_and_dollars(calibration):
    prices = Prices(input=1, output=10)
    found = estimate(calibration, recipe_for(1_000, "openai"), 10_000, Machines(1, 1), prices, "m", 2, 20)
    asked = {line["stage"]: line for line in found.asked}
    assert list(asked) == ["understand", "history", "instruct", "evaluate m"]
    assert (asked["understand"]["calls"], asked["history"]["calls"]) == (20_000, 300)
    assert asked["understand"]["cost_usd"] == pytest.approx((5_000_000 * 1 + 100_000 * 10) / 1e6)
    assert asked["understand"]["seconds"] == pytest.approx(20_000 * 2 / 10)
    assert asked["evaluate m"]["seconds"] == pytest.approx(1_000 * 2 / 20)
    assert found.evaluation.cpu_seconds == pytest.approx(0.01 * 1_000 + 0.5 * 1_000)
    free = estimate(calibration, recipe_for(1_000), 10_000, Machines(1, 1), prices)
    assert free.asked == []


@pytest.mark.parametrize("option", ["--users", "--tools"])
def test_memory_far_beyond_what_was_measured_is_called_the_least(option, calibration, monkeypatch, tmp_path):
    monkeypatch.setenv("PETOOLBENCH_CACHE", str(tmp_path))
    sizes = {
        f"--{name}": max(getattr(build, name) for build in calibration.builds) * 10 for name in ("users", "tools")
    }
    near = run(calibration, monkeypatch, *(str(one) for size in sizes.items() for one in size))
    assert near.exit_code == 0 and "the least" not in near.output and "over " not in near.output
    sizes[option] += 1
    far = run(calibration, monkeypatch, *(str(one) for size in sizes.items() for one in size))
    assert "the least" in far.output and "over " in far.output


def test_noise_does_not_grow_with_users_times_tools(calibration):
    calibration.builds[3].parts["audit"].cpu += 0.05
    found = estimate(calibration, recipe_for(1_000_000), 1_000_000, Machines(1, 1), None)
    audit = next(line for line in found.build if line.name == "audit")
    assert audit.cpu_seconds == pytest.approx(100_000, rel=0.1)


def run(calibration, monkeypatch, *options: str):
    monkeypatch.setattr("petoolkit.builder.plan.calibrate.calibrate", lambda recipe, console: calibration)
    return CliRunner().invoke(main, ["plan", *options])


def test_the_command_shows_tables_and_assumptions_and_measures_once(calibration, monkeypatch, tmp_path):
    monkeypatch.setenv("PETOOLBENCH_CACHE", str(tmp_path))
    options = ["--users", "1000", "--tools", "10000", "--machines", "2x4", "--model", "m", "--prices", "1", "10"]
    shown = run(calibration, monkeypatch, *options)
    assert shown.exit_code == 0, shown.output
    for text in ("1,000 users and 10,000 tools on 2 machines with 4 cores", "evaluate m", "2026-11-26", "$"):
        assert text in shown.output
    again = run(None, monkeypatch, *options)  # what was measured is kept
    assert again.output == shown.output


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--users", "0"], "--users 0 cannot be planned for"),
        (["--tools", "-3"], "--tools -3 cannot be planned for"),
        (["--machines", "8"], "write it as 8x16"),
        (["--machines", "999999x16"], "not a cluster that one can plan for"),
        (["--machines", "0x16"], "not a cluster that one can plan for"),
        (["--recipe", "nothing"], "recipe nothing does not exist"),
        (["--author", "me"], "me"),
    ],
)
def test_a_mistake_is_one_sentence(options, sentence, calibration, monkeypatch, tmp_path):
    monkeypatch.setenv("PETOOLBENCH_CACHE", str(tmp_path))
    shown = run(calibration, monkeypatch, *options)
    assert shown.exit_code == 2
    assert sentence in " ".join(shown.output.split())
    assert "Traceback" not in shown.output


class _Encoder:
    model, fingerprint, made_with = "m", "f", {}

    def encode(self, texts, noun="texts"):
        import numpy as np

        made = np.stack([np.random.default_rng(len(text)).standard_normal(384) for text in texts]).astype(np.float32)
        return made / np.linalg.norm(made, axis=1, keepdims=True)


def test_copies_are_as_far_apart_inside_and_far_from_each_other():
    texts = ["get the price", "get the weather of a city"]
    copied = [text.replace("get", "get copy1") for text in texts]
    vectors = EncoderOfCopies(_Encoder()).encode([*texts, *copied])
    products = vectors @ vectors.T
    assert products[0, 1] == pytest.approx(products[2, 3], abs=1e-5)
    assert abs(products[:2, 2:]).max() < 0.3


def test_each_copy_has_names_of_its_own(tmp_path):
    import json

    assert write_copies(tmp_path / "two.jsonl", 2) % 2 == 0
    rows = [json.loads(line) for line in (tmp_path / "two.jsonl").read_text().splitlines()]
    assert len({(row["category"], row["tool"], row["api"]) for row in rows}) == len(rows)


@pytest.mark.slow
def test_a_calibration_measures_all_parts(monkeypatch):
    monkeypatch.setattr("petoolkit.builder.plan.calibrate.SIZES", ((1, 100), (1, 300), (2, 40), (2, 100)))
    recipe = load_recipe(recipe_path("build", "embedded"))
    measured = calibrate(recipe, make_console(stderr=True))
    for build in measured.builds:
        assert next(iter(build.parts)) == "start" and {*STAGES, "dataset", "audit", "evaluate"} <= build.parts.keys()
        assert all(part.memory > 1e7 for part in build.parts.values())
    assert measured.builds[0].parts["export"].rows >= 300
    assert measured.builds[0].embedding_cpu > 0 and measured.builds[0].texts > 1_000
    assert measured.asked["understand"].calls == 2 * measured.builds[0].tools
    assert measured.asked["history"].sent > measured.asked["history"].calls * 500
    assert measured.asked_in_evaluation.calls == measured.builds[0].parts["evaluate"].rows
