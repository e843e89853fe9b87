"""docs/numpy.md says what the code does."""

import importlib.util

import pytest


def test_up_to_date(source_tree):
    pytest.importorskip("scipy")
    spec = importlib.util.spec_from_file_location("table", source_tree / "tools" / "make_support_table.py")
    table = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(table)
    told = "docs/numpy.md is behind the code: run python tools/make_support_table.py"
    assert table.FILE.read_text(encoding="utf-8") == table.page(), told
