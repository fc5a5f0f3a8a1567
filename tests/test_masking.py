"""Keys in texts of servers, in every form in which a server repeats them."""

import base64
from urllib.parse import quote

import pytest

from petoolkit.masking import masked

KEY = "sk-proj/Ab+c9_Xy=z0"
SAID = "the key {} is wrong"


@pytest.mark.parametrize(
    "form",
    [
        KEY,
        KEY.upper(),
        KEY.lower(),
        quote(KEY),
        quote(KEY, safe=""),
        "".join(f"%{byte:02X}" for byte in KEY.encode()),
        KEY.encode().hex(),
        KEY.encode().hex().upper(),
        *(base64.b64encode(("x" * n + KEY + "y" * more).encode()).decode() for n in range(4) for more in range(3)),
        *(base64.urlsafe_b64encode(("x" * n + KEY).encode()).decode() for n in range(3)),
    ],
)
def test_a_key_is_masked_in_every_form(form):
    text = masked(SAID.format(form), {KEY: "[key]"})
    rest = text.removeprefix("the key ").removesuffix(" is wrong")
    assert "[key]" in rest
    assert len(rest.replace("[key]", "")) <= 8  # digits of what stood beside the key in base64


def test_other_text_stays_and_a_short_key_is_masked_as_it_is_only():
    assert masked("none is None", {"none": "[key]"}) == "[key] is None"
    assert masked("any text", {KEY: "[key]", "": "[empty]"}) == "any text"
