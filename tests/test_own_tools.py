"""The tutorial for tools and logs of one's own: its ten commands, on the files that ship with it."""

import json
import re
import shlex
import shutil
import socket
import subprocess
import sys
import time
import urllib.request

import pytest
from click.testing import CliRunner
from conftest import ROOT

from petoolbench_cli import main

PAGE = (ROOT / "docs" / "your-own-tools.md").read_text(encoding="utf-8")
COMMANDS = [line for block in re.findall(r"```bash\n(.*?)```", PAGE, re.DOTALL) for line in block.splitlines()]
FILES = ROOT / "examples" / "your_own_tools"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with the example's files, in which all commands but the last were run."""
    made = tmp_path_factory.mktemp("office")
    for file in FILES.iterdir():
        shutil.copy(file, made)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(made)
        for command in COMMANDS[:-1]:
            program, *arguments = shlex.split(command)
            assert program == "petoolbench"
            result = CliRunner().invoke(main, arguments)
            assert result.exit_code == 0, f"{command}\n{result.output}"
    return made


def test_there_are_ten_commands():
    assert len(COMMANDS) == 10
    assert COMMANDS[-1].startswith("petoolbench explore")


def test_the_survey_has_the_groups_that_the_page_speaks_of(folder):
    assert "6 groups of tools that do the same job" in (folder / "catalogue.html").read_text(encoding="utf-8")


def test_the_logs_became_rows_of_their_users(folder):
    record = json.loads((folder / "ours" / "dataset_record.json").read_text(encoding="utf-8"))
    assert record["origin"] == "logs"
    names = {json.loads(line)["user"] for line in (FILES / "calls.jsonl").read_text(encoding="utf-8").splitlines()}
    card = (folder / "ours" / "README.md").read_text(encoding="utf-8")
    assert not any(name in card for name in names)
    assert (folder / "report" / "report.html").exists()


def test_drawn_users_are_at_chance_for_a_rule_that_does_not_read(folder):
    audit = json.loads((folder / "drawn" / "audit.json").read_text(encoding="utf-8"))
    assert all(gate["passes"] for gate in audit["gates"])


def test_the_explorer_shows_the_logs(folder):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "petoolbench_cli", *shlex.split(COMMANDS[-1])[1:], "--port", str(port)]
    explorer = subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        for _ in range(240):
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{port}", timeout=5) as page:
                    assert page.status == 200
                break
            except OSError:
                assert explorer.poll() is None
                time.sleep(0.5)
        else:
            pytest.fail("the explorer did not answer")
    finally:
        explorer.terminate()
        explorer.wait(20)
