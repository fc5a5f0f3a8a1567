"""Logs of real calls become rows: what is asked, the histories, candidates, splits, and what is left out."""

import json
import re

import pytest
from conftest import ROOT
from fakes import WordEncoder
from logged import FUNCTIONS, PROVIDERS, call, catalogue_rows, full, imported, write_catalogue, write_lines
from petoolkit.builder.dataset_folder import check_replaceable
from petoolkit.builder.logs import logs_import
from petoolkit.builder.logs.user_names import SALT
from test_cli import run

import petoolbench
from petoolbench import InputError
from petoolkit.audit_record import read_audit
from petoolkit.dataset_record import read_dataset_record

RATED = [
    call("ann", 3, "Birch.mail", 1),
    call("ann", 1, "Alder.weather", 0),
    call("ann", 2, "Birch.weather", 1),
    call("ann", 5, "Birch.notes", 1),
    call("ann", 4, "Cedar.trains"),
]


def test_the_last_call_is_asked_and_the_earlier_ones_are_the_history_in_time_order(tmp_path, monkeypatch):
    made = imported(tmp_path, RATED, monkeypatch)
    assert sorted(made.rows) == ["ann/chronological", "ann/preferred_only", "ann/rating_integrated"]
    unrated = [("Birch.weather", None), ("Birch.mail", None), ("Cedar.trains", None)]
    assert made.past("ann/preferred_only") == unrated
    assert made.past("ann/rating_integrated") == [("Alder.weather", 0), ("Birch.weather", 1), ("Birch.mail", 1)]
    assert made.past("ann/chronological") == [("Alder.weather", None), *unrated]
    row = made.rows["ann/rating_integrated"]
    assert (row["instruction"], row["kind"], row["block_id"], row["taste"]) == (
        "Request 5 of ann",
        "preference",
        "",
        "",
    )
    assert row["tool_call"] == {"tool_name": full("Birch.notes"), "parameters": '{"about": "ann 5"}'}
    assert row["acceptable_tools"] == [full("Birch.notes")] and row["category"] == "Office"
    first = row["history"][0]
    assert (first["instruction"], first["parameters"]) == ("Request 1 of ann", '{"about": "ann 1"}')
    assert first["provider_description"] == "A service for everyday work. Costs nothing at all."


def test_candidates_are_tools_of_the_same_function_of_all_providers_and_others(tmp_path, monkeypatch):
    made = imported(tmp_path, RATED, monkeypatch)
    row = made.rows["ann/preferred_only"]
    names = [tool["tool_name"] for tool in row["candidate_tools"]]
    assert len(names) == 10
    assert sorted(row["same_function_tools"]) == sorted(full(f"{provider}.notes") for provider in PROVIDERS)
    assert row["group_id"] == "g00003"  # of the first tool of this function, Alder.notes
    assert all(made.rows[f"ann/{name}"]["candidate_tools"] == row["candidate_tools"] for name in petoolbench.SETTINGS)
    parameters = row["candidate_tools"][0]["optional_parameters"][0]
    assert (parameters["name"], parameters["type"]) == ("days", "NUMBER")


def test_which_tools_stand_beside_the_gold_one_does_not_tell_which_it_is(tmp_path, monkeypatch):
    calls = [one for user in PROVIDERS for one in (call(user, 1, "Alder.mail"), call(user, 2, f"{user}.weather"))]
    made = imported(tmp_path, calls, monkeypatch)
    same = [set(made.rows[f"{user}/chronological"]["same_function_tools"]) for user in PROVIDERS]
    assert same[0] == same[1] == same[2] and len(same[0]) == 3


def test_of_a_providers_two_tools_that_do_one_job_a_candidate_list_holds_one(tmp_path, monkeypatch):
    extra = {
        **catalogue_rows()[0],
        "api": "weather_daily",
        "api_description": "Get the weather forecast of a city today",
    }
    catalogue = write_catalogue(tmp_path, [*catalogue_rows(), extra])
    made = imported(
        tmp_path, [call("a", 1, "Birch.mail"), call("a", 2, "Alder.weather_daily")], monkeypatch, catalogue=catalogue
    )
    names = [full("Alder.weather_daily"), full("Birch.weather"), full("Cedar.weather")]
    assert sorted(made.rows["a/chronological"]["same_function_tools"]) == sorted(names)


def test_what_was_offered_is_what_can_be_chosen(tmp_path, monkeypatch):
    offered = ["Birch.notes", "mcp__Alder__notes", "weather of Mars", "Cedar/mail"]
    calls = [call("ann", 1, "Alder.mail"), call("ann", 2, "Birch.notes", offered=offered)]
    calls += [call("bob", 1, "Alder.mail"), call("bob", 2, "Birch.notes", offered=["Alder.notes", "Cedar.notes"])]
    calls += [call("cid", 1, "Alder.mail"), call("cid", 2, "Birch.notes", offered=["Birch.notes"])]
    made = imported(tmp_path, calls, monkeypatch)
    assert sorted(made.rows) == ["ann/chronological", "ann/preferred_only"]
    row = made.rows["ann/chronological"]
    names = sorted(tool["tool_name"] for tool in row["candidate_tools"])
    assert names == sorted(map(full, ("Birch.notes", "Alder.notes", "Cedar.mail")))
    assert sorted(row["same_function_tools"]) == [full("Alder.notes"), full("Birch.notes")]
    assert made.counts["offered tools that no candidate can be made of (different offers)"] == 1
    assert made.counts["not asked: the called tool is not among the offered ones"] == 1
    assert made.counts["not asked: no other tool was offered"] == 1


def test_several_last_calls_are_asked_each_with_what_came_before_it(tmp_path, monkeypatch):
    made = imported(tmp_path, RATED, monkeypatch, holdout=3)
    assert {row_id.partition("/")[0] for row_id in made.rows} == {"ann", "ann-2", "ann-3"}
    assert made.past("ann-3/chronological") == [("Alder.weather", None), ("Birch.weather", None)]
    assert made.past("ann-2/chronological") == [*made.past("ann-3/chronological"), ("Birch.mail", None)]
    assert made.rows["ann-2/chronological"]["tool_call"]["tool_name"] == full("Cedar.trains")
    assert made.past("ann-2/rating_integrated")[-1] == ("Birch.mail", 1)


def test_a_user_whose_name_ends_in_a_number_is_not_taken_for_another(tmp_path, monkeypatch):
    calls = [call(user, time, "Alder.mail") for user in ("ann", "ann-2") for time in range(4)]
    made = imported(tmp_path, calls, monkeypatch, holdout=2)
    assert {row_id.partition("/")[0] for row_id in made.rows} == {"ann", "ann--2", "ann-2", "ann-2--2"}


def test_a_long_history_keeps_the_newest_calls(tmp_path, monkeypatch):
    made = imported(tmp_path, RATED, monkeypatch, most_history=2)
    assert made.past("ann/chronological") == [("Birch.mail", None), ("Cedar.trains", None)]
    assert made.past("ann/rating_integrated") == [("Birch.weather", 1), ("Birch.mail", 1)]
    assert made.counts["histories cut to the newest 2 calls"] == 3


def test_a_log_without_times_keeps_its_order_and_has_no_chronological_rows(tmp_path, monkeypatch):
    calls = [{key: value for key, value in one.items() if key != "time"} for one in RATED]
    made = imported(tmp_path, calls, monkeypatch)
    assert sorted(made.rows) == ["ann/preferred_only", "ann/rating_integrated"]
    assert made.rows["ann/preferred_only"]["tool_call"]["tool_name"] == full("Cedar.trains")
    assert [tool for tool, _ in made.past("ann/preferred_only")] == ["Birch.mail", "Birch.weather", "Birch.notes"]
    assert "no times" in made.report.record.logs["order"]


def test_calls_at_one_time_keep_the_logs_order(tmp_path, monkeypatch):
    calls = [call("ann", 7, f"Alder.{function}") for function in FUNCTIONS]
    made = imported(tmp_path, calls, monkeypatch)
    assert [tool for tool, _ in made.past("ann/chronological")] == ["Alder.weather", "Alder.mail", "Alder.trains"]


def test_stars_are_read_by_their_scale(tmp_path, monkeypatch):
    calls = [call("ann", time, "Alder.mail", stars) for time, stars in enumerate((5, 4, 3, 2, 1, "5"))]
    made = imported(tmp_path, calls, monkeypatch)
    assert [rating for _, rating in made.past("ann/rating_integrated")] == [1, 1, 0, 0]
    assert made.counts["taken as not rated: neither for nor against, by the ratings' scale"] == 1
    assert len(made.past("ann/preferred_only")) == 3  # three stars are neither liked nor disliked
    assert made.report.record.logs["ratings"].startswith("stars: 4")


def test_a_scale_that_is_not_known_is_no_rating(tmp_path, monkeypatch):
    calls = [call("ann", time, "Alder.mail", rating) for time, rating in enumerate((10, 80, 1, "up", None))]
    made = imported(tmp_path, calls, monkeypatch)
    assert made.past("ann/rating_integrated") == [("Alder.mail", 1)]  # the one that is not a number
    assert made.counts["taken as not rated: neither for nor against, by the ratings' scale"] == 3
    assert made.report.record.logs["ratings"].startswith("numbers up to 80")


def deep(levels: int) -> list:
    return [deep(levels - 1)] if levels else []


def test_strange_arguments_are_kept_or_counted_and_never_break_the_import(tmp_path, monkeypatch):
    strange = [10**400, -0.0, "x" * 100_000, "\ud800", {"": {"a\u2028b": None}}, deep(50), deep(70), deep(900)]
    calls = [call("ann", time, "Alder.mail", arguments={"about": "x", "more": v}) for time, v in enumerate(strange)]
    calls.append(call("ann", 50, "Alder.mail", arguments={"about": "x", "days": 10**400}))
    made = imported(tmp_path, [*calls, call("ann", 99, "Alder.mail")], monkeypatch, redact=True)
    assert len(made.past("ann/chronological")) == 7
    assert made.counts["left out: arguments are nested too deeply"] == 2


@pytest.mark.parametrize("rating", ["up", "thumbs-down", True, False, 0, "1", -1])
def test_ratings_of_two_values_are_read(rating, tmp_path, monkeypatch):
    made = imported(tmp_path, [call("ann", 1, "Alder.mail", rating), call("ann", 2, "Alder.mail")], monkeypatch)
    assert made.past("ann/rating_integrated") == [("Alder.mail", int(rating in ("up", True, "1")))]


def test_what_cannot_be_used_is_counted_with_its_reason(tmp_path, monkeypatch):
    calls = [
        *RATED,
        RATED[0],  # the same event once more
        call("ann", 6, "Acme.mail"),
        call("ann", 6, "mail"),  # three providers have it
        call("ann", 6, "Alder.mail", arguments={"days": 2}),
        call("ann", 6, "Alder.mail", arguments={"about": "x", "days": "two"}),
        call("ann", 6, "Alder.mail", arguments=["x"]),
        call("ann", 6, "Alder.mail", arguments="{"),
        call("ann", 6, "Alder.mail", request=" "),
        call("ann", 6, "", 1),
        call("", 6, "Alder.mail"),
        call("ann", "yesterday", "Alder.mail"),
        call("ann", None, "Alder.mail"),
        call("ann", 0, "Alder.mail", rating="so-so"),
        call("bob", 1, "Alder.mail"),
        call("cid", 1, "Alder.mail"),
        call("cid", 2, "Alder.mail", 0),
    ]
    made = imported(tmp_path, calls, monkeypatch)
    log, rows = made.report.record.counts["log"], made.report.record.counts["rows"]
    assert log == {
        "read": 16,  # of these, what was not left out before
        "left out: the tool is unknown in the catalogue": 1,
        "left out: the tool is ambiguous in the catalogue": 1,
        "left out: a required parameter is missing": 1,
        "left out: a parameter has another type": 1,
        "left out: arguments are not an object": 1,
        "left out: arguments are not JSON": 1,
        "left out: no request": 1,
        "left out: no tool": 1,
        "left out: no user": 1,
        "left out: the time cannot be read": 1,
        "left out: no time": 1,
        "left out: repeated event": 1,
        "taken as not rated: the rating cannot be read": 1,
    }
    assert rows["users left out: fewer than two usable calls"] == 1
    assert rows["not asked: the call was disliked"] == 1
    assert {row_id.partition("/")[0] for row_id in made.rows} == {"ann"}
    assert made.past("ann/chronological")[0] == ("Alder.mail", None)  # whose rating could not be read
    assert dict(made.report.unknown) == {"Acme.mail": 1, "mail": 1}


def test_tools_that_cleaning_leaves_out_stay_in_histories_but_are_not_asked(tmp_path, monkeypatch):
    old = {**catalogue_rows()[0], "api": "weather_old", "api_description": "Deprecated: get the weather of a city."}
    catalogue = write_catalogue(tmp_path, [*catalogue_rows(), old])
    calls = [call("ann", 1, "Alder.weather_old", 1), call("ann", 2, "Birch.mail"), call("ann", 3, "Alder.weather_old")]
    made = imported(tmp_path, calls, monkeypatch, catalogue=catalogue, holdout=2)
    assert sorted(made.rows) == ["ann-2/chronological", "ann-2/preferred_only", "ann-2/rating_integrated"]
    row = made.rows["ann-2/chronological"]
    assert row["history"][0]["tool_name"] == full("Alder.weather_old")
    assert row["history"][0]["provider_description"] == "A service for everyday work. Costs nothing at all."
    assert full("Alder.weather_old") not in [tool["tool_name"] for tool in row["candidate_tools"]]
    assert made.counts["not asked: cleaning the catalogue left the called tool out"] == 1


MANY = [
    call(f"u{user}", 10 * time + user, f"Alder.{name}") for user in range(20) for time, name in enumerate(FUNCTIONS)
]


def test_a_split_by_user_keeps_all_rows_of_a_user_together(tmp_path, monkeypatch):
    made = imported(tmp_path, MANY, monkeypatch, holdout=2, test_share=0.25)
    splits: dict[str, set[str]] = {}
    for row_id, split in made.split_of.items():
        splits.setdefault(row_id.partition("/")[0].partition("-")[0], set()).add(split)
    assert all(len(found) == 1 for found in splits.values())
    assert sum(found == {"test"} for found in splits.values()) == 5
    assert made.report.record.split == "user"
    other = imported(tmp_path, MANY, monkeypatch, "other", holdout=2, test_share=0.25, seed=1)
    assert other.split_of != made.split_of


def test_a_split_by_time_asks_the_latest_calls_in_the_test_split(tmp_path, monkeypatch):
    made = imported(tmp_path, MANY, monkeypatch, split="time", holdout=2, test_share=0.25)

    def time_of(row_id: str) -> int:
        return int(made.rows[row_id]["instruction"].split()[1])

    ids = [row_id for row_id in made.rows if row_id.endswith("/chronological")]
    test = [time_of(row_id) for row_id in ids if made.split_of[row_id] == "test"]
    train = [time_of(row_id) for row_id in ids if made.split_of[row_id] == "train"]
    assert len(test) == 10 and len(train) == 30 and min(test) > max(train)
    assert made.report.record.split == "time"
    for row in made.rows.values():
        asked = int(row["instruction"].split()[1])
        assert all(int(past["instruction"].split()[1]) < asked for past in row["history"])
    without = [{key: value for key, value in one.items() if key != "time"} for one in MANY]
    with pytest.raises(InputError, match="--split time needs times"):
        imported(tmp_path, without, monkeypatch, split="time", name="other")


def test_one_user_is_a_test_split(tmp_path, monkeypatch):
    made = imported(tmp_path, RATED, monkeypatch)
    assert set(made.split_of.values()) == {"test"}
    assert any("no training split" in note for note in made.report.audit.notes)


def test_the_same_salt_and_seed_give_the_same_rows(tmp_path, monkeypatch):
    monkeypatch.setenv(SALT, "between us")
    first = imported(tmp_path, MANY, monkeypatch, "a", keep_user_names=False)
    again = imported(tmp_path, MANY, monkeypatch, "b", keep_user_names=False)
    assert first.rows == again.rows and first.split_of == again.split_of
    files = [sorted(one.folder.glob("data/*/*.parquet")) for one in (first, again)]
    assert [file.read_bytes() for file in files[0]] == [file.read_bytes() for file in files[1]]
    monkeypatch.setenv(SALT, "another")
    assert not imported(tmp_path, MANY, monkeypatch, "c", keep_user_names=False).rows.keys() & first.rows.keys()


def test_names_of_users_are_hashed_with_a_salt_that_nobody_has(tmp_path, monkeypatch):
    monkeypatch.delenv(SALT, raising=False)
    calls = [call("ann@example.org", time, "Alder.mail", request="Hello") for time in range(3)]
    first = imported(tmp_path, calls, monkeypatch, "a", keep_user_names=False)
    again = imported(tmp_path, calls, monkeypatch, "b", keep_user_names=False)
    assert first.rows.keys() != again.rows.keys()
    assert all(row_id.startswith("u") and len(row_id.partition("/")[0]) == 17 for row_id in first.rows)
    for file in first.folder.rglob("*"):
        if file.is_file() and file.suffix != ".parquet":
            assert "ann@" not in file.read_text()
    assert first.report.record.logs["user names"] == "salted hashes"


def test_record_card_and_audit_say_that_it_is_of_logs(tmp_path, monkeypatch):
    made = imported(tmp_path, MANY, monkeypatch)
    record = read_dataset_record(str(made.folder))
    assert (record.origin, record.recipe) == ("logs", None)
    card = (made.folder / "README.md").read_text()
    assert "logs of real calls" in card and "simulated" not in card and "| rows | test rows | 10 |" in card
    assert "## Audit" in card and "provider-vote" in card
    assert read_audit(made.folder) == made.report.audit
    assert check_replaceable(made.folder, "logs").startswith("an import of logs")
    with pytest.raises(InputError, match="which a build would replace"):
        check_replaceable(made.folder, "build")


def test_an_import_without_rivals_is_written_and_says_why_it_has_no_audit(tmp_path, monkeypatch):
    catalogue = write_catalogue(tmp_path, [row for row in catalogue_rows() if row["tool"] == "Alder"])
    made = imported(tmp_path, [RATED[1], call("ann", 9, "Alder.notes")], monkeypatch, catalogue=catalogue)
    assert made.report.audit is None and "no row" in made.report.why_no_audit
    assert made.counts["asked: no candidate beside the called tool does its job"] == 1


@pytest.mark.parametrize(
    ("calls", "message"),
    [
        ([call("ann", 1, "Alder.mail")], "no call of 1 user can be asked: fewer than two usable calls"),
        (
            [call("a", 1, "send", arguments={}), call("a", 2, "look")],
            "the log has names such as 'send', 'look', the catalogue '<Office>",
        ),
        ([call("ann", 1, "Alder.mail"), call("ann", 2, "Alder.mail", 0)], "the call was disliked \\(1\\)"),
    ],
)
def test_a_log_of_which_nothing_can_be_asked_is_refused_with_the_reason(calls, message, tmp_path, monkeypatch):
    with pytest.raises(InputError, match=message):
        imported(tmp_path, calls, monkeypatch)
    assert not (tmp_path / "dataset").exists()


def test_a_failed_import_leaves_the_dataset_that_stood_there(tmp_path, monkeypatch):
    made = imported(tmp_path, MANY, monkeypatch)
    with pytest.raises(InputError):
        imported(tmp_path, [call("ann", 1, "Alder.mail")], monkeypatch)
    assert {file.name for file in made.folder.iterdir()} == {"README.md", "data", "dataset_record.json", "audit.json"}


def test_the_audit_of_very_many_rows_is_of_drawn_users(tmp_path, monkeypatch):
    from petoolkit.builder.logs import audit_sample

    monkeypatch.setattr(audit_sample, "_MOST_ROWS", 60)
    calls = [call(f"u{user}", time, f"Alder.{name}") for user in range(100) for time, name in enumerate(FUNCTIONS)]
    made = imported(tmp_path, calls, monkeypatch)
    audit = made.report.audit
    assert 2 < audit.users < 25
    assert audit.row_numbers["chronological"] == {"test": 25, "train": 75}
    assert audit.notes[0].startswith("Audited: the rows of 20.0 % of the users")
    assert json.loads((made.folder / "audit.json").read_text())["notes"] == audit.notes


# The command


def test_the_command_shows_what_was_read_left_out_and_written(tmp_path, monkeypatch):
    monkeypatch.setattr(logs_import, "make_encoder", lambda model, endpoint: WordEncoder())
    log = write_lines(
        tmp_path / "calls.jsonl", [*MANY, call("u1", 500, "Acme.mail"), call("u1", 501, "Alder.mail", 0)]
    )
    shown = run("import", "logs", log, "--catalogue", write_catalogue(tmp_path), "--dataset", tmp_path / "out")
    assert shown.exit_code == 0, shown.output
    assert f"{log}: read as a table, user = user, time = time" in shown.output.replace("\n", " ")
    for line in (
        r"log +read +82",
        r"left out: the tool is unknown in the catalogue +1",
        r"rows +not asked: the call was disliked +1",
        r"Not found in the catalogue, for example: 'Acme.mail' \(1 call\)",
        r"provider-vote",
        r"No gate ends an import of them",
        r"Wrote 38 rows of 19 calls of 19 users to .*/out/",
    ):
        assert re.search(line, shown.output), line


def test_the_command_names_what_is_missing(tmp_path):
    assert "Missing option '--catalogue'" in run("import", "logs", tmp_path / "calls.jsonl").output
    assert "Missing argument 'FILE...'" in run("import", "logs", "--catalogue", "embedded").output
    shown = run("import", "logs", tmp_path, "--catalogue", "embedded", "--columns", "who=x")
    assert (shown.exit_code, "unknown field in --columns 'who'" in shown.output) == (2, True)


def test_released_files_are_imported_with_or_without_the_commands_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # the checkout may hold a benchmark
    for words in (["import", "released"], ["import"], ["import", "--dataset", tmp_path / "out"]):
        shown = run(*words, tmp_path / "no.json")
        assert (shown.exit_code, "no.json does not exist" in shown.output) == (2, True), shown.output
    assert "Usage: main import [OPTIONS] COMMAND" in run("import", "--help").output
    assert run("import").exit_code == 2


EXAMPLES = ROOT / "examples" / "your_own_tools"


def test_the_examples_that_ship_are_imported_whole(tmp_path):
    log, servers = EXAMPLES / "calls.jsonl", EXAMPLES / "mail_servers.json"
    shown = run("import", "logs", log, "--catalogue", servers, "--dataset", tmp_path / "out", "--redact")
    assert shown.exit_code == 0, shown.output
    record = read_dataset_record(str(tmp_path / "out"))
    assert record.counts["log"] == {
        "read": 138,
        "left out: the tool is unknown in the catalogue": 1,
        "left out: a required parameter is missing": 1,
        "left out: repeated event": 1,
    }
    assert record.counts["rows"] == {"test rows": 9, "train rows": 27}
    assert record.statistics["same-function candidates (rows)"] == {"3": 36}
    assert record.counts["personal things and secrets"]["calls with telephone numbers"] == 1
