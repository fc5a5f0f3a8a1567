"""What the splits of a build with blocks may use: whole parts of groups that share no provider."""

import pytest
from petoolkit.builder.split_pools import draw_pools

from petoolbench import InputError


def pools(providers_of, split_by="provider", test_share=0.5, others=(), seed=0):
    """The pools for groups with these providers (letters, by the group's id)."""
    by_group = {group: {("Data", provider) for provider in names} for group, names in providers_of.items()}
    everyone = {provider for providers in by_group.values() for provider in providers} | {("Data", o) for o in others}
    groups = [{"group_id": group} for group in by_group]
    return draw_pools(groups, by_group, sorted(everyone), split_by, test_share, seed)


def test_groups_that_share_a_provider_are_of_one_split_and_its_providers_of_the_other():
    chained = {"g1": "ab", "g2": "bc", "g3": "cd", "g4": "ef", "g5": "fg", "g6": "ge"}
    seen = set()
    for seed in range(20):
        drawn = pools(chained, seed=seed)
        seen.add(drawn.test_groups)
        assert drawn.test_providers == {("Data", p) for group in drawn.test_groups for p in chained[group]}
    assert seen == {frozenset({"g1", "g2", "g3"}), frozenset({"g4", "g5", "g6"})}


def test_a_part_that_is_larger_than_the_test_split_is_of_the_training_split():
    one_large = {"g1": "ab", "g2": "bc", "g3": "cd", "g4": "de", "g5": "xy"}
    for seed in range(10):
        assert pools(one_large, test_share=0.2, seed=seed).test_groups == {"g5"}


def test_what_a_provider_may_do_in_each_split():
    drawn = pools({"g1": "ab", "g2": "cd"})
    (group,) = drawn.test_groups
    test, train = (("Data", "a"), ("Data", "c")) if group == "g1" else (("Data", "c"), ("Data", "a"))
    assert [drawn.may_be_candidate(test, split) for split in ("train", "test")] == [False, True]
    assert [drawn.may_be_candidate(train, split) for split in ("train", "test")] == [True, False]
    assert [drawn.may_be_in_history(test, split) for split in ("train", "test")] == [False, True]
    assert [drawn.may_be_in_history(train, split) for split in ("train", "test")] == [True, True]


def test_providers_without_a_group_are_shared_out_as_distractors():
    others = [f"other {number}" for number in range(400)]
    held_out = {name for _, name in pools({"g1": "ab", "g2": "cd"}, others=others).test_providers} - set("abcd")
    assert 150 < len(held_out) < 250


@pytest.mark.parametrize("split_by", ["tool", "function"])
def test_by_tool_or_function_groups_are_drawn_one_by_one_and_no_provider_is_held_out(split_by):
    drawn = pools({f"g{number}": "ab" for number in range(10)}, split_by, 0.3)
    assert len(drawn.test_groups) == 3 and not drawn.test_providers
    assert drawn.may_be_candidate(("Data", "a"), "train") and drawn.may_be_candidate(("Data", "a"), "test")
    assert {drawn.split_of(group, "b") for group in drawn.test_groups} == {"test"}


def test_by_user_single_blocks_are_drawn():
    drawn = pools({"g1": "ab"}, "user", 0.25)
    splits = [drawn.split_of("g1", f"g1-{number:03d}") for number in range(400)]
    assert 70 < splits.count("test") < 130


def test_the_same_seed_draws_the_same_pools_whatever_the_order_of_providers():
    chained = {f"g{number}": (f"p{number}", f"q{number}") for number in range(30)}
    assert pools(chained, seed=3) == pools(chained, seed=3) != pools(chained, seed=4)


@pytest.mark.parametrize(
    ("providers_of", "split_by", "test_share", "message"),
    [
        (
            {"g1": "ab", "g2": "bc", "g3": "ca"},
            "provider",
            0.3,
            "export.split: provider leaves a split without groups: 3 groups in 1 part that share no provider, the "
            "largest of 3, and of them export.test_share 0.3 is 1; change export.test_share, add catalogues, or take "
            "split: function or user.",
        ),
        (
            {"g1": "ab", "g2": "cd", "g3": "ef"},
            "function",
            0.1,
            "3 groups in 3 parts .* export.test_share 0.1 is 0; .* split: user",
        ),
        ({"g1": "ab"}, "tool", 0.9, "1 group in 1 part that share no tool"),
    ],
)
def test_a_split_that_leaves_nothing_is_refused_with_the_counts_and_the_key(
    providers_of, split_by, test_share, message
):
    with pytest.raises(InputError, match=message):
        pools(providers_of, split_by, test_share)
