"""`petoolbench snapshot`: the tools of real MCP servers on loopback, and every way in which a server can fail."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from types import SimpleNamespace

import pytest
import yaml
from click.testing import CliRunner
from conftest import ROOT
from petoolkit.builder.catalogue.catalogue_files import documents_of
from petoolkit.builder.catalogue.catalogue_settings import CatalogueSettings
from petoolkit.builder.pipeline import build
from petoolkit.builder.recipe import load_recipe
from petoolkit.builder.stages.collect import collect
from rich.console import Console

from petoolbench import ToolName
from petoolbench_cli import main
from petoolkit.shipped import recipe_path

FIXTURES = Path(__file__).parent / "fixtures"
STDIO = f"{sys.executable} {FIXTURES / 'mcp_stdio_server.py'}"
pytest.importorskip("mcp")


@pytest.fixture(scope="module")
def http_server():
    """The URL of a server of its own process."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, FIXTURES / "mcp_http_server.py", str(port)]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    for _ in range(600):
        with socket.socket() as probe:
            if not probe.connect_ex(("127.0.0.1", port)):
                break
        time.sleep(0.05)
    yield f"http://127.0.0.1:{port}/mcp"
    server.kill()
    server.wait()


def snapshot(*arguments):
    return CliRunner().invoke(main, ["snapshot", *map(str, arguments)])


def on_one_line(result):
    return " ".join(result.output.split())


def test_two_servers_are_frozen_and_read(tmp_path, http_server):
    out = tmp_path / "tools.json"
    result = snapshot(STDIO, http_server, "--out", out)
    assert result.exit_code == 0, result.output
    assert "storm 1.2: 3 tools" in result.output
    assert "meteo 0.3: 2 tools" in result.output
    frozen = json.loads(out.read_text(encoding="utf-8"))
    assert [server["protocolVersion"] for server in frozen["servers"]] == ["2026-07-28"] * 2
    assert [server["version"] for server in frozen["servers"]] == ["1.2", "0.3"]
    assert re.fullmatch(r"2\d{3}-\d\d-\d\dT[\d:]{8}\+00:00", frozen["date"])

    counts = Counter()
    collected = collect(
        documents_of([CatalogueSettings(path=str(out), category="Weather")], counts),
        1000,
        True,
        SimpleNamespace(counts=counts),
    )
    tools = {tool["tool_name"]: tool for tool in collected}
    assert list(tools) == [
        "<Weather>.<storm>.<current_weather>",
        "<Weather>.<storm>.<weather_forecast>",
        "<Weather>.<storm>.<set_alarm>",
        "<Weather>.<meteo>.<weather_now>",
        "<Weather>.<meteo>.<forecast>",
    ]
    assert counts == {"read": 5, "kept": 5}
    storm, meteo = tools["<Weather>.<storm>.<weather_forecast>"], tools["<Weather>.<meteo>.<forecast>"]
    assert storm["provider_description"] == "Weather from stations, free of charge."
    assert meteo["provider_description"] == "Weather from satellites, within the EU only."
    for tool in (storm, meteo):
        assert [parameter["name"] for parameter in tool["required_parameters"]] == ["city", "days"]
        assert json.loads(tool["optional_parameters"][0]["schema"])["enum"] == ["metric", "imperial"]
    assert meteo["response"] == '{"result": ["str"]}'


def test_a_benchmark_is_built_of_two_servers_that_overlap(tmp_path, http_server):
    """Past calls are of other providers: two servers alone have none, so the catalogue that ships helps out."""
    out = tmp_path / "tools.json"
    assert snapshot(STDIO, http_server, "--out", out).exit_code == 0
    recipe = yaml.safe_load(recipe_path("build", "own-tools").read_text(encoding="utf-8"))
    background = [{"path": f"embedded/{name}", "background": True} for name in ("Music", "Books", "Energy", "Jobs")]
    recipe["catalogue"] = [{"path": str(out), "category": "Sky"}, *background]
    recipe["users"] = 40
    (tmp_path / "recipe.yaml").write_text(yaml.safe_dump(recipe), encoding="utf-8")
    done = build(load_recipe(tmp_path / "recipe.yaml"), tmp_path / "run", tmp_path / "data", Console(quiet=True))
    rows = list(done.rows("export"))
    assert {row["category"] for row in rows} == {"Sky"}
    assert {ToolName.parse(row["tool_call"]["tool_name"]).provider for row in rows} == {"storm", "meteo"}
    for row in rows:
        assert {ToolName.parse(name).provider for name in row["same_function_tools"]} == {"storm", "meteo"}
        called = json.loads(row["tool_call"]["parameters"])
        assert called["city"] in row["instruction"]
        (gold,) = [tool for tool in row["candidate_tools"] if tool["tool_name"] == row["tool_call"]["tool_name"]]
        for name, value in called.items():
            if name == "units":
                assert value in ("metric", "imperial")
            if name == "days":
                assert 1 <= value <= 14
        assert {p["name"] for p in gold["required_parameters"]} <= called.keys()


def test_the_same_tools_have_the_same_hash_and_a_file_is_only_replaced_when_told(tmp_path):
    out = tmp_path / "tools.json"
    assert snapshot(STDIO, "--out", out).exit_code == 0
    first = json.loads(out.read_text(encoding="utf-8"))
    refused = snapshot(STDIO, "--out", out)
    assert refused.exit_code == 2
    assert "is there already; give another --out, or --replace" in on_one_line(refused)
    assert snapshot(STDIO, "--out", out, "--replace").exit_code == 0
    assert json.loads(out.read_text(encoding="utf-8"))["sha256"] == first["sha256"]


@pytest.mark.parametrize(
    ("server", "reason"),
    [
        (f"{STDIO} crash #", "ended before it had answered; .* It wrote at the end: the disk of this server is full"),
        (f"{STDIO} fail #", r"could not be read \(Internal server error\); .* ValueError: no tools today"),
        (f"{STDIO} endless #", "the paging of an MCP server does not end"),
        (f"env SECRET=x {STDIO} hang #", r"server `[^`=]*python ...` did not answer within 2 s; .* --timeout more"),
        (f"{STDIO} deaf #", "did not answer within 2 s"),
        ("no-such-command --stdio", "`no-such-command ...` cannot be started: there is no such command"),
        (str(FIXTURES / "mcp_stdio_server.py"), r"cannot be started \(permission denied\)"),
        ("echo hello", "ended before it had answered"),
        ("'", r"cannot be read \(no closing quotation\)"),
        ("", "one of SERVERS is empty"),
        ("http://user:word@127.0.0.1:9/mcp?key=x", r"server http://127.0.0.1:9/mcp cannot be reached \(All conn"),
        ("{http}x", r"/mcpx could not be read \(Not Found\)"),
    ],
)
def test_a_server_that_fails_is_told_in_one_sentence_and_leaves_nothing(tmp_path, http_server, server, reason):
    out = tmp_path / "tools.json"
    server = server.format(http=http_server).replace(" #", f" {tmp_path}")
    result = snapshot(server, "--out", out, "--timeout", 2 if "did not answer" in reason else 60)
    assert result.exit_code == 2, result.output
    assert re.search(rf"^Error: .*{reason}", on_one_line(result)), result.output
    assert not list(tmp_path.iterdir())
    assert not servers_running(tmp_path)


def servers_running(argument):
    """The command lines of processes with this argument: servers that are still there."""
    commands = [
        (process / "cmdline").read_bytes().decode().split("\0")
        for process in Path("/proc").glob("[0-9]*")
        if (process / "cmdline").exists()
    ]
    return [command for command in commands if str(argument) in command]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_stopped_command_ends_its_server(tmp_path, number):
    server = f"{STDIO} deaf {tmp_path}"
    command = [sys.executable, "-m", "petoolbench_cli", "snapshot", server, "--out", tmp_path / "tools.json"]
    interruptible = lambda: signal.signal(signal.SIGINT, signal.default_int_handler)  # noqa: E731
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    process = subprocess.Popen(command, cwd=ROOT, env=environment, preexec_fn=interruptible)
    for _ in range(600):
        if servers_running(tmp_path):
            break
        time.sleep(0.05)
    time.sleep(0.5)  # it is connecting now
    process.send_signal(number)
    assert process.wait(30) == 130
    assert not servers_running(tmp_path)


def test_two_servers_of_one_name_and_another_ending_are_refused(tmp_path):
    twice = snapshot(STDIO, STDIO, "--out", tmp_path / "tools.json")
    assert twice.exit_code == 2
    assert "two servers call themselves storm; write a snapshot of each by itself" in on_one_line(twice)
    ending = snapshot(STDIO, "--out", tmp_path / "tools.txt")
    assert ending.exit_code == 2
    assert "give it a name that ends in .json" in on_one_line(ending)
    assert not list(tmp_path.iterdir())


def test_the_package_that_is_missing_is_named(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "mcp", None)
    result = snapshot(STDIO, "--out", tmp_path / "tools.json")
    assert result.exit_code == 2
    assert "a running MCP server is read with the package mcp: pip install" in on_one_line(result)


def test_the_command_line_starts_without_it():
    code = "import sys, petoolbench_cli; print([name for name in ('mcp', 'pydantic', 'anyio') if name in sys.modules])"
    run = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"
