"""A report says what the scores say, marks what is not comparable, and shows other people's text as text."""

import json
import re
import sys

import pytest
from PIL import Image
from report_folders import (
    OPTIONS,
    SETTINGS_AND_ALL,
    Page,
    folders,
    groups_of,
    plain,
    rows_of,
    scores,
    with_preference,
    with_tool_acc,
)

from petoolbench import SETTINGS, InputError
from petoolkit.evaluator.report import paper_tables, preference_tables, run_tables
from petoolkit.evaluator.report import report_findings as findings
from petoolkit.evaluator.report.report_forms import FORMS
from petoolkit.evaluator.report.score_files import read_scores
from petoolkit.evaluator.report.write_report import write_report
from petoolkit.evaluator.scores.score import score
from petoolkit.figure_style import setting_colour
from petoolkit.replies import READERS
from petoolkit.scoring import ERROR_TYPES, METRICS, ErrorType, Metric

HOSTILE = '"><img src=x onerror=alert(1)><script>alert(2)</script> {{ 7 * 7 }} $x_{1$ | `c` *b* [l](http://e.example)'


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """A report on a model with and without history, another model with missing replies, and a rule."""
    path = tmp_path_factory.mktemp("report")
    missing = scores("hf:org/model")
    missing["counts"]["all"]["missing"] = 7
    results = [
        scores("openai:gpt-4o"),
        scores("openai:gpt-4o", options=OPTIONS | {"history": "none"}),
        missing,
        scores("baseline:popularity", options={"history": "full", "seed": 0, "repeat": 1}, best_rule={}),
    ]
    page = write_report(folders(path, *results), path / "out")
    return page, results, Page(page.read_text())


def test_report_json_holds_every_number_of_every_folder(written):
    page, results, _ = written
    report = json.loads((page.parent / "report.json").read_text())
    (group,) = report["groups"]
    by_folder = {run["folder"]: run for run in group["runs"]}
    for number, result in enumerate(results):
        run = by_folder[f"run-{number}"]
        for key in ("scores", "chance", "breakdowns", "repeats", "usage", "rows", "counts", "best_rule"):
            assert run[key] == result[key]
        assert run["options"].items() >= result["options"].items()
    assert report["paper"]["table_1"]["GPT-4o"]["chronological"] == [33.6, 81.8]


@pytest.mark.parametrize(
    ("title", "metrics", "settings"),
    [
        ("Tool Acc and Param Acc, as the paper's Table 1", ["tool_acc", "param_acc"], SETTINGS_AND_ALL),
        ("Joint Acc and Preference Acc", ["joint_acc", "preference_acc"], SETTINGS_AND_ALL),
        ("Errors by type, as the paper's Table 2", list(ERROR_TYPES), ["preferred_only", "chronological"]),
        ("Errors in the other settings", list(ERROR_TYPES), ["rating_integrated", "all"]),
    ],
)
@pytest.mark.parametrize("reader", READERS)
def test_the_pages_tables_hold_the_folders_numbers_with_their_intervals(written, title, metrics, settings, reader):
    _, results, page = written
    lines = {row[1][0]: row[2:] for row in page.tables[f"{title}, {reader} reader"] if row[1]}
    labels = ["openai:gpt-4o", "openai:gpt-4o, no history", "hf:org/model", "popularity"]
    for label, result in zip(labels, results, strict=True):
        expected = [result["scores"][setting][reader][metric] for setting in settings for metric in metrics]
        assert lines[label] == [
            [f"{100 * n['value']:.1f}", f"{100 * n['low']:.1f}\N{EN DASH}{100 * n['high']:.1f}"] for n in expected
        ]
    if "joint_acc" in metrics or "tool_acc" in metrics:
        assert lines["chance"] == [["10.0"]] * 8
        assert lines["best rule"] == [["90.0", "preference-rule"]] * 8


def test_the_papers_rows_are_marked_and_not_comparable_on_other_data(written):
    page, _, parsed = written
    for title, name, numbers in (
        (
            "Tool Acc and Param Acc, as the paper's Table 1, robust reader",
            "GPT-4o",
            "53.7 77.6 45.7 79.6 33.6 81.8 44.3 79.7",
        ),
        (
            "Errors by type, as the paper's Table 2, robust reader",
            "PEToolLLaMA",
            "0.6 3.4 9.3 12.0 7.6 3.9 0.5 1.8 6.5 10.4 5.1 3.1",
        ),
    ):
        (row,) = [row for row in parsed.tables[title] if row[1][:1] == [name]]
        assert row[0] == "paper"
        assert row[1] == [name, "paper"]
        assert [cell[0] for cell in row[2:]] == numbers.split()
        assert ["The paper's own rows (other data: not comparable)"] in [row[1] for row in parsed.tables[title]]
    markdown = (page.parent / "report.md").read_text()
    assert "| paper: GPT-4o | 53.7 | 77.6 |" in markdown
    assert f"\n| **The paper's own rows (other data: not comparable)** |{' |' * 8}\n" in markdown
    assert (
        "not comparable with the others: they were measured on the authors' test set, not on some-dataset" in markdown
    )


@pytest.mark.parametrize(
    ("users", "expected"),
    [
        (440, "1,000 rows a setting; some-dataset holds 440 of them, a development part and not their"),
        (1000, "what they released"),
    ],
)
def test_on_the_authors_rows_the_papers_numbers_stand_with_what_still_differs(tmp_path, users, expected):
    (group,) = groups_of(tmp_path, scores(released=True, users=users))
    table = paper_tables.paper_metrics(group, "paper")
    assert table.paper_heading == "The paper's own rows"
    assert expected in table.notes[-1]
    assert "--prompt released --truncate paper" in table.notes[-1]
    asked_alike = OPTIONS | {"prompt": "released", "truncate": "paper"}
    (group,) = groups_of(tmp_path / "alike", scores(released=True, users=users, options=asked_alike))
    assert "--prompt" not in paper_tables.comparability(group)


def test_the_papers_numbers_were_copied_well():
    """They agree with each other, nearly: `all` is the settings' mean, errors and accuracy make 100."""
    paper = paper_tables.paper_results()
    for name, numbers in paper["table_1"].items():
        for metric in (0, 1):
            mean = sum(numbers[setting][metric] for setting in SETTINGS) / 3
            misprint = 0.1 if (name, metric) == ("Hammer2.1-7B", 1) else 0
            assert numbers["all"][metric] == pytest.approx(mean + misprint, abs=0.0051)
    for name, by_setting in paper["table_2"].items():
        for setting, (if_, th, tfm, tpm, pnm, pvm) in by_setting.items():
            tool_acc, param_acc = paper["table_1"][name][setting]
            assert if_ + pnm + pvm == pytest.approx(100 - param_acc, abs=0.45)
            misprint = 6.0 if (name, setting) == ("GPT-4o", "preferred_only") else 0
            assert if_ + th + tfm + tpm == pytest.approx(100 - tool_acc + misprint, abs=0.45)


def test_a_further_metric_and_a_further_error_type_appear_in_the_tables(tmp_path, monkeypatch):
    metric = Metric("first_acc", "First Acc", "The first candidate was called.", lambda outcome: outcome.right_tool)
    monkeypatch.setitem(METRICS, "first_acc", metric)
    monkeypatch.setitem(ERROR_TYPES, "XX", ErrorType("XX", "another error", ("tool",)))
    (group,) = groups_of(tmp_path, scores())
    (table,) = paper_tables.further_metrics(group, "robust")
    assert table.title == "Joint Acc, Preference Acc and First Acc, robust reader"
    assert [column.name for column in table.columns[:3]] == ["Joint Acc", "Preference Acc", "First Acc"]
    assert "First Acc: The first candidate was called." in table.notes[-1]
    value = group.runs[0].result.score("all", "first_acc")
    assert rows_of(table)["openai:gpt-4o"][-1].startswith(f"{100 * (value.value or 0):.1f} ")
    table_2, _ = paper_tables.errors(group, "robust")
    assert [column.name for column in table_2.columns[:7]] == ["IF", "TH", "TFM", "TPM", "PNM", "PVM", "XX"]
    assert rows_of(table_2)["GPT-4o"][:7] == ["0.5", "1.5", "20.0", "30.3", "7.9", "14.0", "\N{EN DASH}"]
    assert "XX: another error" in table_2.notes[1]


def test_missing_replies_stand_in_the_headline(written):
    page, _, parsed = written
    table = parsed.tables["Tool Acc over all rows"]
    heads = ["model", "Tool Acc", "to chance", "to best rule", "missing", "cut", "unreadable", "own form", "mended"]
    assert table[1][1:] == [[head] for head in heads]
    missing = {row[1][0]: row[5] for row in table[2:]}
    assert missing["hf:org/model"] == ["7", "2.3 %"]
    assert missing["openai:gpt-4o"] == ["0"]
    sentence = "hf:org/model: 7 of 300 replies are missing (failed requests) and count as wrong"
    assert sentence in "".join(parsed.text)
    assert sentence in (page.parent / "report.md").read_text()
    assert sentence in json.loads((page.parent / "report.json").read_text())["warnings"][0]


def test_without_missing_replies_no_warning_is_given(tmp_path):
    assert findings.warnings(groups_of(tmp_path, scores())) == []


def test_what_replies_lacked_stands_beside_each_score(tmp_path):
    result = scores()
    result["counts"]["all"] |= {"missing": 3, "cut_replies": 40, "unreadable": {"robust": 45, "paper": 60}}
    result["counts"]["all"] |= {"how_read": {"as asked": 200, "own form": 30, "mended": 22}}
    groups = groups_of(tmp_path, result)
    cells = rows_of(run_tables.headline(groups[0]))["openai:gpt-4o"]
    assert cells[3:] == ["3 1.0 %", "40 13.3 %", "45 15.0 %", "30 10.0 %", "22 7.3 %"]
    details = {reader: paper_tables.paper_metrics(groups[0], reader).rows[0].detail for reader in ("robust", "paper")}
    assert details == {
        "robust": "of 300 replies: 3 missing, 40 cut, 45 unreadable, 30 own form, 22 mended",
        "paper": "of 300 replies: 3 missing, 40 cut, 60 unreadable",
    }


def test_the_headline_puts_each_model_beside_chance_and_the_best_rule(tmp_path):
    (group,) = groups_of(
        tmp_path, with_tool_acc(scores(), 0.512, low=0.45, high=0.57), with_tool_acc(scores("openai:mini"), 0.95)
    )
    replies = ["0", "0", "3 1.0 %", "5 1.7 %", "2 0.7 %"]
    assert rows_of(run_tables.headline(group)) == {
        "openai:mini": ["95.0 95.0\N{EN DASH}95.0", "+85.0", "+5.0", *replies],
        "openai:gpt-4o": ["51.2 45.0\N{EN DASH}57.0", "+41.2", "\N{MINUS SIGN}38.8", *replies],
        "chance": ["10.0", *[""] * 7],
        "best rule": ["90.0 preference-rule", *[""] * 7],
    }
    assert plain(findings.overview(group)) == (
        "openai:mini has the highest Tool Acc, 95.0 % (95 % interval 95.0\N{EN DASH}95.0). The best rule, "
        "preference-rule, has 90.0 %. Chance is 10.0 %. Differences between models were not tested, since "
        "the dataset is not a folder of this machine."
    )


def test_a_rule_among_the_folders_can_be_the_best_one(tmp_path):
    rule = with_tool_acc(scores("baseline:popularity", best_rule={}), 0.97)
    (group,) = groups_of(tmp_path, rule, scores())
    best = group.best_rule("all", "tool_acc")
    assert best is not None
    assert (best.name, best.value) == ("popularity", 0.97)


def test_what_has_no_row_behind_it_is_a_dash(tmp_path):
    result = scores()
    result["scores"]["chronological"]["robust"]["preference_acc"] = {"value": None, "low": None, "high": None}
    result["scores"]["all"]["robust"]["joint_acc"] = {"value": 0.5, "low": None, "high": None}
    result["usage"] = dict.fromkeys(result["usage"])
    (group,) = groups_of(tmp_path, result)
    cells = rows_of(paper_tables.further_metrics(group, "robust")[0])["openai:gpt-4o"]
    assert cells[5:7] == ["\N{EN DASH}", "50.0"]
    assert run_tables.cost(group) == []


def test_cost_counts_and_what_was_run_are_in_the_tables(tmp_path):
    (group,) = groups_of(tmp_path, scores(options=OPTIONS | {"repeat": 2}, revision="v1"))
    assert rows_of(run_tables.cost(group)[0])["openai:gpt-4o"] == ["1,234,567", "7,654", "0.81", "2.50", "$3.46"]
    assert rows_of(run_tables.counts(group))["openai:gpt-4o"] == [
        "600",
        "0",
        "590",
        "5",
        "2",
        "3",
        "9",
        "7",
        "0",
        "12",
        "1",
    ]
    assert rows_of(run_tables.what_was_run(group))["openai:gpt-4o"] == [
        "openai:gpt-4o",
        "run-0",
        "some-dataset v1 revision, test split, all",
        "0123456789abcdef",
        "history full, repeat 2, prompt petoolbench, truncate oldest, window 4000, temperature 0.1",
        "petoolbench 0.1.0",
    ]


def test_repeated_runs_are_shown_one_by_one(tmp_path):
    result = scores(options=OPTIONS | {"repeat": 3})
    result["repeats"]["all"]["robust"]["tool_acc"] = [0.5, 0.53, 0.49]
    (group,) = groups_of(tmp_path, result, scores("openai:mini"))
    (table,) = run_tables.repeated_runs(group)
    assert rows_of(table) == {"openai:gpt-4o": ["50.0, 53.0, 49.0", "4.0"]}


def test_folders_of_other_rows_get_groups_of_their_own_and_a_warning(tmp_path):
    other = scores("openai:mini", fingerprint="ffff000011112222", dataset="other-dataset")
    page = write_report(folders(tmp_path, scores(), other), tmp_path / "out")
    parsed = Page(page.read_text())
    text = "".join(parsed.text)
    assert (
        "2 different sets of rows (group 1: some-dataset, rows 0123456789abcdef and group 2: other-dataset, rows "
        "ffff000011112222)" in text
    )
    assert "Group 2: other-dataset, test split, 300 rows" in text
    report = json.loads((page.parent / "report.json").read_text())
    assert [[run["model"] for run in group["runs"]] for group in report["groups"]] == [
        ["openai:gpt-4o"],
        ["openai:mini"],
    ]
    assert (page.parent / "figures" / "2-tool-acc.png").exists()
    assert groups_of(tmp_path / "again", scores(), other)[1].best_rule("all", "tool_acc") is not None


def test_a_pair_with_and_without_history_is_found_and_drawn(written, tmp_path):
    page, _, parsed = written
    (group,) = json.loads((page.parent / "report.json").read_text())["groups"]
    assert group["pairs"] == [{"with_history": "openai:gpt-4o", "without_history": "openai:gpt-4o, no history"}]
    assert any("(The paper's Figure 5)" in figure["alt"] for figure in parsed.figures)
    blind = with_tool_acc(
        with_tool_acc(scores(options=OPTIONS | {"history": "none"}), 0.3, "preferred_only"), 0.6, "chronological"
    )
    seeing = with_tool_acc(with_tool_acc(scores(), 0.5, "preferred_only"), 0.4, "chronological")
    (group,) = groups_of(tmp_path, blind, seeing)
    found = findings.history_pairs(group)
    assert "Preferred-only: openai:gpt-4o has 50.0 % with history and 30.0 % without." in plain(found)
    assert "Chronological: openai:gpt-4o has 40.0 % with history and 60.0 % without." in plain(found)
    assert found.endswith("were not tested; petoolbench compare tests one: petoolbench compare run-0 run-1.")


@pytest.mark.parametrize(
    "other", [OPTIONS, OPTIONS | {"history": "none", "prompt": "released"}], ids=["history", "another prompt"]
)
def test_runs_that_differ_in_more_than_history_are_no_pair(tmp_path, other):
    (group,) = groups_of(tmp_path, scores(), scores(options=other))
    assert group.pairs == []


def test_without_a_pair_the_report_says_how_to_get_one(tmp_path):
    page = write_report(folders(tmp_path, scores()), tmp_path / "out")
    assert "petoolbench evaluate ... --history none" in page.read_text()
    assert not (page.parent / "figures" / "1-history.png").exists()


def test_runs_of_one_model_have_labels_with_their_options_or_folders(tmp_path):
    (group,) = groups_of(
        tmp_path,
        scores(),
        scores(options=OPTIONS | {"window": 8000}),
        with_tool_acc(scores("hf:x"), 0.9),
        scores("hf:x"),
    )
    assert sorted(run.label for run in group.runs) == [
        "hf:x [run-2]",
        "hf:x [run-3]",
        "openai:gpt-4o, window 4000",
        "openai:gpt-4o, window 8000",
    ]
    assert group.runs[0].label == "hf:x [run-2]"


def with_tests(result, **p_values):
    """The scores with tests of dependence: of one setting for the history's length, else of all."""
    result["dependence"] = {
        dimension: {"preferred_only" if dimension == "history_length" else "all": {"bands": 2, "p_value": p_value}}
        for dimension, p_value in p_values.items()
    }
    return result


def test_differences_are_stated_where_a_corrected_test_supports_them(tmp_path):
    """Six tests: Holm's correction makes 0.001 x 6 and 0.01 x 5 = 0.05, which is not below the level."""
    a = with_tests(scores(), history_length=0.001, gold_position=0.2, category=0.3)
    b = with_tests(scores("hf:x"), history_length=0.01, gold_position=0.04, category=0.9)
    (group,) = groups_of(tmp_path, a, b)
    assert plain(findings.by_history_length(group)) == (
        "Tool Acc depends on the length of the history for openai:gpt-4o (p = 0.006): a test over all of them, by "
        "whole blocks, corrected for the 6 tests of this group."
    )
    assert plain(findings.by_gold_position(group)) == (
        "No difference by the position of the gold tool is supported: a test over all of them, by whole blocks, "
        "corrected for the 6 tests of this group, finds none (lowest p = 0.160), whatever single values look like."
    )
    assert "No difference by the category is supported" in findings.categories(group)


def test_rules_that_cannot_depend_on_a_thing_are_its_placebo(tmp_path):
    model = with_tests(scores(), gold_position=0.0001)
    random, lexical = (
        with_tests(scores(f"baseline:{name}"), gold_position=p) for name, p in (("random", 0.9), ("lexical", 0.001))
    )
    (group,) = groups_of(tmp_path, model, random, lexical)
    assert plain(findings.by_gold_position(group)).endswith(
        "As a placebo, 2 rules that cannot depend on it: the test finds a difference for lexical. So some rows are "
        "harder than others there, and a difference need not be the model's."
    )
    (group,) = groups_of(tmp_path / "one", model, random)
    assert findings.by_gold_position(group).endswith("the test finds a difference for none.")


def test_what_was_not_tested_is_not_stated(tmp_path):
    (group,) = groups_of(tmp_path, scores())
    assert "was not tested, or there is nothing to compare; petoolbench score FOLDER" in findings.by_gold_position(
        group
    )


def test_findings_count_rows(tmp_path):
    result = scores()
    result["breakdowns"]["category"]["all"]["Music"]["rows"] = 50
    (group,) = groups_of(tmp_path, result)
    assert plain(findings.categories(group)).startswith(
        "There are 2 categories. The largest, Finance, holds 75.0 % of the rows."
    )
    assert plain(findings.row_counts(group)) == (
        "The dataset has 300 rows, 100 in each setting. The most common history length is 1-5 interactions (50.0 % of "
        "rows)."
    )


def with_hyphens(table):
    """The rows of a table, with a hyphen for each en dash."""
    return {name: [cell.replace("\N{EN DASH}", "-") for cell in cells] for name, cells in rows_of(table).items()}


def test_the_headline_is_pairs_their_gain_and_overrides(tmp_path):
    (group,) = groups_of(tmp_path, with_preference(scores()), scores("hf:x"))
    table = preference_tables.preference_headline(group)
    assert with_hyphens(table) == {
        "openai:gpt-4o": [
            "80.0 70.0-90.0",
            "90 of 100",
            "+75.0 +60.0 to +90.0",
            "+50.0 +40.0 to +60.0",
            "25.0 20.0-30.0",
        ],
        "hf:x": ["-", "-", "-", "-", "-"],
    }
    assert table.notes[-1] == (
        "Not asked: no-history and override, of hf:x. The same command with --counterfactual adds them, where the "
        "dataset has such rows: petoolbench evaluate --dataset some-dataset --model hf:x --counterfactual "
        "no-history,override --out run-1 (with the options of that evaluation)."
    )


def test_rows_without_blocks_are_named_in_the_headline(tmp_path):
    (group,) = groups_of(tmp_path, scores())
    assert (
        "Pairs cannot be asked here: these rows are of no blocks"
        in preference_tables.preference_headline(group).notes[2]
    )


def test_counterfactuals_stand_beside_what_is_expected(tmp_path):
    result = with_tool_acc(with_preference(scores()), 0.5)
    (group,) = groups_of(tmp_path, result, scores("hf:x"))
    meanings, table = preference_tables.counterfactual_tables(group)
    changed, deviation = rows_of(meanings)["swap"]
    assert (changed, deviation[:11]) == ("Liked calls are disliked, and disliked ones liked.", "More than 0")
    found = with_hyphens(table)
    assert found["swap"] == ["100.0", "90.0 rows as they are", "0.0", "10.0 5.0-15.0", "-", "-"]
    assert list(found) == [
        "the rows as they are",
        "no-history",
        "swap",
        "override: the row's tool",
        "override: the taste's tool",
    ]
    assert table.notes[1].startswith("Not asked: no-attributes, shuffle, reverse, stranger, twin, move, rename and ")
    assert "2 replies are missing" in table.notes[2]


def test_models_stand_before_rules_and_an_oracle_is_last_and_never_the_best_rule(tmp_path):
    oracle = with_tool_acc(with_preference(scores("baseline:trait-oracle")), 1.0)
    rule = with_tool_acc(with_preference(scores("baseline:attribute-words")), 0.6)
    model = with_tool_acc(with_preference(scores()), 0.5)
    (group,) = groups_of(tmp_path, oracle, rule, {**model, "best_rule": {}})
    assert [run.label for run in group.runs] == ["attribute-words", "openai:gpt-4o", "trait-oracle"]
    assert group.best_rule("all", "tool_acc").name != "trait-oracle"
    assert [table.title.rpartition(" ")[2] for table in preference_tables.counterfactual_tables(group)[1:]] == [
        "openai:gpt-4o",
        "attribute-words",
        "trait-oracle",
    ]
    page = write_report(folders(tmp_path / "more", oracle, rule, model), tmp_path / "out").read_text()
    assert 'trait-oracle <span class="tag">oracle</span>' in page


def test_bands_of_few_rows_are_left_out_of_figures_and_findings(tmp_path):
    result = scores(bands=("1-5", "6-10", "11-15"))
    result["breakdowns"]["history_length"]["preferred_only"]["11-15"]["rows"] = 9
    (group,) = groups_of(tmp_path, result)
    assert group.readable_bands("history_length", "preferred_only") == (["1-5", "6-10"], ["11-15"])
    assert findings.by_history_length(group).endswith(" Left out for fewer than 10 rows: 11-15.")
    assert "11-15" in rows_of(run_tables.breakdown(group, "history_length", "preferred_only", "history length"))
    (tiny,) = groups_of(tmp_path / "tiny", scores(users=4))
    assert tiny.readable_bands("history_length", "preferred_only") == (["1-5", "6-10"], [])


def test_other_peoples_text_stays_text(tmp_path):
    results = [
        scores(f"openai:{HOSTILE}", category=HOSTILE, dataset=HOSTILE, revision=HOSTILE),
        scores("hf:\u202eevil\n# b"),
    ]
    for result in results:
        result["fingerprint"] = HOSTILE
        result["breakdowns"] = results[0]["breakdowns"]
        result["best_rule"]["all"]["robust"]["tool_acc"]["name"] = HOSTILE
    page = write_report(folders(tmp_path, *results), tmp_path / "out")
    parsed, markdown = Page(page.read_text()), (page.parent / "report.md").read_text()
    assert parsed.tags.isdisjoint({"script", "iframe", "object", "form", "link"})
    assert all(re.fullmatch(r"#1(-\d+)?", link) for link in parsed.links)
    assert all(figure["src"].startswith("data:image/svg+xml;base64,") for figure in parsed.figures)
    assert all("onerror" not in figure for figure in parsed.figures)
    assert f"openai:{HOSTILE}" in "".join(parsed.text)
    assert re.search(r"<[a-z/]", re.sub(r'<a id="(chapter|section)[-\d]*"></a>', "", markdown)) is None
    assert "[l](http" not in markdown
    assert " \\| \\`c\\` \\*b\\* \\[l\\]" in markdown
    assert "\u202e" not in page.read_text() + markdown
    assert "\n# b" not in markdown
    columns = [line.replace("\\|", "").count("|") for line in markdown.splitlines() if line.startswith("| openai:")]
    assert columns[:2] == [7, 10]


def test_figures_are_real_and_say_what_they_show(written):
    page, _, parsed = written
    markdown = (page.parent / "report.md").read_text()
    files = re.findall(r"\]\((figures/[^)]+\.png)\)", markdown)
    names = ("tool-acc", "history", "history-methods", "tokens")
    assert files == [f"figures/1-{name}.png" for name in names]
    for file in files:
        with Image.open(page.parent / file) as image:
            image.verify()
            assert image.format == "PNG"
            assert image.width >= 900
    assert len(parsed.figures) == len(names)
    assert all(len(figure["alt"]) > 60 for figure in parsed.figures)
    assert "http" not in re.sub(r'src="data:[^"]*"', "", page.read_text()).replace("http-equiv", "")


def test_the_same_command_gives_the_same_bytes(tmp_path):
    made = folders(tmp_path, scores(usage={}))
    contents = []
    for _ in range(2):
        out = write_report(made, tmp_path / "out", forms=tuple(FORMS)).parent
        contents.append({path: path.read_bytes() for path in sorted(out.rglob("*.*"))})
    assert contents[0] == contents[1]
    assert {path.suffix for path in contents[0]} == {".html", ".md", ".json", ".tex", ".csv", ".png", ".svg", ".pdf"}


def test_a_report_on_one_setting_and_many_models(tmp_path):
    """Lines are drawn for ten models only; a table holds them all."""
    results = [
        scores(f"openai:model-{number}", settings=["chronological", "all"], bands=tuple(f"{n}-{n}" for n in range(40)))
        for number in range(12)
    ]
    for result in results:
        result["dependence"] = {"history_length": {"chronological": {"bands": 40, "p_value": 0.0001}}}
    page = write_report(folders(tmp_path, *results), tmp_path / "out")
    parsed = Page(page.read_text())
    titles = [figure["alt"] for figure in parsed.figures]
    title = "Does Tool Acc depend on the length of the history? (The paper's Figure 6, chronological) "
    assert titles[1].startswith(f"{title}The 10 highest of 12.")
    assert len(parsed.tables["Tool Acc over all rows"]) == 2 + 12 + 2
    table_1 = parsed.tables["Tool Acc and Param Acc, as the paper's Table 1, robust reader"]
    assert table_1[0][1:] == [[], ["chronological"]]


def test_other_files_in_the_reports_folder_stay(tmp_path):
    made = folders(tmp_path, scores())
    write_report(made, tmp_path)
    assert (made[0] / "scores.json").exists()
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "figures",
        "report.html",
        "report.json",
        "report.md",
        "run-0",
    ]


def test_what_score_returns_is_what_a_report_reads(tmp_path):
    tool = {"tool_name": "<A>.<B>.<C>", "required_parameters": [], "optional_parameters": []}
    rows = [
        {
            "id": f"u{number}/{setting}",
            "user_id": f"u{number}",
            "group_id": f"g{number}",
            "block_id": "",
            "category": "A",
            "history_length": 3,
            "instruction": "do it",
            "candidate_tools": [tool, {**tool, "tool_name": "<A>.<D>.<C>"}],
            "tool_call": {"tool_name": "<A>.<B>.<C>", "parameters": "{}"},
            "acceptable_tools": ["<A>.<B>.<C>"],
            "same_function_tools": ["<A>.<B>.<C>"],
        }
        for number in range(4)
        for setting in SETTINGS
    ]
    right = '{"tool_name": "<A>.<B>.<C>", "parameters": {}}'
    replies = [{"id": row["id"], "repeat": 0, "reply": right if row["id"] < "u2" else ""} for row in rows]
    manifest = {key: value for key, value in scores().items() if key in ("model", "dataset", "fingerprint", "split")}
    manifest |= {"setting": "all", "options": OPTIONS, "versions": {}, "usage": {}}
    (group,) = groups_of(tmp_path, manifest | score(rows, replies, rounds=20))
    assert rows_of(paper_tables.paper_metrics(group, "robust"))["openai:gpt-4o"][-2][:5] == "50.0 "
    assert rows_of(paper_tables.errors(group, "robust")[0])["openai:gpt-4o"][0][:5] == "50.0 "


def other_form(folder):
    (folder / "scores.json").write_text(json.dumps({"model": "m", "scores": {"all": {"robust": {"tool_acc": 0.5}}}}))


def no_metric(folder):
    result = scores()
    del result["scores"]["all"]["paper"]["TPM"]
    (folder / "scores.json").write_text(json.dumps(result))


def by_earlier_readers(folder):
    result = scores()
    del result["counts"]["all"]["how_read"]
    (folder / "scores.json").write_text(json.dumps(result))


def more_than_all(folder):
    (folder / "scores.json").write_text(json.dumps(with_tool_acc(scores(), 1.2)))


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda folder: None, "does not hold scores.json; run `petoolbench evaluate"),
        (lambda folder: (folder / "scores.json").write_text('{"model"'), "line 1: not valid JSON"),
        (lambda folder: (folder / "scores.json").write_text("[1]"), "input should be a valid dictionary"),
        (other_form, "not have the form of this version's scores (`dataset`: field required); run `petoolbench score"),
        (no_metric, "scores of all, paper reader: tpm are missing"),
        (by_earlier_readers, "`counts.all.how_read`: field required); run `petoolbench score"),
        (more_than_all, "`scores.all.robust.tool_acc.value`: input should be less than or equal to 1"),
    ],
    ids=["none", "half", "list", "old", "incomplete", "earlier readers", "impossible"],
)
def test_a_folder_without_todays_scores_is_one_sentence_for_the_user(tmp_path, spoil, message):
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "manifest.json").write_text("{}")
    spoil(tmp_path / "run")
    with pytest.raises(InputError) as caught:
        write_report([tmp_path / "run"], tmp_path / "out")
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "out").exists()


def test_no_folder_and_a_folder_that_cannot_be_written_are_errors(tmp_path):
    with pytest.raises(InputError, match="no evaluation there; name a folder"):
        write_report([], tmp_path / "out")
    (tmp_path / "file").write_text("mine")
    with pytest.raises(InputError, match="cannot be written"):
        write_report(folders(tmp_path, scores()), tmp_path / "file")
    assert (tmp_path / "file").read_text() == "mine"


def test_a_report_in_the_dataset_is_refused_before_anything_is_written(tmp_path):
    data = tmp_path / "data"
    data.mkdir()
    made = folders(tmp_path, scores(dataset=str(data)))
    with pytest.raises(InputError, match=r"data/report is in the dataset's folder .*; give another --out"):
        write_report(made, data / "report")
    assert not list(data.iterdir())


def test_folders_of_the_same_rows_must_agree_on_them(tmp_path):
    with pytest.raises(InputError, match="run-1 and run-0 have the same rows, but count them in different ways"):
        groups_of(tmp_path, scores(), scores(users=50))


def test_a_folder_named_twice_is_reported_once(tmp_path):
    made = folders(tmp_path, scores())
    assert len(read_scores([made[0], made[0]])) == 1


def test_folders_of_folders_are_searched_and_what_is_skipped_is_named(tmp_path):
    """As a shell gives `results/*` with an unfinished evaluation, a report and a folder of evaluations in it."""
    first, unfinished = folders(tmp_path / "results", scores(), scores("openai:mini"))
    folders(tmp_path / "results" / "others", scores("hf:x"), scores("hf:y"))
    (unfinished / "scores.json").unlink()
    (tmp_path / "results" / "report").mkdir()
    said: list[str] = []
    page = write_report(sorted((tmp_path / "results").iterdir()), tmp_path / "out", said.append)
    (group,) = json.loads((page.parent / "report.json").read_text())["groups"]
    assert {run["model"] for run in group["runs"]} == {"openai:gpt-4o", "hf:x", "hf:y"}
    assert said == [
        f"Skipped, since it does not hold an evaluation: {tmp_path}/results/report.",
        f"Skipped, since it does not hold scores.json (`petoolbench score FOLDER` writes it): {unfinished}.",
    ]
    with pytest.raises(InputError, match=r"run-1 does not hold scores\.json; run `petoolbench evaluate"):
        write_report([unfinished], tmp_path / "out")
    assert first.is_dir()


def test_each_setting_has_a_colour_of_its_own_also_a_further_one(monkeypatch):
    monkeypatch.setitem(SETTINGS, "another", SETTINGS["chronological"])
    colours = [setting_colour(setting) for setting in SETTINGS]
    assert colours[:3] == ["#0072B2", "#E69F00", "#009E73"]
    assert len(set(colours)) == 4


def test_without_matplotlib_the_message_says_what_to_install(tmp_path, monkeypatch):
    for module in ("dot_plots", "report_figures", "report_chapters"):
        monkeypatch.delitem(sys.modules, f"petoolkit.evaluator.report.{module}", raising=False)
    for module in [name for name in sys.modules if name.partition(".")[0] == "matplotlib"]:
        monkeypatch.delitem(sys.modules, module)
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(InputError, match=r"^a report's figures need the package matplotlib: pip install .*matplotlib"):
        write_report(folders(tmp_path, scores()), tmp_path / "out")


def test_what_all_runs_share_stands_once(tmp_path):
    (group,) = groups_of(tmp_path, scores(), scores("hf:x"))
    table = run_tables.what_was_run(group)
    assert [column.name for column in table.columns] == ["--model", "folder"]
    assert (
        "dataset: some-dataset (no revision, test split, all); rows' fingerprint: 0123456789abcdef" in table.notes[0]
    )
