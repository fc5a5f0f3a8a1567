"""What the explorer shows: filters, links, rows and leaderboards, without a browser."""

import asyncio
import json
import re
import signal
import socket
import subprocess
import sys
import time

import pytest
from click.testing import CliRunner
from explorer_data import GOOD, HOSTILE, LATE, LONG, PLAIN, RATED, ROWS, STRANGE, TURNED, write_evaluation, write_rows
from report_folders import Page
from rows import reply

from petoolbench import InputError
from petoolbench_cli import main
from petoolkit.explorer.browse import matching, valid_view
from petoolkit.explorer.content import read_content
from petoolkit.explorer.row_page import row_page
from petoolkit.explorer.server import is_loopback
from petoolkit.explorer.space_folder import write_space
from petoolkit.explorer.view import View
from petoolkit.explorer.view_html import models_html, nav_html, rows_html
from petoolkit.extras import install_command
from petoolkit.scoring import ERROR_TYPES, METRICS

# gpt-4o: right; the other provider; another function and no such parameter; no tool call.
HALF_GOOD = [GOOD[0], reply("Cirrox"), reply("Dovarque", "{}", "convert"), "Sorry."]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("explorer")


@pytest.fixture(scope="module")
def content(folder):
    results = [
        write_evaluation(folder / "results" / "good", GOOD, "hf:good"),
        write_evaluation(folder / "results" / "half", HALF_GOOD, "openai:half <i>"),
    ]
    return read_content(write_rows(folder), None, results)


def ids(content, **filters):
    return [content.index.ids[number] for number in matching(content, View(**filters))]


@pytest.mark.parametrize(
    ("filters", "users"),
    [
        ({}, "u1 u1 u2 u3 u9"),
        ({"setting": "chronological"}, "u2 u3"),
        ({"split": "train"}, "u9"),
        ({"category": "Money & <b>more</b>"}, "u2"),
        ({"length": "6-10"}, "u2"),
        ({"length": "1-5", "setting": "preferred_only"}, "u1"),
        ({"model": "openai:half <i>", "outcome": "TPM"}, "u1"),
        ({"model": "openai:half <i>", "outcome": "TFM"}, "u2"),
        ({"model": "openai:half <i>", "outcome": "PNM"}, "u2"),
        ({"model": "openai:half <i>", "outcome": "IF"}, "u3"),
        ({"model": "openai:half <i>", "outcome": "right"}, "u1"),
        ({"model": "openai:half <i>", "outcome": "wrong"}, "u1 u2 u3"),
        ({"model": "hf:good", "outcome": "wrong"}, ""),
        ({"outcome": "IF"}, "u3"),
        ({"text": "OSLO forecast"}, "u1 u1 u2 u9"),
        ({"text": "dovarque lyrics"}, "u1 u1 u2 u9"),
        ({"text": "u2/chrono"}, "u2"),
        ({"text": "oslo nowhere"}, ""),
        ({"text": "<script>"}, "u3"),
    ],
)
def test_filters_let_through_what_they_say(content, filters, users):
    assert [row_id.partition("/")[0] for row_id in ids(content, **filters)] == users.split()


def test_a_dataset_of_one_setting_is_shown(tmp_path):
    assert read_content(write_rows(tmp_path, [LATE]), None, []).index.ids == [LATE["id"]]


def test_the_whole_row_is_what_the_dataset_holds(content):
    for one in ROWS:
        assert content.index.row(content.index.numbers[one["id"]]) == one


def test_a_link_carries_the_whole_view():
    view = View(
        "rows",
        "chronological",
        "override",
        "test",
        "a&b=<c>",
        "1-5",
        "hf:x",
        "TPM",
        "two words",
        3,
        "u1/chronological",
    )
    assert View.of(view.query) == view
    assert View().query == "?"
    assert View(row="u000007/chronological").query == "?row=u000007/chronological"


@pytest.mark.parametrize("query", ["", "?", "?page=x&strange=1", "?page=-2", "?page=" + "9" * 5000, "?__theme=dark"])
def test_a_link_with_nonsense_shows_the_first_page(query):
    assert View.of(query) == View()


def test_a_filter_or_model_that_is_not_there_is_left_out_of_a_link(content):
    old = View.of("?category=Gone&model=gone&outcome=TPM&tab=other&board_setting=nowhere&text=oslo&page=2")
    assert valid_view(content, old) == View(outcome="TPM", text="oslo", page=2)


def test_the_list_links_to_rows_and_keeps_the_filters(content):
    listed, opened = rows_html(content, View(setting="chronological"))
    assert 'href="?setting=chronological&amp;row=u2/chronological"' in listed
    assert "<b>2</b> rows of 5" in listed
    assert opened == ""


def test_a_row_says_what_was_called_and_how_it_was_judged(content):
    page = row_page(RATED, list(content.evaluations.by_name.values()))
    assert [candidate.name.provider for candidate in page.same_job] == ["Aerwyn", "Cirrox"]
    assert [candidate.name.provider for candidate in page.others] == ["Dovarque", "Equandra"]
    assert [candidate.past for candidate in page.same_job] == [["1 liked"], ["2 disliked"]]
    assert [call["rating"] for call in page.history] == ["liked", "disliked", "disliked"]
    assert [candidate.callers for candidate in page.same_job] == [
        [("hf:good", "right")],
        [("openai:half <i>", "wrong")],
    ]
    errors = {answer.model: (answer.tool_error, answer.parameter_error) for answer in page.answers}
    assert errors == {"hf:good": (None, None), "openai:half <i>": ("TPM", None)}


def test_parameters_are_held_against_the_gold_ones_one_by_one(tmp_path):
    wrong = reply("Cirrox", '{"city": "Bergen", "days": 3}')
    evaluation = write_evaluation(tmp_path / "a", [wrong, reply("Cirrox", "{}"), *GOOD[2:]])
    evaluations = list(read_content(write_rows(tmp_path), None, [evaluation]).evaluations.by_name.values())
    states = [
        [(a.name, a.state) for a in row_page(one, evaluations).answers[0].arguments] for one in (PLAIN, RATED, LATE)
    ]
    assert states == [[("city", "wrong"), ("days", "wrong")], [("city", "absent")], [("city", "right")]]


def test_each_repeat_is_shown_and_any_of_them_is_found(tmp_path):
    evaluation = write_evaluation(tmp_path / "a", [*GOOD, *HALF_GOOD], "hf:twice", repeat=2)
    content = read_content(write_rows(tmp_path), None, [evaluation])
    assert ids(content, outcome="TPM") == [RATED["id"]]
    answers = row_page(RATED, list(content.evaluations.by_name.values())).answers
    assert [(answer.repeat, answer.tool_error) for answer in answers] == [(1, None), (2, "TPM")]
    assert list(content.evaluations.by_name["hf:twice"].marks) == ["right", "half", "half", "half", ""]


def test_an_evaluation_of_one_setting_is_shown_there_and_a_row_without_a_reply_says_so(tmp_path):
    evaluation = write_evaluation(tmp_path / "a", [GOOD[2], None], "hf:late", [LATE, STRANGE], setting="chronological")
    content = read_content(write_rows(tmp_path), None, [evaluation])
    assert list(content.evaluations.by_name["hf:late"].marks) == ["", "", "right", "wrong", ""]
    assert ids(content, outcome="wrong") == ids(content, outcome="missing") == [STRANGE["id"]]
    assert "What the models called" not in rows_html(content, View(row=PLAIN["id"]))[1]
    assert "there is no reply yet" in rows_html(content, View(row=STRANGE["id"]))[1]
    assert "No model was asked" in models_html(content, View(tab="models", board_setting="preferred_only"))


def test_text_of_the_data_is_shown_and_never_obeyed(content):
    _, opened = rows_html(content, View(row=STRANGE["id"]))
    page = Page(opened)
    assert not {"script", "img"} & page.tags
    assert HOSTILE in "".join(page.text)
    assert not re.search("[\N{RIGHT-TO-LEFT OVERRIDE}\x1b]", opened)
    assert TURNED.replace("\N{RIGHT-TO-LEFT OVERRIDE}", "\ufffd").replace("\x1b", "\ufffd") in "".join(page.text)
    listed, _ = rows_html(content, View())
    assert "script" not in Page(listed + nav_html(content, View()) + models_html(content, View())).tags


def test_a_long_text_is_shortened_in_the_list_and_whole_in_its_row(content):
    listed, opened = rows_html(content, View(row=STRANGE["id"]))
    assert len(listed) < 20_000
    assert f"all {len(STRANGE['instruction']):,} characters" in opened
    assert LONG in opened


def test_a_row_that_is_not_there_is_said_so(content):
    _, opened = rows_html(content, View(row="u77/<b>"))
    assert "No such row" in opened
    assert "u77/&lt;b&gt;" in opened


def test_previous_and_next_go_through_the_filtered_rows(content):
    _, opened = rows_html(content, View(setting="chronological", row=LATE["id"]))
    assert 'href="?setting=chronological&amp;row=u3/chronological" data-go rel="next"' in opened
    assert 'rel="prev"' not in opened


def test_the_leaderboard_has_values_intervals_and_chance(content):
    page = Page(models_html(content, View(tab="models")))
    good, half, chance = page.tables["Leaderboard"][1:]
    assert [cell[0] for cell in good[1:]] == ["hf:good", *["100.0"] * len(METRICS)]
    assert [cell[:1] for cell in half[1:]] == [["openai:half <i>"], ["25.0"], ["50.0"], ["25.0"], ["50.0"]]
    assert chance[1:][0] == ["chance"]
    assert "2 rows of the test split" in "".join(
        Page(models_html(content, View(tab="models", board_setting="chronological"))).text
    )


def test_every_error_type_has_a_colour():
    pytest.importorskip("gradio", reason="the explorer's extra is not installed")
    from petoolkit.explorer.gradio_page import STYLE

    colours = [re.search(rf"\.pe \.{error} {{ background: (#\w+); }}", STYLE)[1] for error in ERROR_TYPES]
    assert len(set(colours)) == len(ERROR_TYPES)


def test_a_part_of_an_error_bar_leads_to_its_rows(content):
    html = models_html(content, View(tab="models"))
    queries = [query.replace("&amp;", "&") for query in re.findall(r'class="TFM" href="([^"]*)"', html)]
    assert [ids_of for query in queries for ids_of in matching(content, View.of(query))] == [
        content.index.numbers[LATE["id"]]
    ]


def test_an_evaluation_of_other_rows_is_refused(tmp_path):
    dataset = write_rows(tmp_path)
    other = write_evaluation(tmp_path / "other", GOOD[1:], rows=ROWS[1:])
    with pytest.raises(InputError, match=r"other is about other rows than this dataset's; give the --dataset"):
        read_content(dataset, None, [other])
    with pytest.raises(InputError, match="no evaluation there; name a folder"):
        read_content(dataset, None, [tmp_path / "petoolbench"])


def test_only_loopback_is_loopback():
    assert [is_loopback(host) for host in ("127.0.0.1", "localhost", "::1")] == [True] * 3
    assert [is_loopback(host) for host in ("0.0.0.0", "::", "192.168.0.2", "example.org", "")] == [False] * 5


def test_without_gradio_the_command_says_what_to_install(monkeypatch):
    monkeypatch.setattr("petoolkit.explorer.server.find_spec", lambda name: None)
    done = CliRunner().invoke(main, ["explore"])
    assert (done.exit_code, done.stderr.strip()) == (
        2,
        f"Error: the explorer needs the package gradio: {install_command('explore')}",
    )


def test_ctrl_c_while_reading_just_ends_the_command(monkeypatch):
    def interrupted(*of):
        raise KeyboardInterrupt

    monkeypatch.setattr("petoolkit.explorer.server.find_spec", lambda name: True)
    monkeypatch.setattr("petoolkit.explorer.content.read_content", interrupted)
    done = CliRunner().invoke(main, ["explore", "--port", str(free_port())])
    assert (done.exit_code, done.output.strip()) == (0, "Stopped.")


def test_ctrl_c_while_serving_just_ends_the_command(content, folder):
    pytest.importorskip("gradio", reason="the explorer's extra is not installed")
    port = free_port()
    command = [sys.executable, "-m", "petoolbench_cli", "explore", "--dataset", folder / "petoolbench", "--port"]
    interruptible = lambda: signal.signal(signal.SIGINT, signal.default_int_handler)  # noqa: E731
    with subprocess.Popen(
        [*command, str(port)], stderr=subprocess.PIPE, text=True, preexec_fn=interruptible
    ) as process:
        while "Ctrl-C stops it" not in (line := process.stderr.readline()):
            assert line
        for _ in range(200):  # it says so just before it serves
            with socket.socket() as probe:
                if not probe.connect_ex(("127.0.0.1", port)):
                    break
            time.sleep(0.1)
        process.send_signal(signal.SIGINT)
        _, rest = process.communicate(timeout=30)
    assert (process.returncode, rest.strip()) == (0, "Stopped.")


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as free:
        return free.getsockname()[1]


def test_a_taken_port_is_told_before_anything_is_read(monkeypatch):
    monkeypatch.setattr("petoolkit.explorer.server.find_spec", lambda name: True)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        done = CliRunner().invoke(main, ["explore", "--port", str(taken.getsockname()[1])])
    assert done.exit_code == 2
    assert re.search(r"cannot listen on 127\.0\.0\.1:\d+ \(Address already in use\); give another --host", done.stderr)


def answer(app, path, host="127.0.0.1", method="GET"):
    """Status and headers of an ASGI application's answer."""
    messages = []

    async def receive():
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message):
        messages.append(message)

    scope = {"type": "http", "method": method, "path": path, "raw_path": path.encode(), "query_string": b""}
    scope |= {"headers": [(b"host", host.encode())], "scheme": "http", "server": ("127.0.0.1", 80), "root_path": ""}
    asyncio.run(app(scope | {"client": ("127.0.0.1", 1), "http_version": "1.1"}, receive, send))
    return messages[0]["status"], dict(messages[0]["headers"])


def test_the_server_answers_the_page_and_nothing_else(content):
    pytest.importorskip("gradio", reason="the explorer's extra is not installed")
    from petoolkit.explorer.server import make_app

    app = make_app(content, "127.0.0.1")
    status, headers = answer(app, "/")
    assert status == 200
    assert b"default-src 'none'" in headers[b"content-security-policy"]
    assert headers[b"content-security-policy"].endswith(b"frame-ancestors 'none'")
    space = make_app(content, "0.0.0.0")
    assert answer(space, "/")[1][b"content-security-policy"].endswith(b"frame-ancestors https://huggingface.co")
    assert answer(app, "/", host="evil.example")[0] == 400
    shut = ["/docs", "/openapi.json", "/gradio_api/info", "/gradio_api/openapi.json", "/gradio_api/upload"]
    shut += ["/gradio_api/file=/etc/passwd", "/gradio_api/proxy=http://example.org", "/monitoring", "/gradio_api/runs"]
    assert [answer(app, path)[0] for path in shut] == [404] * len(shut)
    assert answer(app, "/static/../../../../../../etc/passwd")[0] in (403, 404)


def test_a_space_folder_runs_by_itself_and_tells_nothing_of_this_machine(folder, content, tmp_path):
    pytest.importorskip("gradio", reason="the explorer's extra is not installed")
    dataset, space = str(folder / "petoolbench"), tmp_path / "space"
    write_space(space, dataset, None, [folder / "results"])
    shown = json.loads((space / "explorer.json").read_text())
    assert shown["results"] == ["results/01-good", "results/02-half"]
    assert "sdk: gradio" in (space / "README.md").read_text()
    assert "10.0.0.7" not in "".join(path.read_text() for path in space.rglob("*.json"))
    code = (
        "import sys, runpy, petoolkit.explorer.content as c, petoolkit.explorer.server as s;"
        "assert s.__file__.startswith(sys.argv[1]);"
        "s.explore = lambda *a, **k: print(len(c.read_content(a[0], a[1], a[2]).evaluations.by_name), k);"
        "runpy.run_path('app.py')"
    )
    done = subprocess.run([sys.executable, "-c", code, str(space)], cwd=space, capture_output=True, text=True)
    assert done.stdout.strip() == "2 {'host': '0.0.0.0', 'port': 7860}", done.stderr
