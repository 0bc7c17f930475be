import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hemosweep.report.names import MAX_LENGTH, safe_name


@pytest.mark.parametrize(
    ("arm", "expected"),
    [
        ("24x24x8", "24x24x8"),
        ("se_unet", "se_unet"),
        ("lesion/symmetric", "lesion__symmetric"),
        ("brain+lesion+center", "brain_and_lesion_and_center"),
        ("lesion|hyperdense/symmetric@1", "lesion_or_hyperdense__symmetric@1"),
        ("500->3000", "500_to_3000"),
    ],
)
def test_the_papers_arms_stay_readable(arm, expected):
    assert safe_name(arm) == expected


@pytest.mark.parametrize(
    "texts",
    [
        ("a+b", "a_and_b"),
        ("a/b", "a__b"),
        ("a/b", "a//b", "a_/b", "a/_b", "a___b"),
        ("a>b", "a<b", "a-b", "a b"),
        ("arm", "Arm", "ARM"),
        ("", ".", "..", "..."),
        ("x" * 200, "x" * 201),
    ],
    ids=["word", "separator", "underscores", "other signs", "case", "dots", "long"],
)
def test_texts_that_look_alike_get_names_of_their_own(texts):
    names = {safe_name(text).lower() for text in texts}
    assert len(names) == len(texts)


@given(st.lists(st.text(alphabet="aA_+|>/-. @<é", max_size=8), min_size=2, max_size=6, unique=True))
def test_names_are_unique_and_safe_on_any_file_system(texts):
    names = [safe_name(text) for text in texts]
    assert len({name.lower() for name in names}) == len(texts)
    for name in names:
        assert re.fullmatch(r"[A-Za-z0-9_@-]([A-Za-z0-9_.@-]*[A-Za-z0-9_@-])?", name), name
        assert len(name) <= MAX_LENGTH + 13
