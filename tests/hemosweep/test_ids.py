"""Ids in one Unicode form."""

import pytest

from hemosweep.errors import BadInput
from hemosweep.ids import by_id, canonical_id

COMPOSED, DECOMPOSED = "Mu\u0308ller".replace("u\u0308", "\u00fc"), "Mu\u0308ller"


def test_two_spellings_of_one_name_are_one_id():
    assert COMPOSED != DECOMPOSED
    assert canonical_id(DECOMPOSED) == canonical_id(COMPOSED) == COMPOSED


@pytest.mark.parametrize("text", ["sub-001", "007", "P \u00d8", COMPOSED, "\uff53\uff55\uff42-\uff11", "", "\udc80"])
def test_an_id_that_is_canonical_stays_as_it_is(text):
    assert canonical_id(text) == text


def test_a_mapping_is_by_canonical_ids_and_refuses_two_that_are_one():
    assert by_id({DECOMPOSED: 1, "b": 2}) == {COMPOSED: 1, "b": 2}
    with pytest.raises(BadInput, match="M\u00fcller is there twice, in two Unicode forms"):
        by_id({DECOMPOSED: 1, COMPOSED: 2})
