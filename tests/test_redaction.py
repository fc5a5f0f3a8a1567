"""Personal things and secrets in logs: found, counted, and replaced the same everywhere in a user's rows."""

import json
from collections import Counter

import pytest
from logged import call, imported, write_lines
from petoolkit.builder.logs.past_calls import PastCall
from petoolkit.builder.logs.redaction import Redactor

from petoolbench import InputError
from petoolkit.publisher.findings import find

MAIL, OTHER_MAIL = "jane.roe@mailserver.org", "j.roe@work-place.net"
PHONE, BARE_PHONE = "+49 89 636 48018", "4915117824093"
KEY = "hf_" + "aB3dE5gH7jK9" * 3


def past(request: str, **parameters) -> PastCall:
    return PastCall(1, 0, request, json.dumps(parameters), None, None)


def redacted(*calls: PastCall, replaces: bool = True, patterns=()) -> Counter:
    counts: Counter[str] = Counter()
    Redactor(replaces, patterns, counts).redact(list(calls))
    return counts


def test_the_same_thing_has_one_placeholder_in_all_calls_of_a_user():
    first = past(f"Write to {MAIL} and call {PHONE}.", to=MAIL, cc=[OTHER_MAIL], note={"text": f"({PHONE})"})
    second = past(f"{OTHER_MAIL}, or {MAIL}?", to=OTHER_MAIL)
    counts = redacted(first, second)
    assert first.request == "Write to <email 1> and call <phone 1>."
    assert json.loads(first.parameters) == {"to": "<email 1>", "cc": ["<email 2>"], "note": {"text": "(<phone 1>)"}}
    assert (second.request, json.loads(second.parameters)) == ("<email 2>, or <email 1>?", {"to": "<email 2>"})
    assert counts == {
        "calls with e-mail addresses": 2,
        "different e-mail addresses": 2,
        "calls with telephone numbers": 1,
        "different telephone numbers": 1,
    }


def test_what_only_a_parameters_name_shows_is_replaced_in_the_request_too():
    one = past(f"Text {BARE_PHONE} that I am late; order 12345678901.", phone_number=BARE_PHONE, order=12345678901)
    redacted(one)
    assert one.request == "Text <phone 1> that I am late; order 12345678901."
    assert json.loads(one.parameters) == {"phone_number": "<phone 1>", "order": 12345678901}


def test_a_number_that_is_a_telephone_number_becomes_a_placeholder():
    one = past("Call me", phone=int(BARE_PHONE), days=3)
    redacted(one)
    assert json.loads(one.parameters) == {"phone": "<phone 1>", "days": 3}


def test_keys_are_replaced():
    one = past(f"Use {KEY}", token=KEY)
    redacted(one)
    assert (one.request, json.loads(one.parameters)) == ("Use <key 1>", {"token": "<key 1>"})


@pytest.mark.parametrize(
    ("text", "parameters"),
    [
        ("the bot's is xoxb-1234abcdZZ", {}),
        ("-----BEGIN PRIVATE KEY-----", {}),
        ("see https://me:secret1@host/x", {}),
        ("log in", {"password": "a1.b2.c3.d4.e5.f6"}),
        ("ring (212) 664-7665", {}),
        ("ring 011 44 20 7946 0123", {}),
        ("ring me", {"mobile": "21266476651"}),
    ],
)
def test_all_that_a_push_would_find_is_found(text, parameters):
    one = past(text, **parameters)
    assert sum(redacted(one).values()) == 2
    assert "<" in one.request + one.parameters


def test_a_longer_thing_is_not_cut_by_a_shorter_one_in_it():
    one = past(f"{MAIL} not mary-{MAIL} nor x{MAIL}")
    redacted(one)
    assert MAIL not in one.request and "jane" not in one.request


def test_nothing_is_found_in_what_was_replaced():
    one = past(f"{MAIL} {PHONE} {KEY} {OTHER_MAIL}", phone=BARE_PHONE, text=f"<{MAIL}>;{PHONE};{KEY}")
    redacted(one)
    assert list(find(one.request)) == list(find(one.parameters)) == []


def test_patterns_find_more():
    one, other = past("Contract C-1234 and C-99", id="C-1234"), past("Nothing here")
    counts = redacted(one, other, patterns=[r"C-\d+", "x*"])
    assert (one.request, json.loads(one.parameters)) == ("Contract <pattern 1> and <pattern 2>", {"id": "<pattern 1>"})
    assert other.request == "Nothing here"
    assert counts == {"calls with finds of the given patterns": 1, "different finds of the given patterns": 2}


def test_what_is_found_is_counted_but_stays_unless_asked_for():
    one = past(f"Write to {MAIL}", to=MAIL)
    assert redacted(one, replaces=False)["calls with e-mail addresses"] == 1
    assert one.request == f"Write to {MAIL}"


def test_dates_and_ids_are_not_touched():
    text = "Book 1234567890 on 2026-05-02 at 10:30, call 555 0100"
    one = past(text, order="12345678")
    assert redacted(one) == {} and one.request == text


def test_what_looks_like_an_example_in_a_document_is_somebodys_in_a_log():
    one = past("Write to name@example.com", phone="12345678")
    redacted(one)
    assert one.request == "Write to <email 1>"
    assert "<phone 1>" in one.parameters


def test_a_pattern_that_is_none_is_refused():
    with pytest.raises(InputError, match=r"--redact-pattern '\(' is not a regular expression"):
        Redactor(True, ["("], Counter())


CALLS = [
    call(user, time, "Alder.mail", request=f"Mail {address}", arguments={"about": address})
    for user, address in (("ann", MAIL), ("bob", OTHER_MAIL))
    for time in range(3)
]


def test_an_import_redacts_requests_and_arguments_alike(tmp_path, monkeypatch):
    made = imported(tmp_path, CALLS, monkeypatch, redact=True)
    for row in made.rows.values():
        assert {row["instruction"], *(one["instruction"] for one in row["history"])} == {"Mail <email 1>"}
        assert json.loads(row["tool_call"]["parameters"]) == {"about": "<email 1>"}
    assert made.report.record.counts["personal things and secrets"] == {
        "calls with e-mail addresses": 6,
        "different e-mail addresses": 2,
    }
    for file in made.folder.rglob("*"):
        assert file.is_dir() or MAIL.encode() not in file.read_bytes()


def test_an_import_that_does_not_redact_says_what_it_found(tmp_path, monkeypatch):
    made = imported(tmp_path, CALLS, monkeypatch)
    assert made.rows["ann/chronological"]["instruction"] == f"Mail {MAIL}"
    assert made.counts["calls with e-mail addresses"] == 6
    assert made.report.record.logs["redacted"] == "no"


def test_a_pattern_alone_redacts_all(tmp_path, monkeypatch):
    made = imported(tmp_path, CALLS, monkeypatch, redact_patterns=("Mail",))
    assert made.rows["ann/chronological"]["instruction"] == "<pattern 1> <email 1>"


def test_only_calls_that_stand_in_rows_are_searched(tmp_path, monkeypatch):
    lone = write_lines(tmp_path / "lone.jsonl", [*CALLS, call("cid", 1, "Alder.mail", request=f"To {MAIL}")])
    made = imported(tmp_path, (lone,), monkeypatch)
    assert made.counts["calls with e-mail addresses"] == 6
