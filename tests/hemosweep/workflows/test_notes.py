"""The commands that come after a sweep."""

from hemosweep.workflows.sweeping.notes import MOST_COMPARISONS, compare_commands


def pairs(number: int) -> list[tuple[str, str]]:
    return [("unet", f"net {place}") for place in range(number)]


def test_every_comparison_has_its_command_and_all_have_one() -> None:
    assert compare_commands("lab", pairs(2)) == [
        "compare lab/unet 'lab/net 0'",
        "compare lab/unet 'lab/net 1'",
        "compare-all lab",
    ]
    assert compare_commands("lab", []) == []


def test_the_first_of_many_comparisons_stands_for_them() -> None:
    assert len(compare_commands("lab", pairs(MOST_COMPARISONS))) == MOST_COMPARISONS + 1
    assert compare_commands("lab", pairs(MOST_COMPARISONS + 1)) == ["compare lab/unet 'lab/net 0'", "compare-all lab"]
