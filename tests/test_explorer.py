"""The explorer without a browser: filters, orders, links, downloads, which results are found, command and Space."""

import csv
import io
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
from rows import reply

from petoolbench import InputError
from petoolbench_cli import main
from petoolkit.explorer.browse import in_order, listed, matching, valid_view
from petoolkit.explorer.content import read_content
from petoolkit.explorer.server import is_loopback
from petoolkit.explorer.space_folder import write_space
from petoolkit.explorer.view import View
from petoolkit.extras import install_command
from petoolkit.scoring import ERROR_TYPES, METRICS

pytest.importorskip("starlette", reason="the explorer's extra is not installed")
from explorer_client import Client, link_in, text_of
from report_folders import Page

from petoolkit.explorer.page_html import style

# gpt-4o: right; the other provider; another function and no such parameter; no tool call.
HALF_GOOD = [GOOD[0], reply("Cirrox"), reply("Dovarque", "{}", "convert"), "Sorry."]
HALF, FINE = "openai:half <i>", "hf:good"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("explorer")


@pytest.fixture(scope="module")
def content(folder):
    results = [
        write_evaluation(folder / "results" / "good", GOOD, FINE),
        write_evaluation(folder / "results" / "half", HALF_GOOD, HALF),
    ]
    return read_content(write_rows(folder), None, results)


@pytest.fixture(scope="module")
def client(content):
    return Client(content)


def ids(content, **filters):
    return [content.index.ids[number] for number in matching(content, valid_view(content, View(**filters)))]


@pytest.mark.parametrize(
    ("filters", "users"),
    [
        ({}, "u1 u1 u2 u3 u9"),
        ({"setting": "chronological"}, "u2 u3"),
        ({"split": "train"}, "u9"),
        ({"category": "Money & <b>more</b>"}, "u2"),
        ({"length": "6-10"}, "u2"),
        ({"length": "1-5", "setting": "preferred_only"}, "u1"),
        ({"model": HALF, "outcome": "TPM"}, "u1"),
        ({"model": HALF, "outcome": "TFM"}, "u2"),
        ({"model": HALF, "outcome": "PNM"}, "u2"),
        ({"model": HALF, "outcome": "IF"}, "u3"),
        ({"model": HALF, "outcome": "right"}, "u1"),
        ({"model": HALF, "outcome": "wrong"}, "u1 u2 u3"),
        ({"model": HALF, "outcome": "wrong_tool"}, "u1 u2 u3"),
        ({"model": FINE, "outcome": "wrong"}, ""),
        ({"outcome": "IF"}, "u3"),
        ({"model": FINE, "other": HALF, "outcome": "a_right"}, "u1 u2 u3"),
        ({"model": FINE, "other": HALF, "outcome": "b_right"}, ""),
        ({"model": HALF, "other": FINE, "outcome": "b_right"}, "u1 u2 u3"),
        ({"model": FINE, "other": HALF, "outcome": "both_right"}, "u1"),
        ({"model": FINE, "other": HALF, "outcome": "both_wrong"}, ""),
        ({"model": FINE, "other": HALF, "outcome": "different"}, "u1 u2 u3"),
        ({"outcome": "a_right"}, "u1 u2 u3"),  # the first two models
        ({"text": "OSLO forecast"}, "u1 u1 u2 u9"),
        ({"text": "dovarque lyrics"}, "u1 u1 u2 u9"),
        ({"text": "u2/chrono"}, "u2"),
        ({"text": "oslo nowhere"}, ""),
        ({"text": "<script>"}, "u3"),
    ],
)
def test_filters_let_through_what_they_say(content, filters, users):
    assert [row_id.partition("/")[0] for row_id in ids(content, **filters)] == users.split()


@pytest.mark.parametrize(
    ("order", "users"),
    [
        ("", "u1 u1 u2 u3 u9"),
        (
            "hard",
            "u1 u2 u3 u1 u9",
        ),  # rated, late and strange: one of two models; then plain: both; training: none asked
        ("easy", "u1 u1 u2 u3 u9"),
        ("long", "u2 u1 u1 u3 u9"),
        ("short", "u9 u3 u1 u1 u2"),
        ("category", "u2 u1 u1 u3 u9"),
        ("id", "u1 u1 u2 u3 u9"),
    ],
)
def test_rows_are_listed_in_the_order_asked_for(content, order, users):
    everything = matching(content, View())
    found = [content.index.ids[number] for number in in_order(content, everything, order)]
    assert [row_id.partition("/")[0] for row_id in found] == users.split()


def test_a_page_that_is_not_there_is_the_last_one(content):
    assert (listed(content, View(page=9)).page, listed(content, View(text="nowhere")).pages) == (1, 1)


def test_a_dataset_of_one_setting_is_shown(tmp_path):
    content = read_content(write_rows(tmp_path, [LATE]), None, [], may_look=False)
    assert content.index.ids == [LATE["id"]]
    assert "Models" not in Client(content).text()


def test_the_whole_row_is_what_the_dataset_holds(content):
    for one in ROWS:
        assert content.index.row(content.index.numbers[one["id"]]) == one


def test_a_link_carries_the_whole_view():
    view = View(
        *("rows", "chronological", "override", "test", "a&b=<c>", "1-5", "hf:x", "hf:y", "a_right", "two words"),
        *("hard", 3, "u1/chronological", "u2/chronological", "swap", "chronological"),
    )
    assert View.of(view.query) == view
    assert View().query == "?"
    assert View(row="u000007/chronological").query == "?row=u000007/chronological"


@pytest.mark.parametrize("query", ["", "?", "?page=x&strange=1", "?page=-2", "?page=" + "9" * 5000, "?__theme=dark"])
def test_a_link_with_nonsense_shows_the_first_page(query):
    assert View.of(query) == View()


def test_a_filter_or_model_that_is_not_there_is_left_out_of_a_link(content):
    old = View.of("?category=Gone&model=gone&outcome=TPM&tab=other&board_setting=nowhere&text=oslo&page=2&sort=x")
    assert valid_view(content, old) == View(outcome="TPM", text="oslo", page=2)


def test_the_first_row_of_the_list_is_open_and_test_rows_are_first(client):
    html = client.html()
    assert link_in(html, "u1 ") == f"?row={PLAIN['id']}"
    assert f"<bdi>{PLAIN['id']}</bdi> · test" in html
    chronological = client.html("?setting=chronological")
    assert "<b>2</b> rows of 5" in chronological
    assert f"<bdi>{LATE['id']}</bdi> · test" in chronological
    assert link_in(chronological, "next") == f"?setting=chronological&row={STRANGE['id']}"
    assert 'rel="prev"' not in chronological
    assert "u9 · preferred-only · train" in text_of(client.html("?split=train"))


def test_the_models_that_are_compared_are_named_in_the_list(client):
    shown = client.text(f"?model={FINE}&other={HALF.replace(' ', '+')}&outcome=a_right")
    assert "A ✓ right B ✗ wrong" in shown
    assert "1 of 2 models right" in client.text("?setting=chronological")


def test_what_is_the_same_in_all_views_is_sent_once(client):
    whole, piece = client.html("?text=oslo"), client.html("?text=oslo", **{"x-piece": "1"})
    assert piece in whole
    assert "<head>" not in piece


def test_the_head_says_what_the_dataset_is(client):
    shown = client.text()
    assert "5 rows 4 users 5 tools ceiling" in shown
    assert "ceiling without history 50.0 %" in shown.replace("\N{NO-BREAK SPACE}", " ")
    assert "rows test train preferred-only 1 1 rating-integrated 1 0 chronological 2 0" in shown


def test_the_listed_rows_are_downloaded(client):
    answer = client.http.get("/rows.csv?setting=rating_integrated")
    assert answer.headers["content-disposition"] == 'attachment; filename="rows.csv"'
    header, row = csv.reader(io.StringIO(answer.text))
    assert dict(zip(header, row, strict=True)) == {
        "id": RATED["id"],
        "setting": "rating_integrated",
        "split": "test",
        "kind": "preference",
        "block": "",
        "gold_tool": "<Weather>.<Aerwyn>.<forecast>",
        f"{FINE}: called": "<Weather>.<Aerwyn>.<forecast>",
        f"{FINE}: tool": "right",
        f"{FINE}: parameters": "right",
        f"{HALF}: called": "<Weather>.<Cirrox>.<forecast>",
        f"{HALF}: tool": "tool preference mismatch",
        f"{HALF}: parameters": "right",
    }
    lines = [json.loads(line) for line in client.http.get("/rows.jsonl").text.splitlines()]
    assert [line["id"] for line in lines] == [row["id"] for row in ROWS] + ["u9/preferred_only"]
    assert lines[-1][f"{FINE}: called"] is None


def test_no_cell_of_a_downloaded_csv_is_a_formula(tmp_path):
    formula = {**LATE, "block_id": "=1+1", "id": "@u2/chronological", "user_id": "@u2"}
    evaluation = write_evaluation(
        tmp_path / "a", [reply("x", "{}", "f").replace("<Weather>", "-1+<W>")], rows=[formula]
    )
    client = Client(read_content(write_rows(tmp_path, [formula]), None, [evaluation]))
    (row,) = list(csv.reader(io.StringIO(client.http.get("/rows.csv").text)))[1:]
    assert (row[0], row[4], row[6]) == ("'@u2/chronological", "'=1+1", "'-1+<W>.<x>.<f>")


def test_text_of_the_data_is_shown_and_never_obeyed(client):
    html = client.html(f"?row={STRANGE['id']}&model={HALF.replace(' ', '+')}")
    page = Page(html)
    assert html.count("<script") == 1
    assert "img" not in page.tags
    assert HOSTILE in "".join(page.text)
    assert not re.search("[\N{RIGHT-TO-LEFT OVERRIDE}\x1b]", html)
    assert TURNED.replace("\N{RIGHT-TO-LEFT OVERRIDE}", "\ufffd").replace("\x1b", "\ufffd") in "".join(page.text)
    assert "style=" not in html + client.html("?tab=models")


def test_a_long_text_is_shortened_in_the_list_and_whole_in_its_row(client):
    html = client.html(f"?row={STRANGE['id']}")
    assert len(html.split('id="open"')[0]) < 30_000
    assert f"all {len(STRANGE['instruction']):,} characters" in html
    assert LONG in html


def test_a_row_that_is_not_there_is_said_so(client):
    html = client.html("?row=u77/<b>")
    assert "No such row" in html
    assert "u77/&lt;b&gt;" in html


def test_the_leaderboard_has_values_intervals_and_chance(client):
    page = Page(client.html("?tab=models"))
    good, half, chance = page.tables["Leaderboard"][1:]
    assert [cell[0] for cell in good[1:]] == [FINE, *["100.0"] * len(METRICS)]
    assert [cell[:1] for cell in half[1:]] == [[HALF], ["25.0"], ["50.0"], ["25.0"], ["50.0"]]
    assert chance[1:][0] == ["chance"]
    assert "2 rows of the test split" in client.text("?tab=models&board_setting=chronological")


def test_every_error_type_has_a_colour():
    colours = [re.search(rf"\.{error} {{ background: (#\w+);", style())[1] for error in ERROR_TYPES]
    assert len(set(colours)) == len(ERROR_TYPES)


def test_a_part_of_an_error_bar_leads_to_its_rows(client, content):
    query = re.search(r'class="TFM" href="([^"]*)"', client.html("?tab=models"))[1].replace("&amp;", "&")
    assert [*matching(content, View.of(query))] == [content.index.numbers[LATE["id"]]]


def test_evaluations_below_results_are_found_and_those_of_other_rows_are_skipped(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    dataset, said = write_rows(tmp_path), []
    assert read_content(dataset, None, [], said.append).evaluations.by_name == {}
    write_evaluation(tmp_path / "results" / "run" / "good", GOOD, FINE)
    write_evaluation(tmp_path / "results" / "run" / "other", GOOD[1:], rows=ROWS[1:])
    old = write_evaluation(tmp_path / "results" / "run" / "old", GOOD)
    (old / "scores.json").write_text('{"model": "x"}')
    odd = write_evaluation(tmp_path / "results" / "run" / "odd", GOOD)
    (odd / "predictions.jsonl").write_text('{"id": "u1/preferred_only", "repeat": 0, "reply": 5}\n')
    (tmp_path / "results" / "report").mkdir()
    assert list(read_content(dataset, None, [], said.append).evaluations.by_name) == [FINE]
    assert said == [
        "Skipped 1 evaluation of other rows: other.",
        f"Skipped 2 evaluations that cannot be read: {odd.resolve()}/predictions.jsonl, line 1: not a prediction; "
        f"remove the line, and evaluate again. {old.resolve()}/scores.json does not have the form of this version's "
        f"scores (`dataset`: field required); run `petoolbench score {old.resolve()}` to write it again.",
    ]


def test_an_evaluation_that_was_named_is_shown_or_refused(tmp_path):
    dataset = write_rows(tmp_path)
    other = write_evaluation(tmp_path / "other", GOOD[1:], rows=ROWS[1:])
    with pytest.raises(InputError, match=r"other is about other rows than this dataset's; give the --dataset"):
        read_content(dataset, None, [other])
    with pytest.raises(InputError, match="no evaluation there; name a folder"):
        read_content(dataset, None, [tmp_path / "petoolbench"])
    (other / "scores.json").write_text('{"model": "x"}')
    with pytest.raises(InputError, match=r"other/scores.json does not have the form of this version's scores"):
        read_content(dataset, None, [other])


def test_only_loopback_is_loopback():
    assert [is_loopback(host) for host in ("127.0.0.1", "localhost", "::1")] == [True] * 3
    assert [is_loopback(host) for host in ("0.0.0.0", "::", "192.168.0.2", "example.org", "")] == [False] * 5


def test_without_its_packages_the_command_says_what_to_install(monkeypatch):
    monkeypatch.setattr("petoolkit.explorer.server.find_spec", lambda name: None)
    done = CliRunner().invoke(main, ["explore"])
    assert (done.exit_code, done.stderr.strip()) == (
        2,
        f"Error: the explorer needs the package starlette: {install_command('explore')}",
    )


def test_ctrl_c_while_reading_just_ends_the_command(monkeypatch):
    def interrupted(*of):
        raise KeyboardInterrupt

    monkeypatch.setattr("petoolkit.explorer.content.read_content", interrupted)
    done = CliRunner().invoke(main, ["explore", "--port", str(free_port())])
    assert (done.exit_code, done.output.strip()) == (0, "Stopped.")


def test_ctrl_c_while_serving_just_ends_the_command(content, folder):
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


def test_a_taken_port_is_told_before_anything_is_read():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        done = CliRunner().invoke(main, ["explore", "--port", str(taken.getsockname()[1])])
    assert done.exit_code == 2
    assert re.search(r"cannot listen on 127\.0\.0\.1:\d+ \(Address already in use\); give another --host", done.stderr)


def test_the_server_answers_the_page_and_nothing_else(client, content):
    policy = client.http.get("/").headers["content-security-policy"]
    assert "default-src 'none'; script-src 'self'; style-src 'self';" in policy
    assert "unsafe" not in policy
    assert policy.endswith("frame-ancestors 'none'")
    space = Client(content, "0.0.0.0")
    answer = space.http.get("/", headers={"accept-encoding": "gzip"})
    assert answer.headers["content-security-policy"].endswith("frame-ancestors https://huggingface.co")
    assert answer.headers["content-encoding"] == "gzip"
    assert client.http.get("/", headers={"host": "evil.example"}).status_code == 400
    shut = ["/docs", "/openapi.json", "/explorer.css/../server.py", "/static/x", "/../../etc/passwd", "//etc/passwd"]
    assert [client.http.get(path).status_code for path in shut] == [404] * len(shut)
    assert client.http.post("/").status_code == 405


def test_a_space_folder_runs_by_itself_and_tells_nothing_of_this_machine(folder, content, tmp_path):
    dataset, space = str(folder / "petoolbench"), tmp_path / "space"
    write_space(space, dataset, None, [folder / "results"])
    shown = json.loads((space / "explorer.json").read_text())
    assert shown["results"] == ["results/01-good", "results/02-half"]
    readme, docker = (space / "README.md").read_text(), (space / "Dockerfile").read_text()
    assert "\nsdk: docker\napp_port: 7860\n" in readme
    assert "USER user" in docker and '\nCMD ["python", "app.py"]' in docker
    assert {line.partition("==")[0] for line in (space / "requirements.txt").read_text().split()} > {"starlette"}
    assert "10.0.0.7" not in "".join(path.read_text() for path in space.rglob("*.json"))
    code = (
        "import sys, runpy, petoolkit.explorer.content as c, petoolkit.explorer.server as s;"
        "from petoolkit.explorer.web_app import make_app; from petoolkit.explorer.page_html import page_html;"
        "from petoolkit.explorer.view import View;"
        "assert s.__file__.startswith(sys.argv[1]);"
        "read = lambda *a: c.read_content(a[0], a[1], a[2]);"
        "s.explore = lambda *a, **k: print(len(page_html(read(*a), View())) > 9000, make_app(read(*a), None), k);"
        "runpy.run_path('app.py')"
    )
    done = subprocess.run([sys.executable, "-c", code, str(space)], cwd=space, capture_output=True, text=True)
    assert re.fullmatch(r"True <\S+ object at \S+> \{'host': '0.0.0.0', 'port': 7860\}", done.stdout.strip()), (
        done.stderr
    )
