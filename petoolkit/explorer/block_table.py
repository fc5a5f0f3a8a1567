"""The users of a block side by side: which calls each of them made, and which tool each prefers."""

from dataclasses import dataclass

from petoolbench import KINDS, SETTINGS, ToolName, setting_of
from petoolkit.block_rules import liked_calls
from petoolkit.explorer.content import Content
from petoolkit.explorer.view import View
from petoolkit.row_reasons import reason_of


@dataclass(frozen=True)
class BlockUser:
    """One of a block's users; `query` leads to the row, and is empty for the open row."""

    user_id: str
    gold: ToolName
    trait: str
    query: str


@dataclass(frozen=True)
class BlockCall:
    """A past call of some of the users.

    Args:
        name: of the called tool.
        traits: those that it shows and that decide between the candidates.
        cells: for each user, `liked` or `disliked` with what stands in the cell (a sign, or the call's number in a
            history whose order decides); `None` for users whose history does not have the call.
    """

    name: ToolName
    traits: list[str]
    cells: list[tuple[str, str] | None]


@dataclass(frozen=True)
class BlockTable:
    """The preference rows of a block in one setting."""

    users: list[BlockUser]
    calls: list[BlockCall]
    other_kinds: list[tuple[str, str]]  # of the block's rows of other kinds: the user's id, and the query to the row


def block_table(content: Content, view: View, row: dict) -> BlockTable | None:
    """The block of a row; `None` if it has none, or if no other row of it is there.

    Args:
        content: that holds the row.
        view: whose page and filters the links keep.
        row: the open one.
    """
    numbers = content.index.block_numbers(row["block_id"], setting_of(row))
    rows = [content.index.row(number) for number in numbers]
    if len(rows) < 2:
        return None

    def query(one: dict) -> str:
        return "" if one["id"] == row["id"] else view.opened(one["id"], view.page, beside=row["id"]).query

    of_users = [one for one in rows if one["kind"] == KINDS[0]]
    users = []
    for one in of_users:
        reason = reason_of(one)
        gold = ToolName.parse(one["tool_call"]["tool_name"])
        users.append(BlockUser(one["user_id"], gold, reason.trait if reason else "", query(one)))
    others = [(one["user_id"], query(one)) for one in rows if one["kind"] != KINDS[0]]
    return BlockTable(users, _calls(of_users, row["id"], SETTINGS[setting_of(row)].is_rated), others)


def _calls(rows: list[dict], open_row: str, is_rated: bool) -> list[BlockCall]:
    """The calls of these users: those of the open row, then others, each in its history's order."""
    names: dict[tuple[str, str], tuple[ToolName, list[str]]] = {}
    cells: dict[tuple[str, str], list[tuple[str, str] | None]] = {}
    for user, row in sorted(enumerate(rows), key=lambda numbered: numbered[1]["id"] != open_row):
        reason = reason_of(row)
        for position, (call, is_liked) in enumerate(zip(row["history"], liked_calls(row), strict=True)):
            key = (call["instruction"], call["tool_name"])
            if key not in names:
                traits = reason.call_traits[position] if reason else []
                names[key] = ToolName.parse(call["tool_name"]), traits
                cells[key] = [None] * len(rows)
            sign = ("+" if is_liked else "\N{MINUS SIGN}") if is_rated else str(position + 1)
            cells[key][user] = ("liked" if is_liked else "disliked", sign)
    return [BlockCall(name, traits, cells[key]) for key, (name, traits) in names.items()]
