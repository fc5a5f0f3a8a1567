"""A report in each form: LaTeX that compiles, CSV of numbers, figures with fonts, and pages on small screens."""

import csv
import json
import re
import shutil
import subprocess
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest
from click.testing import CliRunner
from petoolkit.builder.dataset_folder import write_dataset
from report_folders import OPTIONS, Page, folders, groups_of, rows_of, scores, value, with_preference
from rows import DATASET_FACTS, past_call, prediction, reply, row

from petoolbench import SETTINGS, InputError
from petoolbench_cli import main
from petoolkit.evaluator.dataset_rows import load_split
from petoolkit.evaluator.report import report_findings as findings
from petoolkit.evaluator.report import run_tables
from petoolkit.evaluator.report.latex_text import latex
from petoolkit.evaluator.report.report_figures import draw_figures
from petoolkit.evaluator.report.report_forms import FORMS
from petoolkit.evaluator.report.run_groups import group_runs
from petoolkit.evaluator.report.score_files import read_scores
from petoolkit.evaluator.report.tested_differences import differences_in_words, differences_table
from petoolkit.evaluator.report.write_report import write_report
from petoolkit.evaluator.row_fingerprint import fingerprint
from petoolkit.text import ALL

PDFLATEX, CHROMIUM = shutil.which("pdflatex"), shutil.which("chromium")
NAMES = (
    "=HYPERLINK(0)|calc",
    r"\input{/etc/passwd} \end{tabular} $x$ % & # _ ^ ~ { }",
    '[8pt] *starred* --no `quotes\' "q" <b> ?` !` ,,',
    "模型 Müller-Ångström ₿ \N{EN DASH} \N{RIGHT SINGLE QUOTATION MARK} ﬁ",
)


@pytest.fixture(scope="module")
def hostile(tmp_path_factory):
    """A report in all forms on models whose names, dataset and categories are code for a spreadsheet or for TeX."""
    path = tmp_path_factory.mktemp("hostile")
    results = [with_preference(scores(f"openai:{name}", category=NAMES[0])) for name in NAMES]
    results[0]["model"] = NAMES[0]  # a name that begins as a formula
    for result in results:
        result["dataset"] = f"-{NAMES[1]}"
        result["breakdowns"] = results[0]["breakdowns"]
    return write_report(folders(path, *results), path / "out", forms=tuple(FORMS)).parent


def csv_rows(path):
    with open(path, encoding="utf-8", newline="") as file:
        return list(csv.reader(file))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (r"\a{b}", r"\textbackslash{}a\{b\}"),
        ("50 % & $5 #1 a_b", r"50 \% \& \$5 \#1 a\_b"),
        ("~^<>|", r"\textasciitilde{}\textasciicircum{}\textless{}\textgreater{}\textbar{}"),
        ("--no '' a-b don't", "-{}-no '{}' a-b don't"),
        ("[1]*", "{[}1{]}{*}"),
        ("é Å č", r"\'{e} \r{A} \v{c}"),
        ("中", "[U+4E2D]"),
        ("1\N{EN DASH}2", "1--2"),
    ],
)
def test_text_is_written_so_that_tex_shows_it(text, expected):
    assert latex(text) == expected


def test_no_sign_of_ascii_keeps_a_meaning_for_tex():
    text = latex("".join(map(chr, range(32, 127))) + "".join(NAMES))
    ours = r"\\(text[a-z]+|ensuremath|symbol|allowbreak|dots)\b|\\[{}$&#%_]|\\[`'^~=u.\"rHvc](?=\{)"
    assert text.isascii()
    assert not re.search(r"[\\$&#%_^~\"`|<>]", re.sub(ours, "", text))


def test_long_words_may_be_broken_where_that_is_allowed():
    assert latex("organisation/model-with-a-long-name", may_break=True).count(r"\allowbreak ") == 5
    assert r"\allowbreak" not in latex("organisation/model-with-a-long-name")


def test_every_table_and_figure_is_there_in_each_form(hostile):
    (group,) = json.loads((hostile / "report.json").read_text())["groups"]
    assert len(group["tables"]) > 15 and len(group["figures"]) == 5
    for table in group["tables"]:
        assert (hostile / f"tables/{table['file']}.tex").stat().st_size > 200
        assert (hostile / f"tables/{table['file']}.csv").stat().st_size > 20
    document = (hostile / "report.tex").read_text()
    shown = re.findall(r"\\input\{(tables/[\w-]+)\}", document)
    assert shown == [f"tables/{table['file']}" for table in group["tables"]]
    assert re.findall(r"\{(figures/[\w-]+\.pdf)\}", document) == [f"figures/{f['file']}.pdf" for f in group["figures"]]
    assert {path.stem for path in (hostile / "figures").iterdir()} == {figure["file"] for figure in group["figures"]}
    assert {path.suffix for path in (hostile / "figures").iterdir()} == {".png", ".svg", ".pdf"}


def test_latex_holds_other_peoples_text_as_text(hostile):
    table = (hostile / "tables/1-table-1-robust.tex").read_text()
    assert table.isascii()
    for name in NAMES:
        assert latex(name, may_break=True) in table
    lines = [line for path in hostile.rglob("*.tex") for line in path.read_text().splitlines() if line[:1] != "%"]
    assert not any(r"\input{/etc" in line or "$x$" in line for line in lines)
    assert table.startswith("% Tool Acc and Param Acc, as the paper's Table 1, robust reader\n% petoolbench report ")
    for part in (r"\toprule", r"\midrule", r"\bottomrule", r"\label{tab:1-table-1-robust}", r"\textit{GPT-4o}"):
        assert part in table
    assert re.search(r"\\petoolcell\{\d\d\.\d\}\{\d\d\.\d--\d\d\.\d\}", table)


def test_csv_holds_numbers_and_no_formulas(hostile, tmp_path):
    (head, *lines) = csv_rows(hostile / "tables/1-table-1-robust.csv")
    assert head[:5] == ["model", "kind", *(f"preferred-only: Tool Acc{part}" for part in ("", ", low", ", high"))]
    by_name = {line[0]: dict(zip(head, line, strict=True)) for line in lines}
    result = scores(f"openai:{NAMES[1]}")["scores"]["preferred_only"]["robust"]["tool_acc"]
    mine = by_name[f"openai:{NAMES[1]}"]
    for part, number in (("", result["value"]), (", low", result["low"]), (", high", result["high"])):
        assert float(mine[f"preferred-only: Tool Acc{part}"]) == pytest.approx(100 * number)
    assert f"'{NAMES[0]}" in by_name and NAMES[0] not in by_name
    assert by_name["GPT-4o"] | {"kind": "paper", "preferred-only: Tool Acc": "53.7"} == by_name["GPT-4o"]
    assert by_name["best rule"]["preferred-only: Tool Acc, note"] == "preference-rule"
    gains = csv_rows(hostile / "tables/1-preference.csv")
    assert "gain over no history: pair accuracy, low" in gains[0] and "75.0" in gains[1]
    for path in (hostile / "tables").glob("*.csv"):
        for cell in (cell for line in csv_rows(path) for cell in line):
            assert re.fullmatch(r"-?[\d.]*", cell) or cell[0] not in "=+-@"


def test_figures_are_vectors_with_their_fonts_and_say_how_they_were_made(hostile):
    for path in (hostile / "figures").glob("*.pdf"):
        content = path.read_bytes()
        assert b"/FontFile2" in content and b"/Type3" not in content
    for path in (hostile / "figures").glob("*.svg"):
        texts = [element.text or "" for element in ElementTree.fromstring(path.read_text()).iter()]
        assert any("petoolbench report" in text for text in texts), path
        assert any(text.endswith("?") for text in texts), path
        assert "<text" not in path.read_text()  # letters are shapes: no font is asked of the reader


def test_a_page_says_how_it_was_made_and_its_contents_lead_somewhere(hostile):
    text = (hostile / "report.html").read_text()
    page = Page(text)
    assert re.search(r"<pre>petoolbench report .* --format html,md,latex,csv,svg,pdf</pre>", text)
    made = json.loads((hostile / "report.json").read_text())["made"]
    assert re.fullmatch(r"20\d\d-\d\d-\d\d", made["date"]) and made["versions"]["petoolbench"]
    assert f"Made on {made['date']} with petoolbench" in "".join(page.text)
    assert len(page.links) > 5 and all(f'id="{link[1:]}"' in text for link in page.links)
    markdown = (hostile / "report.md").read_text()
    anchors = re.findall(r"\]\(#([\w-]+)\)", markdown)
    assert len(anchors) > 6 and all(f'<a id="{anchor}"></a>' in markdown for anchor in anchors)


def test_unknown_forms_are_refused_by_name_before_anything_is_read(tmp_path):
    called = CliRunner().invoke(
        main, ["report", "nowhere", "--out", str(tmp_path / "out"), "--format", "html,word,xls"]
    )
    assert called.exit_code == 2
    assert "no form 'word' and 'xls'; there are html, md, latex, csv, svg and pdf." in " ".join(called.output.split())
    with pytest.raises(InputError, match="needs a form; there are html"):
        write_report([tmp_path], tmp_path / "out", forms=())
    assert not (tmp_path / "out").exists()


def test_only_the_forms_that_were_asked_for_are_written(tmp_path):
    (made,) = folders(tmp_path, scores())
    called = CliRunner().invoke(main, ["report", str(made), "--out", str(tmp_path / "out"), "--format", "svg, csv"])
    assert called.exit_code == 0, called.output
    assert {path.suffix for path in (tmp_path / "out").rglob("*.*")} == {".svg", ".csv", ".json"}
    assert [line.split()[0] for line in called.output.splitlines()] == ["csv:", "svg:"]


def with_gain(model, low, middle, high):
    result = with_preference(scores(model))
    result["history_gain"] = dict.fromkeys([*SETTINGS, ALL], value(middle, low, high))
    return result


def test_a_gain_is_stated_where_a_corrected_test_supports_it(tmp_path):
    """Two gains whose own intervals lie above 0: the weaker one is not supported among three tests."""
    strong, weak = with_gain("hf:strong", 0.2, 0.3, 0.4), with_gain("hf:weak", 0.01, 0.2, 0.39)
    (group,) = groups_of(tmp_path, strong, weak, with_gain("hf:none", -0.1, 0.0, 0.1))
    found = findings.gains(group)
    assert found.startswith("Preference Acc over all settings is higher with history for hf:strong (+30.0 points). No")
    assert "No difference is supported for hf:weak and hf:none" in found.replace(
        "hf:none and hf:weak", "hf:weak and hf:none"
    )
    assert found.endswith("corrected for 3 tests.")
    (alone,) = groups_of(tmp_path / "alone", weak)
    assert "higher with history for hf:weak" in findings.gains(alone)


def test_a_figure_without_a_point_is_not_drawn_and_the_report_says_why(tmp_path):
    (group,) = groups_of(tmp_path, scores("baseline:popularity", usage={}), scores("baseline:random", usage={}))
    drawn, not_drawn = draw_figures(group)
    assert list(drawn) == ["tool-acc"]
    assert "these rows are of no blocks" in not_drawn["pairs"]
    assert not_drawn["override"].endswith("no model was asked the counterfactual override.")
    assert not_drawn["gold-position"].endswith("There is no figure, since no difference is supported.")
    assert not_drawn["tokens"].endswith("fewer than two models count tokens.")
    assert run_tables.cost(group) == []
    page = write_report(folders(tmp_path / "more", scores()), tmp_path / "out").read_text()
    assert "There is no figure, since no difference is supported." in page


def test_tokens_are_those_of_a_reply_also_to_counterfactual_rows(tmp_path):
    """300 rows, and 300, 100 and 12 of counterfactuals, of which 2 are missing."""
    (group,) = groups_of(tmp_path, with_preference(scores()))
    assert group.runs[0].result.tokens_a_reply == pytest.approx(7_654 / (300 + 300 + 98 + 12))
    assert rows_of(run_tables.cost(group)[0])["openai:gpt-4o"][1] == "7,654"


@pytest.mark.whole
def test_differences_between_models_are_stated_where_rows_and_replies_let_a_test_support_them(tmp_path):
    """Twelve function groups: one model is right in all, its like too, a third in none; an oracle is not compared."""
    rows = [
        {**row(f"u{number}", "chronological", "Cirrox", [past_call("Cirrox")]), "group_id": f"g{number}"}
        for number in range(12)
    ]
    data = str(tmp_path / "data")
    write_dataset(Path(data), [("test", one) for one in rows], lambda: DATASET_FACTS)
    about = {"dataset": data, "fingerprint": fingerprint(load_split(data, "all", "test", None))}
    results = [scores(name, settings=["chronological", "all"], users=12, **about) for name in ("hf:a", "hf:b", "hf:c")]
    results[2] |= {"model": "hf:a", "options": OPTIONS | {"history": "none"}}
    results.append(scores("baseline:trait-oracle", settings=["chronological", "all"], users=12, **about))
    made = folders(tmp_path / "runs", *results)
    for folder, called in zip(made, ("Cirrox", "Cirrox", "Aerwyn", "Cirrox"), strict=True):
        lines = [json.dumps(prediction(one, reply(called))) for one in rows]
        (folder / "predictions.jsonl").write_text("\n".join(lines) + "\n")
    (group,) = group_runs(read_scores(made))
    (table,) = differences_table(group)
    found = {name: cells[1:] for name, cells in rows_of(table).items()}
    assert found["hf:a, no history"] == ["\N{EN DASH}", "\N{EN DASH}"]
    assert found["hf:a"] == ["hf:a, no history", "hf:b"] and found["hf:b"] == ["hf:a, no history", "hf:a"]
    assert findings.history_pairs(group).endswith("corrected for 3 pairs, higher with history: hf:a.")
    assert "corrected for 3 pairs" in table.notes[0]
    words = differences_in_words(group, None)
    assert f"than {group.runs[0].label}:" in words or f"from {group.runs[0].label}:" in words
    (made[0] / "predictions.jsonl").write_text("not a line\n")
    (again,) = group_runs(read_scores(made))
    assert "not tested, since " in differences_in_words(again, None) and differences_table(again) == []


@pytest.mark.slow
@pytest.mark.skipif(PDFLATEX is None, reason="this machine has no pdflatex: apt-get install texlive-latex-recommended")
def test_latex_compiles_as_it_is_and_in_a_paper(hostile, tmp_path):
    shutil.copytree(hostile, tmp_path / "out")

    def compiled(name):
        command = [PDFLATEX, "-interaction=nonstopmode", "-halt-on-error", name]
        done = subprocess.run(command, cwd=tmp_path / "out", capture_output=True, text=True, errors="replace")
        assert done.returncode == 0, done.stdout[-3000:]
        assert "undefined" not in done.stdout.lower()
        return done.stdout

    compiled("report.tex")
    assert "Overfull" not in compiled("report.tex")
    paper = r"""\documentclass{article}
\usepackage{array,booktabs,longtable}
\begin{document}
\input{tables/1-table-1-robust}
\end{document}
"""
    (tmp_path / "out" / "paper.tex").write_text(paper)
    compiled("paper.tex")


_SEEN = """() => [...document.querySelectorAll('.scroll')].map(box => {
  for (let up = box.parentElement; up; up = up.parentElement) if (up.tagName == 'DETAILS') up.open = true;
  const hint = box.previousElementSibling, first = box.querySelector('tbody th');
  const before = first.getBoundingClientRect().left;
  box.scrollLeft = 200;
  return {
    title: box.ariaLabel, scrolls: box.scrollWidth > box.clientWidth + 1,
    hinted: !!hint && hint.className == 'hint' && getComputedStyle(hint).display != 'none',
    moved: Math.abs(first.getBoundingClientRect().left - before),
  };
})"""


@pytest.mark.whole
@pytest.mark.skipif(CHROMIUM is None, reason="this machine has no Chromium: apt-get install chromium")
@pytest.mark.parametrize(("width", "scheme"), [(400, "light"), (1280, "dark")])
def test_on_a_small_screen_each_wide_table_says_that_it_scrolls_with_its_first_column_fixed(hostile, width, scheme):
    from playwright.sync_api import sync_playwright

    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])  # tests may run as root
        page = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme).new_page()
        page.goto((hostile / "report.html").as_uri())
        tables = page.evaluate(_SEEN)
        wide = page.evaluate("document.documentElement.scrollWidth")
        figures = page.evaluate("[...document.images].map(i => [i.naturalWidth > 0, i.getBoundingClientRect().right])")
        browser.close()
    assert wide == width
    assert figures and all(drawn and right <= width for drawn, right in figures)
    assert len(tables) > 15
    if width == 400:
        assert [table["title"] for table in tables if table["scrolls"] and not table["hinted"]] == []
        assert [table["title"] for table in tables if table["hinted"] and not table["scrolls"]] == []
    assert max(table["moved"] for table in tables) < 1
