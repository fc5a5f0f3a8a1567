"""Native tool calls of models that this process runs: tools through the chat template, calls in the model's own form.

The templates that TRL ships are those of real models; others are short ones in the manner of model families.
"""

import json
import re
from pathlib import Path

import pytest
from click.testing import CliRunner
from conftest import ROOT
from petoolkit.builder.dataset_folder import write_dataset
from rows import DATASET_FACTS, past_call, prediction, reply, row, tool
from scripted_server import ScriptedServer
from tiny_model import make_tiny_model
from tool_templates import FAMILIES, REAL, WITH_CALLS, WITHOUT_TOOLS, special_tokens
from transformers import AutoTokenizer

from petoolbench import SETTINGS, InputError, render_messages
from petoolbench_cli import main
from petoolkit.call_forms import ToolCall
from petoolkit.evaluator.dataset_rows import load_split
from petoolkit.evaluator.evaluate import evaluate
from petoolkit.evaluator.models import hf_batch
from petoolkit.evaluator.models.chat_tokenizer import ChatTokenizer
from petoolkit.evaluator.models.native_tools import NativeTools, call_message
from petoolkit.evaluator.options import Connection, Options
from petoolkit.evaluator.records import AskedOptions, Manifest
from petoolkit.evaluator.results_folder import begin_results, read_results
from petoolkit.replies import READERS

UNQUOTED = {"lfm2_2_5", "lfm2_2_5_v2"}  # their texts with a quotation mark or a line break are no Python
ROW = row("u1", "chronological", "Aerwyn", [past_call("Cirrox")])
CITY, DAYS, WORDS = (
    {"name": name, "type": kind, "description": "", "default": None, "schema": None}
    for name, kind in (("a city", "STRING"), ("days", "NUMBER"), ("words", "ARRAY"))
)
TOOLS = [tool("Aer wyn", "fore/cast", "Forecast", required=[CITY, DAYS, WORDS]), tool("Cirrox", "now", "Now")]
NAME = TOOLS[0]["tool_name"]
CALLS = [
    ToolCall(NAME, {"a city": "0012", "days": 3}),
    ToolCall(NAME, {"a city": 'S\u00e3o "P",\n{x: 1} <b>', "days": -1.5, "words": [1, "a", {"k": True, "z": None}]}),
    ToolCall(NAME, {}),
    ToolCall("<Weather>.<Nobody>.<none>", {"a": "b"}),
]


@pytest.fixture(scope="session")
def tiny(tmp_path_factory) -> Path:
    return make_tiny_model(tmp_path_factory.mktemp("tiny"), [(ROOT / "LICENSE").read_text()])


@pytest.fixture
def chat(tiny, tmp_path):
    """Makes a tokenizer with a template, whose special tokens it knows."""

    def make(template: str | Path, special=None, **options) -> ChatTokenizer:
        text = template if isinstance(template, str) else template.read_text()
        tokenizer = AutoTokenizer.from_pretrained(tiny)
        tokens = special_tokens(template) if special is None else special
        tokenizer.add_special_tokens({"additional_special_tokens": sorted(tokens)})
        tokenizer.chat_template = text
        tokenizer.save_pretrained(tmp_path / "model")
        return ChatTokenizer(str(tmp_path / "model"), native_tools=True, **options)

    return make


def of_family(chat, name, **options) -> ChatTokenizer:
    template, special = FAMILIES[name]
    return chat(template, special, **options)


def written(made: ChatTokenizer, call: ToolCall, tools=TOOLS) -> str:
    """A call as the template writes it, with the end of the turn."""
    native = NativeTools(tools)
    return made.renderer.call_text(native.message_of(call), native.functions())


def read(made: ChatTokenizer, text: str, tools=TOOLS) -> str:
    """What a model's reply is read as."""
    return made.read(made.tokenizer(text, add_special_tokens=False)["input_ids"], tools)


def check_calls(made: ChatTokenizer, calls=CALLS) -> None:
    for call in calls:
        assert json.loads(read(made, written(made, call))) == call._asdict()


# --- templates ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", sorted(WITH_CALLS))
def test_a_call_that_a_real_template_writes_is_read_as_it_was(chat, name):
    made = chat(REAL[name])
    candidates = ROW["candidate_tools"]
    prompt = made.tokenizer.decode(made.encode(render_messages(ROW, native_tools=True), candidates))
    assert all(
        prompt.count(f"Weather_{one}") >= 1 for one in ("Aerwyn_forecast", "Cirrox_forecast", "Dovarque_convert")
    )
    assert prompt.count(ROW["instruction"]) == 1 and "Cirrox>.<other" in prompt
    known = [call for call in CALLS if call.tool_name == NAME]
    # Python's keyword arguments cannot have all names, and some templates do not escape texts.
    check_calls(made, [known[0], known[2]] if name in UNQUOTED else known)


@pytest.mark.parametrize("name", sorted(WITHOUT_TOOLS))
def test_a_real_template_without_tools_is_refused_in_one_sentence(chat, name):
    with pytest.raises(InputError, match=r"shows no tools: .* --protocol tools.* --chat-template FILE|cannot render"):
        chat(REAL[name])


def test_a_template_that_writes_no_calls_can_be_asked_and_not_trained(chat):
    made = chat(REAL["lfm2"])
    assert made.encode(render_messages(ROW, native_tools=True), ROW["candidate_tools"])
    with pytest.raises(InputError, match="shows tools, but writes no call"):
        written(made, CALLS[0])


@pytest.mark.parametrize("name", FAMILIES)
def test_a_familys_template_shows_the_tools_and_writes_calls_that_are_read(chat, name):
    made = of_family(chat, name)
    messages = render_messages(ROW, native_tools=True)
    text = made.tokenizer.decode(made.encode(messages, ROW["candidate_tools"]))
    assert text.count("<s>") == 1
    assert text.count('"name": "Weather_Aerwyn_forecast"') == 1
    assert text.index("Cirrox>.<other") < text.index(ROW["instruction"])
    assert "Tools:" not in made.tokenizer.decode(made.encode(messages)), "no tools, no text about them"
    check_calls(made, CALLS[:3])


def test_a_template_that_takes_arguments_as_text_gets_them_so(chat):
    template, special = FAMILIES["deepseek"]
    as_text = template.replace("{{ c['arguments'] | tojson }}", "{{ '' + c['arguments'] }}")
    assert as_text != template
    made = chat(as_text, special)
    check_calls(made, CALLS[:3])
    assert made.tokenizer.convert_ids_to_tokens(made.end_token_id) == "</s>"


@pytest.mark.parametrize(
    ("name", "end"),
    {
        "llama": "<|eot|>",
        "qwen": "<|stop|>",
        "mistral": "</s>",
        "phi": "<|end|>",
        "gemma": "</turn>",
        "deepseek": "</s>",
    }.items(),
)
def test_the_end_of_a_call_is_the_end_of_its_turn(chat, name, end):
    made = of_family(chat, name)
    assert made.tokenizer.convert_ids_to_tokens(made.end_token_id) == end
    assert made.end_token_id in made.end_token_ids


def test_a_call_may_end_with_another_token_than_an_answer(chat):
    made = chat(REAL["gptoss"])
    ends = set(made.tokenizer.convert_ids_to_tokens(sorted(made.end_token_ids)))
    assert ends == {"</s>", "<|call|>", "<|return|>"}
    assert made.tokenizer.convert_ids_to_tokens(made.end_token_id) == "<|call|>"
    # Where nothing ends the call itself, the mark of the turn behind it does.
    observed = chat(REAL["glm4moe"], {"<|user|>", "<|assistant|>", "<|observation|>", "<|system|>"})
    assert observed.tokenizer.convert_ids_to_tokens(observed.end_token_id) == "<|observation|>"


def test_of_several_templates_the_one_for_tools_is_taken(tiny, monkeypatch):
    tokenizer = AutoTokenizer.from_pretrained(tiny)
    tokenizer.chat_template = {"default": tokenizer.chat_template, "tool_use": FAMILIES["qwen"][0]}
    monkeypatch.setattr("petoolkit.evaluator.models.chat_tokenizer._load", lambda model, adapter: tokenizer)
    assert ChatTokenizer("model", native_tools=True).tokenizer.chat_template == FAMILIES["qwen"][0]


# --- replies --------------------------------------------------------------------------------------------------------

FUNCTION = "Weather_Aerwyn_forecast"
OSLO = '{"city": "Oslo"}'
FORMS = [
    f'{{"name": "{FUNCTION}", "parameters": {OSLO}}}',
    f'<|python_tag|>{{"type": "function", "name": "{FUNCTION}", "parameters": {OSLO}}}',
    f'I look it up.\n<tool_call>\n{{"name": "{FUNCTION}", "arguments": {OSLO}}}\n</tool_call>',
    f"<tool_call>\n<function={FUNCTION}>\n<parameter=city>\nOslo\n</parameter>\n</function>\n</tool_call>",
    f"<tool_call>{FUNCTION}\n<arg_key>city</arg_key>\n<arg_value>Oslo</arg_value>\n</tool_call>",
    f'[TOOL_CALLS] [{{"name": "{FUNCTION}", "arguments": {OSLO}, "id": "call00001"}}]',
    f"[TOOL_CALLS]{FUNCTION}[ARGS]{OSLO}",
    f"[TOOL_CALLS]{FUNCTION}[CALL_ID]abcdef123[ARGS]{OSLO}",
    f'<|tool_call|>[{{"name": "{FUNCTION}", "arguments": {OSLO}}}]<|/tool_call|>',
    f"<\uff5ctool\u2581calls\u2581begin\uff5c><\uff5ctool\u2581call\u2581begin\uff5c>function<\uff5ctool\u2581sep\uff5c>"
    f"{FUNCTION}\n```json\n{OSLO}\n```<\uff5ctool\u2581call\u2581end\uff5c><\uff5ctool\u2581calls\u2581end\uff5c>",
    f"<\uff5ctool\u2581call\u2581begin\uff5c>{FUNCTION}<\uff5ctool\u2581sep\uff5c>{OSLO}<\uff5ctool\u2581call\u2581end\uff5c>",
    f"<|tool_calls_section_begin|><|tool_call_begin|>functions.{FUNCTION}:0<|tool_call_argument_begin|>{OSLO}"
    "<|tool_call_end|><|tool_calls_section_end|>",
    f"<|channel|>commentary to=functions.{FUNCTION} <|constrain|>json<|message|>{OSLO}<|call|>",
    f" to=functions.{FUNCTION}<|channel|>commentary json<|message|>{OSLO}<|call|>",
    f"<|channel|>analysis<|message|>Cirrox?<|end|><|start|>assistant to=functions.{FUNCTION}<|channel|>commentary json"
    f"<|message|>{OSLO}<|call|>",
    f'<|tool_call>call:{FUNCTION}{{city:<|"|>Oslo<|"|>}}<tool_call|>',
    f'<x:function_calls>\n<x:invoke name="{FUNCTION}">\n<x:parameter name="city">Oslo</x:parameter>\n</x:invoke>',
    f'<|tool_call_start|>[{FUNCTION}(city="Oslo")]<|tool_call_end|>',
    f'<think>Weather_Cirrox_forecast?</think>{{"name": "{FUNCTION}", "arguments": "{{\\"city\\": \\"Oslo\\"}}"}}',
    f'{{"tool_name": "<Weather>.<Aerwyn>.<forecast>", "parameters": {OSLO}}}',
]
AS_CALLED = reply("Aerwyn")


@pytest.mark.parametrize("text", FORMS)
def test_a_call_in_the_form_of_a_family_is_the_call_with_full_names(text):
    assert NativeTools(ROW["candidate_tools"]).reply_in_text(text) == AS_CALLED


@pytest.mark.parametrize(
    "text",
    [
        f"<function={FUNCTION}>\n</function>",
        f"<tool_call>{FUNCTION}\n</tool_call>",
        f'<invoke name="{FUNCTION}">\n</invoke>',
        f"call:{FUNCTION}{{}}",
        f"[{FUNCTION}()]",
    ],
)
def test_a_call_without_arguments_is_a_call(text):
    assert NativeTools(ROW["candidate_tools"]).reply_in_text(text) == reply("Aerwyn", "{}")


@pytest.mark.parametrize("text", [text for text in FORMS if "Cirrox" not in text and "Aerwyn>" not in text])
def test_a_function_that_does_not_exist_is_a_call_in_every_form(text):
    called = NativeTools(ROW["candidate_tools"]).reply_in_text(text.replace(FUNCTION, "made_up"))
    assert json.loads(called) == {"tool_name": "made_up", "parameters": {"city": "Oslo"}}


@pytest.mark.parametrize(
    "text", ["I used made_up() twice.", "[see](made_up)", "<b>made_up</b> {1}", "to=Oslo", "call: it"]
)
def test_prose_about_a_function_is_not_a_call(text):
    assert NativeTools(ROW["candidate_tools"]).reply_in_text(text) == text


def test_what_no_client_takes_as_a_call_stays_as_it_is_and_an_unknown_function_is_a_call():
    native = NativeTools(ROW["candidate_tools"])
    for text in (f'{{"name": "{FUNCTION}", "arguments": {{"city": "Os', f"I would call {FUNCTION}.", "", "{" * 500):
        assert native.reply_in_text(text) == text
    mended = f"{{'name': '{FUNCTION}', 'arguments': {{'city': 'Oslo'}}}}"
    assert native.reply_in_text(mended) == mended
    unknown = native.reply_in_text('<tool_call>{"name": "made_up", "arguments": {"a": 1}}</tool_call>')
    assert json.loads(unknown) == {"tool_name": "made_up", "parameters": {"a": 1}}


def test_a_text_of_digits_between_tags_has_its_documented_type():
    native = NativeTools([tool("P", "a", "First", required=[CITY, DAYS])])
    called = native.reply_in_text(
        "<function=Weather_P_a><parameter=a_city>007</parameter><parameter=days>3</parameter></function>"
    )
    assert json.loads(called)["parameters"] == {"a city": "007", "days": 3}
    called = native.reply_in_text("<function=Weather_P_a>\n<parameter=a_city>\n10115\n</parameter>\n</function>")
    assert json.loads(called)["parameters"] == {"a city": "10115"}


# --- evaluations ----------------------------------------------------------------------------------------------------


SCRIPT = [  # what the model calls, by the number of the user; `None` is text
    (FUNCTION, {"city": "Oslo"}),
    (FUNCTION, {"city": "Bergen"}),
    ("Weather_Cirrox_forecast", {"city": "Oslo"}),
    ("Weather_Equandra_lyrics", {}),
    ("made_up", {}),
    None,
]


@pytest.fixture(scope="module")
def dataset(tmp_path_factory) -> str:
    folder = tmp_path_factory.mktemp("data") / "petoolbench"
    rows = [
        {**row(f"u{n}", setting, "Aerwyn", [past_call("Cirrox")] * 3), "instruction": f"Forecast {n} for Oslo"}
        for n in range(len(SCRIPT))
        for setting in SETTINGS
    ]
    write_dataset(folder, [("test", one) for one in rows], lambda: DATASET_FACTS)
    return str(folder)


def scripted(text: str) -> tuple[str, dict] | None:
    """What is called about the row whose instruction stands in a text."""
    return SCRIPT[int(re.findall(r"Forecast (\d) for Oslo", text)[-1])]


def endpoint(body: dict) -> dict:
    called = scripted(body["messages"][-1]["content"])
    message = {"role": "assistant", "content": None if called else "Oslo?"}
    if called:
        function = {"name": called[0], "arguments": json.dumps(called[1])}
        message["tool_calls"] = [{"id": "c1", "type": "function", "function": function}]
    choice = {"index": 0, "finish_reason": "tool_calls" if called else "stop", "message": message}
    return {"id": "x", "object": "chat.completion", "created": 1, "model": "m", "choices": [choice]}


WITHOUT = "{% for m in messages %}<|{{ m['role'] }}|>{{ m['content'] }}</s>{% endfor %}"
SLOW = [pytest.param(name, marks=pytest.mark.slow) for name in FAMILIES if name != "qwen"]


@pytest.mark.parametrize("family", ["qwen", *SLOW])
def test_equal_calls_of_a_model_here_and_of_an_endpoint_have_equal_scores(
    tiny, dataset, tmp_path, monkeypatch, chat, family
):
    monkeypatch.setenv("OPENAI_API_KEY", "key")
    made = of_family(chat, family)
    for file in ("config.json", "generation_config.json", "model.safetensors"):
        (tmp_path / "model" / file).write_bytes((tiny / file).read_bytes())

    def generate(model, prompts, *rest):
        calls = [scripted(made.tokenizer.decode(ids)) for ids in prompts]
        texts = ["Oslo?" if call is None else _in_form(made, *call) for call in calls]
        return [made.tokenizer(text, add_special_tokens=False)["input_ids"] for text in texts]

    monkeypatch.setattr(hf_batch, "generate_replies", generate)
    options = Options(temperature=0, max_new_tokens=200, protocol="tools", window=20_000)
    here = evaluate(dataset, "all", f"hf:{tmp_path / 'model'}", tmp_path / "here", options)
    with ScriptedServer(endpoint) as server:
        there = evaluate(dataset, "all", "openai:m", tmp_path / "there", options, Connection(server.url))
    for part in ("rows", "scores", "breakdowns", "counts"):
        assert getattr(here, part) == getattr(there, part), part
    right = 1 / len(SCRIPT)
    assert [here.score("all", "tool_acc", reader).value for reader in READERS] == [pytest.approx(2 * right)] * 2
    assert here.score("all", "joint_acc", "robust").value == pytest.approx(right)
    assert here.counts["all"].unreadable == {"robust": 3, "paper": 3}
    assert Manifest.read(tmp_path / "here").options.protocol == "tools"


def _in_form(made: ChatTokenizer, name: str, arguments: dict) -> str:
    return made.renderer.call_text(call_message({"name": name, "arguments": arguments}), ())


def test_a_prompt_is_counted_with_its_tools_and_loses_its_oldest_calls(tiny, dataset, tmp_path, one_thread):
    (tmp_path / "qwen.jinja").write_text(FAMILIES["qwen"][0])
    rows = load_split(dataset, "all", "test", None)
    chat = ChatTokenizer(str(tiny), template=tmp_path / "qwen.jinja", native_tools=True)
    shown = render_messages({**rows[0], "history": rows[0]["history"][2:]}, native_tools=True)
    window = len(chat.encode(shown, rows[0]["candidate_tools"]))
    assert window > len(chat.encode(shown)) + 200
    command = [
        "evaluate",
        "--dataset",
        dataset,
        "--model",
        f"hf:{tiny}",
        "--protocol",
        "tools",
        "--max-new-tokens",
        "4",
    ]
    template = ["--chat-template", str(tmp_path / "qwen.jinja"), "--window", str(window)]
    done = CliRunner().invoke(main, [*command, *template, "--out", str(tmp_path / "out")])
    assert done.exit_code == 0, done.output
    lines = list(read_results(tmp_path / "out").predictions)
    assert {line["prompt_tokens"] <= window for line in lines} == {True}
    assert min(line["dropped_interactions"] for line in lines) >= 1
    assert [line["dropped_interactions"] for line in lines if line["id"] == rows[0]["id"]] == [2]


def test_a_template_without_tools_is_refused_before_the_model_is_loaded(tiny, dataset, tmp_path):
    (tmp_path / "plain.jinja").write_text(WITHOUT)
    command = ["evaluate", "--dataset", dataset, "--model", f"hf:{tiny}", "--protocol", "tools"]
    options = ["--chat-template", str(tmp_path / "plain.jinja"), "--out", str(tmp_path / "out")]
    done = CliRunner().invoke(main, [*command, *options])
    assert done.exit_code == 2
    said = " ".join(done.output.split())
    assert "shows no tools: it renders a prompt with a tool as one without; ask for calls in text instead" in said
    assert not (tmp_path / "out").exists()


def test_an_older_evaluation_that_names_no_protocol_goes_on(tmp_path):
    prompted = {"model": "hf:m", "dataset": "d", "fingerprint": "f", "split": "test", "setting": "all"}
    older = Manifest(**prompted, options=AskedOptions(window=4_000))
    begin_results(tmp_path, older)
    (tmp_path / "predictions.jsonl").write_text(json.dumps(prediction(ROW, "Oslo?", error=None)) + "\n")
    begin_results(tmp_path, Manifest(**prompted, options=AskedOptions(window=4_000, protocol="prompt")))
    with pytest.raises(InputError, match=r"options\.protocol is 'prompt' there and 'tools' here"):
        begin_results(tmp_path, Manifest(**prompted, options=AskedOptions(window=4_000, protocol="tools")))


@pytest.mark.parametrize(
    ("record", "native", "note"),
    [
        ({}, True, "was trained with tools and calls in text, and is asked with them as native functions"),
        (
            {"format": "tools"},
            False,
            "was trained with tools and calls as native functions, and is asked with them in",
        ),
        ({}, False, None),
        ({"format": "tools"}, True, None),
        (None, True, None),
    ],
)
def test_an_adapter_that_was_trained_in_the_other_format_is_said_so(tiny, tmp_path, record, native, note):
    (tmp_path / "adapter").mkdir()
    if record is not None:
        (tmp_path / "adapter" / "training.json").write_text(json.dumps(record))
    (tmp_path / "qwen.jinja").write_text(FAMILIES["qwen"][0])
    notes = ChatTokenizer(str(tiny), str(tmp_path / "adapter"), tmp_path / "qwen.jinja", native_tools=native).notes
    assert [note in one for one in notes] == ([True] if note else [])
