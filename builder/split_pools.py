"""The split of a build with blocks: which groups, and which providers, a split may use."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from petoolbench import SPLITS, InputError
from petoolkit.text import counted

from .record_rng import record_rng

SPLIT_BY = ("provider", "user", "tool", "function")
TRAIN, TEST = SPLITS
Provider = tuple[str, str]


@dataclass(frozen=True)
class SplitPools:
    """What each split may use.

    Args:
        split_by: what training and test rows do not share, beside blocks and users.
        test_groups: ids of the groups that are asked for in the test split; the others are in the training split. Not
            read if single blocks are drawn (`split_by: user`).
        test_providers: the providers of candidates of the test split, which no training row shows; empty if the split
            is not by provider.
    """

    split_by: str
    test_groups: frozenset[str]
    test_providers: frozenset[Provider]
    seed: int
    test_share: float

    def split_of(self, group_id: str, block_id: str) -> str:
        """The split of a block."""
        if self.split_by == "user":
            return TEST if record_rng(self.seed, "split", block_id).random() < self.test_share else TRAIN
        return TEST if group_id in self.test_groups else TRAIN

    def may_be_candidate(self, provider: Provider, split: str) -> bool:
        """Whether a provider's tools may be candidates in a split."""
        return self.split_by != "provider" or (provider in self.test_providers) == (split == TEST)

    def may_be_in_history(self, provider: Provider, split: str) -> bool:
        """Whether a provider's tools may be called in histories of a split."""
        return split == TEST or provider not in self.test_providers


def draw_pools(
    groups: list[dict],
    providers_of: dict[str, set[Provider]],
    all_providers: Iterable[Provider],
    split_by: str,
    test_share: float,
    seed: int,
) -> SplitPools:
    """Draw the test split's groups (and providers), `test_share` of them at most.

    By provider, groups that share one are drawn together, and providers without a group one by one. By tool or
    function, groups are drawn one by one: each tool is of one group.

    Args:
        groups: rows of the stage `group`.
        providers_of: the providers of each group, by its id.
        all_providers: of the catalogue.
        split_by: one of `SPLIT_BY`.
        test_share: of the groups.
        seed: of the build.

    Raises:
        InputError: if a split is left without groups.
    """
    ids = [group["group_id"] for group in groups]
    units = _connected(ids, providers_of) if split_by == "provider" else [[group_id] for group_id in ids]
    order = sorted(units, key=lambda unit: (record_rng(seed, "split", unit[0]).random(), unit[0]))
    wanted = round(len(ids) * test_share)
    test: set[str] = set()
    for unit in order:
        if len(test) + len(unit) <= wanted:
            test.update(unit)
    if split_by != "user" and not 0 < len(test) < len(ids):
        largest = max(map(len, units), default=0)
        smaller = "function or user" if split_by == "provider" else "user"
        raise InputError(
            f"export.split: {split_by} leaves a split without groups: {counted(len(ids), 'group')} in "
            f"{counted(len(units), 'part')} that share no {split_by}, the largest of {largest:,}, and of them "
            f"export.test_share {test_share} is {wanted:,}; change export.test_share, add catalogues, or take split: "
            f"{smaller}."
        )
    held_out: set[Provider] = set()
    if split_by == "provider":
        held_out = {provider for group_id in test for provider in providers_of[group_id]}
        grouped = {provider for providers in providers_of.values() for provider in providers}
        held_out |= {
            provider
            for provider in set(all_providers) - grouped
            if record_rng(seed, "split", "/".join(provider)).random() < test_share
        }
    return SplitPools(split_by, frozenset(test), frozenset(held_out), seed, test_share)


def _connected(ids: list[str], providers_of: dict[str, set[Provider]]) -> list[list[str]]:
    """Groups joined wherever they share a provider, each part in the order of `ids`."""
    number = {provider: len(ids) + i for i, provider in enumerate(sorted(set().union(*providers_of.values())))}
    pairs = [(row, number[provider]) for row, group_id in enumerate(ids) for provider in providers_of[group_id]]
    rows, columns = zip(*pairs, strict=True)
    nodes = len(ids) + len(number)
    _, labels = connected_components(
        coo_matrix(([True] * len(pairs), (rows, columns)), (nodes, nodes)), directed=False
    )
    parts: dict[int, list[str]] = defaultdict(list)
    for group_id, label in zip(ids, labels, strict=False):
        parts[int(label)].append(group_id)
    return list(parts.values())
