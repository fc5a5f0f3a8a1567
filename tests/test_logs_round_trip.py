"""Logs made of the released part's histories give back those histories."""

import pytest
from conftest import ROOT
from fakes import WordEncoder
from petoolkit.builder.logs import logs_import

from petoolbench import SETTINGS


@pytest.mark.slow
def test_histories_of_the_released_part_come_back_as_they_were(official_part, tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(ROOT / "benchmarks")
    from logs_round_trip import round_trip

    monkeypatch.setattr(logs_import, "make_encoder", lambda model, endpoint: WordEncoder())
    numbers = round_trip(official_part, tmp_path)
    assert list(numbers) == list(SETTINGS)
    for counts in numbers.values():
        assert counts["rows"] == counts["imported"] == counts["same gold call"] == counts["same history"] == 440
