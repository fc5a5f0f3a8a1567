"""Rows for training: the call and its end token, lengths, order, users held out, the test split kept out."""

import pytest
from block_rows import block, no_preference, of_other_providers, override
from conftest import ROOT
from petoolkit.builder.dataset_folder import write_dataset
from rows import DATASET_FACTS, past_call, reply, row
from tiny_model import make_tiny_model

from petoolbench import SETTINGS, InputError, render_messages
from petoolkit.dataset_record import RECORD_FILE, DatasetRecord
from petoolkit.evaluator.chat_rows import gold_call
from petoolkit.evaluator.models.chat_tokenizer import ChatTokenizer
from petoolkit.evaluator.prompts.window import shown_messages
from petoolkit.training.arguments import AdapterArguments, DataArguments
from petoolkit.training.held_out import check_held_out
from petoolkit.training.pairing import NoPair, pair_of
from petoolkit.training.row_fitting import fit_row, fit_rows
from petoolkit.training.training_chat import TrainingChat, load_chat
from petoolkit.training.training_rows import load_training_rows, split_users

HISTORY = [past_call(provider) for provider in ("Cirrox", "Equandra", "Dovarque", "Cirrox")]
GOLD = '{"tool_name": "<Weather>.<Aerwyn>.<forecast>", "parameters": {"city": "Oslo"}}'


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return make_tiny_model(tmp_path_factory.mktemp("tiny"), [(ROOT / "LICENSE").read_text()])


@pytest.fixture(scope="module")
def chat(model) -> TrainingChat:
    return TrainingChat(str(model))


def one(user="u1", setting="chronological", gold="Aerwyn", history=HISTORY, group="g1"):
    return row(user, setting, gold, history, group=group)


def write(folder, train, test, split=None):
    """A dataset's folder, with a record if `split` is given."""
    rows = [("train", each) for each in train] + [("test", each) for each in test]
    write_dataset(folder / "petoolbench", rows, lambda: DATASET_FACTS)
    record = folder / "petoolbench" / RECORD_FILE
    record.unlink(missing_ok=True)
    if split:
        DatasetRecord(origin="build", author="offline", split=split).write(record.parent)
    return str(folder / "petoolbench")


def length(chat, messages, answer=GOLD):
    return len(chat.encode(messages)) + len(chat.encode_answer(answer))


def test_the_gold_call_is_one_line_of_the_form_that_the_prompt_asks_for():
    assert gold_call(one()) == GOLD


def test_an_answer_is_its_tokens_and_the_end_token_and_nothing_of_the_template(chat):
    ids = chat.encode_answer(GOLD)
    assert chat.tokenizer.decode(ids[:-1]) == GOLD
    assert ids[-1] == chat.tokenizer.eos_token_id  # the template has a line break behind it


def test_the_end_token_is_the_templates_where_the_tokenizers_is_another(model, tmp_path):
    chat = TrainingChat(str(model))
    chat.tokenizer.add_special_tokens({"additional_special_tokens": ["<|turn|>"]})
    chat.tokenizer.chat_template = chat.tokenizer.chat_template.replace("eos_token", "'<|turn|>'")
    chat.tokenizer.save_pretrained(tmp_path)
    loaded = load_chat(AdapterArguments(model_name_or_path=str(tmp_path)))
    turn = loaded.tokenizer.convert_tokens_to_ids("<|turn|>")
    assert loaded.encode_answer(GOLD)[-1] == turn
    assert loaded.tokenizer.eos_token == "<|turn|>"  # at which the evaluation will stop


def test_a_row_that_fits_is_the_evaluations_prompt_and_the_answer(chat, model):
    messages = render_messages(one())
    fitted = fit_row(one(), [GOLD], chat, length(chat, messages))
    assert fitted.messages == messages
    assert fitted.prompt_ids == ChatTokenizer(str(model)).encode(messages)
    assert fitted.answer_ids == (chat.encode_answer(GOLD),)
    assert fitted.dropped_interactions == 0


@pytest.mark.parametrize("kept", [0, 1, 3])
def test_a_row_that_is_too_long_loses_the_fewest_oldest_interactions(chat, kept):
    shorter = shown_messages(one(history=HISTORY[len(HISTORY) - kept :]))
    fitted = fit_row(one(), [GOLD], chat, length(chat, shorter))
    assert fitted.messages == shorter
    assert fitted.dropped_interactions == len(HISTORY) - kept


def test_the_longest_of_several_answers_must_fit(chat):
    longer = GOLD.replace("Oslo", "Oslo, the capital of Norway")
    limit = length(chat, render_messages(one()), longer)
    assert fit_row(one(), [GOLD, longer], chat, limit).dropped_interactions == 0
    assert fit_row(one(), [GOLD, longer], chat, limit - 1).dropped_interactions > 0


def test_rows_that_do_not_fit_are_named_counted_and_refused_above_the_limit(chat):
    long = {**one("u2"), "instruction": "forecast " * 200}
    rows = [(one("u1"), [GOLD]), (long, [GOLD]), (one("u3", "preferred_only"), [GOLD])]
    limit = length(chat, render_messages(one(history=HISTORY[1:])))
    with pytest.raises(InputError, match=r"1 of 3 rows .*\(u2/chronological\).*--max_unfit_rows 1"):
        fit_rows(rows, chat, limit, 0)
    fitted, counts = fit_rows(rows, chat, limit, 1)
    assert [each.id for each in fitted] == ["u1/chronological", "u3/preferred_only"]
    assert (counts.given, counts.kept, counts.shortened) == (3, 2, 1 + (fitted[1].dropped_interactions > 0))
    assert counts.unfit == ("u2/chronological",)
    assert counts.settings == {"chronological": 2, "preferred_only": 1}
    assert "3 rows in" in str(counts)


def test_no_rows_left_is_refused(chat):
    with pytest.raises(InputError, match="none is left"):
        fit_rows([(one(), [GOLD])], chat, 10, 5)


def test_settings_are_spread_evenly_and_their_order_follows_the_seed(tmp_path):
    train = [one(f"u{n}", setting) for n in range(6) for setting in SETTINGS if n < 2 or setting != "chronological"]
    dataset = write(tmp_path, train, [one("t1")])

    def ids(seed):
        return [each["id"] for each in load_training_rows(dataset, list(SETTINGS), seed)]

    assert sorted(ids(0)) == sorted(each["id"] for each in train)
    halves = [[each.rpartition("/")[2] for each in part] for part in (ids(0)[:7], ids(0)[7:])]
    assert [half.count("chronological") for half in halves] == [1, 1]
    assert [half.count("preferred_only") for half in halves] == [3, 3]
    assert ids(0) == ids(0)
    assert ids(0) != ids(1)
    only = load_training_rows(dataset, ["chronological"], 0)
    assert sorted(each["id"] for each in only) == ["u0/chronological", "u1/chronological"]


def test_all_settings_are_those_that_the_dataset_has(tmp_path):
    dataset = write(tmp_path, [one("u0", "chronological"), one("u1", "chronological")], [one("t1", "chronological")])
    assert len(load_training_rows(dataset, DataArguments().settings, 0)) == 2


def of_all_kinds(tmp_path):
    """Two whole blocks to train on, b0 with rows of other kinds, and one of other providers to test on."""
    train = [*block(), override(), no_preference(), *block(("u3", "u4"), block_id="b2")]
    return write(tmp_path, train, of_other_providers(block(("t1", "t2"), block_id="b9")), "provider"), train


def test_rows_of_other_kinds_are_trained_on_where_all_that_the_dataset_has_is(tmp_path):
    dataset, train = of_all_kinds(tmp_path)
    rows = load_training_rows(dataset, DataArguments().settings, 0)
    assert sorted(each["id"] for each in rows) == sorted(each["id"] for each in train)
    only = load_training_rows(dataset, ["chronological", "rating_integrated"], 0)
    assert {each["kind"] for each in only} == {"preference"}
    assert len(only) == 8
    both = load_training_rows(dataset, ["chronological", "selectivity"], 0)
    assert [each["kind"] for each in both].count("preference") == 4
    assert len(both) == 6


def test_rows_of_other_kinds_of_the_test_split_alone_are_not_missed(tmp_path):
    dataset = write(tmp_path, block(), [override("t1")])
    assert len(load_training_rows(dataset, ["all"], 0)) == 6
    with pytest.raises(InputError, match=r"unknown split .*'train'"):
        load_training_rows(dataset, ["selectivity"], 0)


def test_rows_are_counted_by_config(tmp_path, chat):
    rows = [(each, [GOLD]) for each in load_training_rows(of_all_kinds(tmp_path)[0], ["all"], 0)]
    _, counts = fit_rows(rows, chat, 5_000, 0)
    assert counts.settings == {"preferred_only": 4, "rating_integrated": 4, "chronological": 4, "selectivity": 2}
    assert counts.table()["rows given, selectivity"] == 2


def test_validation_takes_whole_blocks(tmp_path):
    _, rows = of_all_kinds(tmp_path)
    train, validation = split_users(rows, 0.5, seed=0)
    assert {each["block_id"] for each in train} | {each["block_id"] for each in validation} == {"b1", "b2"}
    assert {each["block_id"] for each in train} != {each["block_id"] for each in validation}
    assert len({each["block_id"] for each in validation}) == 1
    assert len({each["block_id"] for each in split_users(rows, 0.1, seed=0)[1]}) == 1
    with pytest.raises(InputError, match=r"0\.9 of 2 blocks leaves no user"):
        split_users(rows, 0.9, seed=0)


@pytest.mark.parametrize(
    ("train", "refused"),
    [
        (block(("u1", "u2"), block_id="b1"), "4 providers .* split by provider .Weather/Aerwyn, Weather/Cirrox"),
        (of_other_providers(block(("u1", "u2"), block_id="b9")), "1 block .*.b9"),
        (of_other_providers(block(("u1", "u2"), block_id="b1")), None),
    ],
    ids=["providers", "block", "apart"],
)
def test_rows_that_share_a_block_or_provider_with_the_test_split_are_refused(tmp_path, train, refused):
    dataset = write(tmp_path, of_other_providers(block()), block(("t1", "t2"), block_id="b9"), "provider")
    if refused:
        with pytest.raises(InputError, match=refused):
            check_held_out(train, dataset)
    else:
        check_held_out(train, dataset)


def test_a_past_call_of_a_test_candidates_provider_is_refused(tmp_path):
    dataset = write(tmp_path, of_other_providers(block()), block(("t1", "t2"), block_id="b9"), "provider")
    seen = of_other_providers(block(("u1", "u2"), block_id="b1"))
    seen[0]["history"][0]["tool_name"] = "<Weather>.<Equandra>.<other>"
    with pytest.raises(InputError, match=r"1 provider .*Weather/Equandra"):
        check_held_out(seen, dataset)


@pytest.mark.parametrize(
    ("settings", "message"), [([], "no setting"), (["ratings"], "unknown setting 'ratings'")], ids=["none", "unknown"]
)
def test_settings_that_are_none_are_refused(settings, message):
    with pytest.raises(InputError, match=message):
        load_training_rows("petoolbench", settings, 0)


def test_a_dataset_without_train_split_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"unknown split .*'train'"):
        load_training_rows(write(tmp_path, [], [one()]), ["chronological"], 0)


def test_validation_takes_whole_users():
    rows = [one(f"u{n}", setting) for n in range(10) for setting in SETTINGS]
    train, validation = split_users(rows, 0.2, seed=0)
    assert len(train) == 24
    assert len(validation) == 6
    assert not {each["user_id"] for each in train} & {each["user_id"] for each in validation}
    assert split_users(rows, 0, seed=0) == (rows, [])


@pytest.mark.parametrize("share", [0.99, 1, -0.5])
def test_a_validation_share_that_empties_a_side_is_refused(share):
    with pytest.raises(InputError, match="validation_share"):
        split_users([one(f"u{n}") for n in range(10)], share, seed=0)


OTHER = {"gold": "Cirrox", "group": "g2"}


@pytest.mark.parametrize(
    ("split", "train", "refused"),
    [
        ("user", {"user": "u1", "group": "g1"}, None),
        ("user", {"user": "t1", **OTHER}, "1 user .* split by user .t1"),
        ("tool", {"user": "u1", **OTHER}, None),
        ("tool", {"user": "u1", "gold": "Cirrox"}, None),
        ("tool", {"user": "u1", "gold": "Aerwyn", "group": "g2"}, "1 gold tool .*<Weather>.<Aerwyn>.<forecast>"),
        ("tool", {"user": "t1", **OTHER}, "1 user "),
        ("function", {"user": "u1", "gold": "Aerwyn", "group": "g2"}, None),
        ("function", {"user": "u1", "gold": "Cirrox", "group": "g1"}, "1 function group .*g1"),
    ],
)
def test_rows_that_share_with_the_test_split_what_its_record_keeps_apart_are_refused(
    tmp_path, capsys, split, train, refused
):
    """The test split: user t1, gold tool Aerwyn, group g1; the users are in another setting than the row."""
    dataset = write(tmp_path, [one("x", **OTHER)], [one("t1", "rating_integrated")], split)
    if refused:
        with pytest.raises(InputError, match=refused):
            check_held_out([one(**train)], dataset)
    else:
        check_held_out([one(**train)], dataset)
    assert "no record" not in capsys.readouterr().out


def test_a_dataset_without_record_is_taken_as_split_by_user_and_this_is_said(tmp_path, capsys):
    dataset = write(tmp_path, [one()], [one("t1")])
    check_held_out([one("u1")], dataset)  # shares the gold tool and the function group
    assert "has no record of how it was made; it is taken as split by user." in capsys.readouterr().out
    with pytest.raises(InputError, match="1 user of the rows"):
        check_held_out([one("t1")], dataset)


def test_a_damaged_record_is_refused(tmp_path):
    dataset = write(tmp_path, [one()], [one("t1")], "user")
    (tmp_path / "petoolbench" / RECORD_FILE).write_text('{"origin": "build", "author": "offline", "split": "mood"}')
    with pytest.raises(InputError, match="`split`"):
        check_held_out([one("u1")], dataset)


def test_test_rows_are_refused(tmp_path):
    test = [one("t1"), one("t2")]
    dataset = write(tmp_path, [one("u1")], test)
    with pytest.raises(InputError, match="2 users of the rows to train on are in the test split"):
        check_held_out(test, dataset)


def test_where_a_user_has_no_preference_no_tool_that_does_the_job_is_rejected():
    good, other = reply("Aerwyn"), reply("Cirrox")
    assert pair_of(no_preference(), [good, other], good) is NoPair.TIE
    pair = pair_of(no_preference(), [other, reply("Dovarque", "{}", "convert")], good)
    assert (pair.chosen, pair.chosen_from, pair.rejected_from) == (other, "sampled", "TFM")
    assert pair_of(override(), [good], other).rejected_from == "TPM"  # the taste was followed
