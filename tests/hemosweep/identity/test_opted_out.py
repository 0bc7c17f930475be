"""Modules that are no part of any name: by an entry of their own, or of their package."""

import pytest

from hemosweep.identity.opted_out import OPTED_OUT, is_opted_out


@pytest.mark.parametrize(
    ("name", "out"),
    [
        ("hemosweep", True),
        ("hemosweep.errors", True),
        ("hemosweep.identity", True),
        ("hemosweep.identity.code", True),
        ("hemosweep.report.terminal.lines", True),
        ("hemosweep.foldrun.seal", True),
        ("hemosweep.foldrun", False),
        ("hemosweep.foldrun.other", False),
        ("hemosweep.report", False),
        ("hemosweep.errors.other", False),
        ("hemosweep.identity_of", False),
        ("hemosweep.training.loop", False),
        ("errors", False),
        ("lab", False),
        ("lab.identity.code", False),
    ],
)
def test_an_entry_is_of_one_module_or_of_a_package_with_its_modules(name, out):
    assert is_opted_out(name) is out
    assert (name in OPTED_OUT) <= out
