"""The short form of `make soak`: nothing that a call takes is left behind."""

import importlib.util
from dataclasses import fields, replace

import pytest
from support import ROOT

CALLS = 2_000

_spec = importlib.util.spec_from_file_location("soak", ROOT / "tests" / "soak" / "soak.py")
soak = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(soak)


def test_nothing_grows():
    assert soak.soak(CALLS) == []


@pytest.mark.parametrize("name", [field.name for field in fields(soak.Holding)])
def test_growth_is_noticed(name):
    before = soak.Holding(rss=20 << 20, fds=20, threads=2, processes=2, tmp=0)
    assert soak.growth("daemon", before, before) == []
    grown = {"rss": soak.RSS_GROWTH_BYTES_MAX + 1, "fds": soak.FD_GROWTH_MAX + 1}.get(name, 1)
    after = replace(before, **{name: getattr(before, name) + grown})
    (problem,) = soak.growth("daemon", before, after)
    assert problem.startswith(f"daemon: {name} grew")
