"""Logs in all forms are read to the same calls; files and columns that cannot be read are named."""

import datetime
import gzip
import json
from collections import Counter

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from logged import call, full, imported, write_lines
from petoolkit.builder.logs.log_call import LogSource
from petoolkit.builder.logs.log_columns import choose_columns, parse_columns
from petoolkit.builder.logs.log_files import FORMS, read_log
from petoolkit.builder.logs.log_values import read_time, read_tools
from petoolkit.builder.logs.tool_lookup import ToolLookup

from petoolbench import InputError

CALLS = [call("ann", 1, "Alder.mail", 1), call("bob", 2, "Birch.notes", 0, offered=["Birch.notes", "Cedar.notes"])]


def read(path, **columns):
    """Form and calls of a file, and what was counted."""
    source = LogSource(path, columns)
    form, calls = read_log(source)
    return form.name, list(calls), source


def facts(calls) -> list[tuple]:
    return [(c.user, c.time, c.request, c.tool, c.arguments, c.rating, c.offered) for c in calls]


SECOND = 10**9
EXPECTED = [
    ("ann", SECOND, "Request 1 of ann", "Alder.mail", {"about": "ann 1"}, 1, None),
    ("bob", 2 * SECOND, "Request 2 of bob", "Birch.notes", {"about": "bob 2"}, 0, ("Birch.notes", "Cedar.notes")),
]


def as_csv(delimiter: str) -> str:
    def cell(value) -> str:
        text = json.dumps(value) if isinstance(value, dict | list) else "" if value is None else str(value)
        return '"' + text.replace('"', '""') + '"'

    names = ["user", "time", "request", "tool", "arguments", "rating", "offered"]
    return "\r\n".join([delimiter.join(names), *(delimiter.join(cell(one.get(n)) for n in names) for one in CALLS)])


def test_json_lines_lists_and_objects_are_tables(tmp_path):
    assert facts(read(write_lines(tmp_path / "a.log", CALLS))[1]) == EXPECTED
    (tmp_path / "list.json").write_text(json.dumps(CALLS, indent=1))
    assert facts(read(tmp_path / "list.json")[1]) == EXPECTED
    (tmp_path / "one.json").write_text(json.dumps(CALLS[0], indent=1))
    assert facts(read(tmp_path / "one.json")[1]) == EXPECTED[:1]
    with gzip.open(tmp_path / "a.jsonl.gz", "wt") as file:
        file.write("\n".join(map(json.dumps, CALLS)))
    assert facts(read(tmp_path / "a.jsonl.gz")[1]) == EXPECTED


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_csv_is_read_with_any_delimiter_and_with_a_byte_order_mark(delimiter, mark, tmp_path):
    path = tmp_path / "calls.csv"
    path.write_text(mark + as_csv(delimiter) + "\r\nshort", encoding="utf-8", newline="")
    form, calls, source = read(path)
    assert form == "a table" and facts(calls) == EXPECTED
    assert source.counts == {"left out: a line has more or fewer values than there are columns": 1}


def test_a_value_of_csv_may_hold_line_ends(tmp_path):
    path = tmp_path / "calls.csv"
    path.write_text('user,tool,request,arguments\nann,Alder.mail,"first line\nsecond; line",{}\n')
    assert [one.request for one in read(path)[1]] == ["first line\nsecond; line"]


@pytest.mark.parametrize("arguments", ["text", "structure"])
def test_parquet_is_read(arguments, tmp_path):
    moments = [datetime.datetime.fromtimestamp(one["time"], datetime.UTC) for one in CALLS]
    table = pa.table(
        {
            "user": [one["user"] for one in CALLS],
            "time": pa.array(moments, pa.timestamp("ns", "UTC")),
            "request": [one["request"] for one in CALLS],
            "tool": [one["tool"] for one in CALLS],
            "arguments": [json.dumps(one["arguments"]) if arguments == "text" else one["arguments"] for one in CALLS],
            "rating": pa.array([one.get("rating") for one in CALLS], pa.int8()),
            "offered": [one.get("offered") for one in CALLS],
        }
    )
    pq.write_table(table, tmp_path / "calls.dat")
    form, calls, _ = read(tmp_path / "calls.dat")
    assert form == "a table" and facts(calls) == EXPECTED


def called(name: str, arguments) -> dict:
    return {"type": "function", "function": {"name": name, "arguments": json.dumps(arguments)}}


CHATS = [
    {
        "user": "ann",
        "messages": [
            {"role": "system", "content": "Help."},
            {"role": "user", "content": "Hello"},
            {"role": "assistant", "content": "Hello!"},
            {"role": "user", "content": [{"type": "text", "text": "Request 1 of ann"}]},
            {
                "role": "assistant",
                "tool_calls": [called("Alder.mail", {"about": "ann 1"})],
                "timestamp": 1,
                "rating": 1,
            },
            {"role": "tool", "content": "sent"},
        ],
    },
    {
        "metadata": {"user_id": "not asked: `user` is taken first", "user": "bob"},
        "feedback": "not asked either: `rating` is taken",
        "rating": "down",
        "tools": [{"type": "function", "function": {"name": name}} for name in ("Birch.notes", "Cedar.notes")],
        "messages": [
            {"role": "user", "content": "Request 2 of bob"},
            {
                "role": "assistant",
                "function_call": {"name": "Birch.notes", "arguments": '{"about": "bob 2"}'},
                "timestamp": 2,
            },
        ],
    },
    {"user": "cid", "messages": [{"role": "assistant", "tool_calls": [called("Alder.mail", {})]}]},
    {"user": "dan", "messages": "none"},
]


def test_chat_transcripts_are_read(tmp_path):
    form, calls, source = read(write_lines(tmp_path / "chats.jsonl", CHATS))
    assert form == "chat transcripts"
    assert facts(calls) == EXPECTED
    assert source.counts == {"left out: no request": 1, "left out: an entry has no messages": 1}
    assert source.taken["user"] == "user" and source.taken["offered"] == "tools"


def test_parallel_calls_of_a_message_have_one_request(tmp_path):
    messages = [
        {"role": "user", "content": "Both"},
        {"role": "assistant", "tool_calls": [called("Alder.mail", {}), called("Alder.notes", {})]},
    ]
    path = write_lines(tmp_path / "chats.jsonl", [{"who": "ann", "messages": messages}] * 2)
    with pytest.raises(InputError, match="no column is known to hold the user; there are 'who'"):
        read(path)
    _, calls, _ = read(path, user="who")
    assert [(one.request, one.tool) for one in calls] == [("Both", "Alder.mail"), ("Both", "Alder.notes")] * 2


def test_a_conversation_that_is_logged_with_every_turn_gives_each_call_once(tmp_path):
    first = [
        {"role": "user", "content": "One"},
        {"role": "assistant", "tool_calls": [{**called("a", {}), "id": "c1"}]},
    ]
    second = [
        {"role": "user", "content": "Two"},
        {"role": "assistant", "tool_calls": [{**called("b", {}), "id": "c2"}]},
    ]
    turns = [
        {"user": "ann", "created": 1, "messages": first},
        {"user": "ann", "created": 2, "messages": first + second},
    ]
    _, calls, source = read(write_lines(tmp_path / "chats.jsonl", turns))
    assert [(one.request, one.tool, one.time) for one in calls] == [("One", "a", SECOND), ("Two", "b", 2 * SECOND)]
    assert source.counts == {"left out: repeated event": 1}
    _, calls, _ = read(write_lines(tmp_path / "chats.jsonl", [*turns, {**turns[0], "user": "bob"}]))
    assert [one.user for one in calls] == ["ann", "ann", "bob"]


def attributes(**values) -> list[dict]:
    kinds = {str: "stringValue", int: "intValue"}
    return [{"key": key.replace("__", "."), "value": {kinds[type(one)]: one}} for key, one in values.items()]


def span(number: int, parent: int | None, start: int, **values) -> dict:
    made = {
        "traceId": "t",
        "spanId": f"s{number}",
        "startTimeUnixNano": str(start),
        "attributes": attributes(**values),
    }
    return {**made, **({} if parent is None else {"parentSpanId": f"s{parent}"})}


def asked(text: str) -> str:
    return json.dumps(
        [
            {"role": "user", "parts": [{"type": "text", "content": text}]},
            {"role": "assistant", "parts": [{"type": "text", "content": "Wait."}]},
        ]
    )


def exported(*spans, **of_resource) -> dict:
    resource = {"attributes": attributes(**of_resource)}
    return {"resourceSpans": [{"resource": resource, "scopeSpans": [{"spans": list(spans)}]}]}


def tool_span(number: int, parent: int, start: int, name: str, arguments: dict, **values) -> dict:
    named = {"gen_ai__tool__name": name, "gen_ai__tool__call__arguments": json.dumps(arguments)}
    return span(number, parent, start, gen_ai__operation__name="execute_tool", **named, **values)


def test_spans_of_opentelemetry_are_read(tmp_path):
    tools = json.dumps([{"type": "function", "name": "Birch.notes"}, {"type": "function", "name": "Cedar.notes"}])
    spans = [
        span(1, None, 1, gen_ai__operation__name="invoke_agent", enduser__id="ann"),
        span(2, 1, 2, gen_ai__operation__name="chat", gen_ai__input__messages=asked("Request 1 of ann")),
        tool_span(3, 1, SECOND, "Alder.mail", {"about": "ann 1"}),
        span(4, 1, 2 * SECOND, gen_ai__operation__name="chat", gen_ai__input__messages=asked("Later")),
    ]
    other = [
        span(11, None, 1, gen_ai__operation__name="chat", gen_ai__input__messages=asked("Request 2 of bob"))
        | {"traceId": "t2"},
        tool_span(12, 11, 2 * SECOND, "Birch.notes", {"about": "bob 2"}, gen_ai__conversation__id="bob")
        | {"traceId": "t2"},
    ]
    other[1]["attributes"] += attributes(gen_ai__tool__definitions=tools)
    path = write_lines(tmp_path / "spans.jsonl", [exported(*spans), exported(*other, service__name="x")])
    form, calls, source = read(path)
    assert form == "OpenTelemetry spans"
    expected = [(*EXPECTED[0][:5], None, None), (*EXPECTED[1][:5], None, EXPECTED[1][6])]
    assert facts(calls) == expected
    assert source.counts == {"taken: the conversation stands for the user, who is not named": 1}
    (tmp_path / "spans.json").write_text(json.dumps(exported(*spans, *other), indent=1))
    assert facts(read(tmp_path / "spans.json")[1]) == expected
    with pytest.raises(InputError, match="--columns gives user=who, which no span has"):
        read(path, user="who")


def test_a_span_without_a_request_is_counted(tmp_path):
    spans = [tool_span(3, 1, SECOND, "Alder.mail", {}, user__id="ann")]
    _, calls, source = read(write_lines(tmp_path / "spans.jsonl", [exported(*spans)]))
    assert not calls and source.counts == {"left out: no request": 1}


def test_every_form_says_what_it_is():
    assert len({form.name for form in FORMS}) == len(FORMS) and all(form.form for form in FORMS)


# Columns


def test_columns_are_guessed_by_common_names_in_any_case():
    names = ["User ID", "created_at", "Query", "function", "args", "Thumbs"]
    chosen = choose_columns(names, {}, ("user",))
    assert chosen == dict(zip(("user", "time", "request", "tool", "arguments", "rating"), names, strict=True))


def test_a_given_column_is_taken_and_not_guessed_for_another_field():
    assert choose_columns(["user", "account_id"], {"request": "user"}, ()) == {"request": "user", "user": "account_id"}


def test_columns_are_read():
    assert parse_columns(["user=who, tool = called tool", "time=t"]) == {
        "user": "who",
        "tool": "called tool",
        "time": "t",
    }


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("user", "'user' is not FIELD=COLUMN"),
        ("users=a", "unknown field in --columns 'users'; choose one of: user, time"),
        ("user=a,user=b", "gives user twice"),
    ],
)
def test_columns_of_another_form_are_refused(text, message):
    with pytest.raises(InputError, match=message):
        parse_columns([text])


def test_a_column_that_is_not_there_is_refused_with_those_that_are(tmp_path):
    path = write_lines(tmp_path / "calls.jsonl", CALLS)
    with pytest.raises(InputError, match="--columns gives user=who, which is not there; there are 'user', 'time'"):
        read(path, user="who")
    path = write_lines(tmp_path / "calls.jsonl", [{"who": "ann", "what": "x", "arguments": {}}])
    with pytest.raises(
        InputError, match=r"the user, the request and the tool; there are 'who', 'what'.*--columns user="
    ):
        read(path)


# Values


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        (0, 0),
        (1_750_000_000, 1_750_000_000),
        ("1750000000", 1_750_000_000),
        (1_750_000_000.25, 1_750_000_000.25),
        (1_750_000_000_250, 1_750_000_000.25),
        (1_750_000_000_250_000, 1_750_000_000.25),
        ("1750000000250000000", 1_750_000_000.25),
        ("2025-06-15T15:06:40Z", 1_750_000_000),
        ("2025-06-15 17:06:40+02:00", 1_750_000_000),
        ("2025-06-15T15:06:40", 1_750_000_000),
        ("2025-06-15", 1_749_945_600),
        (datetime.date(2025, 6, 15), 1_749_945_600),
    ],
)
def test_times_are_read(value, seconds):
    assert read_time(value) == int(seconds * 100) * 10**7


@pytest.mark.parametrize("value", ["yesterday", "15.06.2025", True, [], 1e30, float("nan"), "9" * 30])
def test_other_times_are_refused(value):
    with pytest.raises(ValueError):
        read_time(value)


@pytest.mark.parametrize(
    "value",
    [
        ["a", "b"],
        '["a", "b"]',
        "a|b",
        "a; b",
        "a,b",
        [{"name": "a"}, {"function": {"name": "b"}}],
        [{"tool_name": "a"}, "b"],
    ],
)
def test_offered_tools_are_read(value):
    assert read_tools(value) == ("a", "b")


def test_tools_are_found_by_the_names_that_logs_have():
    names = ["<Mail>.<Post Box>.<send>", "<Mail>.<Pigeon>.<send>", "<Mail>.<Pigeon>.<search_mail>", "plain"]
    lookup = ToolLookup(names)
    for name in ("<Mail>.<Pigeon>.<send>", "Mail.Pigeon.send", "Pigeon.send", "Pigeon/send", "Pigeon__send"):
        assert lookup.find(name) == 1
    assert lookup.find("mcp__Pigeon__send") == lookup.find("pigeon_SEND") == 1
    assert lookup.find("post-box.send") == lookup.find("mcp__post_box__send") == 0
    assert lookup.find("search_mail") == lookup.find("SearchMail".replace("M", "_m")) == 2
    assert lookup.find("plain") == 3
    assert (lookup.find("send"), lookup.find("receive")) == ("ambiguous", "unknown")


# Files


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty; give a log"),
        (b" \n\n", "is empty"),
        (b'{"user": "a"}\n{"user": \n', "line 2: not valid JSON"),
        (b'{"user": \n{"user": "a"}\n', "line 1: not valid JSON"),
        (b'[{"user": "a"},', "not valid JSON"),
        (b"[]", "holds no calls"),
        (b"user,tool,request,arguments\n", "holds no calls"),
        (b'{"user": 1' + b"0" * 5000 + b"}", "a number has too many digits"),
        (b"[" * 100_000, "nested too deeply"),
        (b"[1, 2]", "not a log in a form that can be read; known are chat transcripts"),
        (b"\x89PNG\r\n\x1a\n\x00\xff", "not text in UTF-8"),
        (b"PAR1 and nothing more", "cannot be read"),
        (b"just a sentence\nand another", "no column is known to hold"),
    ],
)
def test_a_file_that_cannot_be_read_is_named_with_the_reason(content, message, tmp_path):
    path = tmp_path / "calls.log"
    path.write_bytes(content)
    with pytest.raises(InputError, match=message) as error:
        read(path)
    assert str(path) in str(error.value)


def test_a_folder_and_a_missing_file_are_refused(tmp_path):
    with pytest.raises(InputError, match="is a folder; name the log files in it"):
        read(tmp_path)
    with pytest.raises(InputError, match="does not exist"):
        read(tmp_path / "calls.jsonl")


def test_several_files_of_several_forms_are_one_log(tmp_path, monkeypatch):
    table = write_lines(tmp_path / "a.jsonl", [call("ann", 9, "Birch.mail", 1)])
    chats = write_lines(tmp_path / "b.jsonl", CHATS[:1])
    made = imported(tmp_path, (table, chats), monkeypatch)
    assert made.rows["ann/chronological"]["tool_call"]["tool_name"] == full("Birch.mail")
    assert made.past("ann/rating_integrated") == [("Alder.mail", 1)]
    assert set(made.report.record.logs["read as"]) == {"a table", "chat transcripts"}


def test_a_number_stands_for_a_user_and_white_space_for_none(tmp_path):
    rows = [call(" ", 1, "Alder.mail"), {**call("", 1, "Alder.mail"), "user": 7}, {**CALLS[0], "user": True}]
    _, calls, source = read(write_lines(tmp_path / "a.jsonl", rows))
    assert [one.user for one in calls] == ["7"] and source.counts == Counter({"left out: no user": 2})
