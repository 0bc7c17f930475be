import pytest

from hemosweep.durations import duration, read_seconds
from hemosweep.errors import BadInput


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.0, "0 s"),
        (0.4, "0 s"),
        (45.0, "45 s"),
        (59.4, "59 s"),
        (59.6, "1 min 00 s"),
        (60.0, "1 min 00 s"),
        (200.0, "3 min 20 s"),
        (3599.0, "59 min 59 s"),
        (3599.6, "1 h 00 min"),
        (3600.0, "1 h 00 min"),
        (7500.0, "2 h 05 min"),
        (100 * 3600.0, "100 h 00 min"),
    ],
)
def test_a_duration_reads_as_people_say_it(seconds, text):
    assert duration(seconds) == text


@pytest.mark.parametrize(
    ("text", "seconds"), [("45m", 2700.0), ("1h30m", 5400.0), ("2d", 172_800.0), ("1d1h1m1s", 90_061.0), ("0s", 0.0)]
)
def test_a_time_is_read_as_people_write_it(text, seconds):
    assert read_seconds("--budget", text) == seconds


@pytest.mark.parametrize("text", ["", "12", "h", "1.5h", "1 h", "-1h", "1h30"])
def test_a_text_that_is_no_time_is_refused_with_its_option(text):
    with pytest.raises(BadInput, match=r"--budget .*: give a time such as 45m, 1h30m or 2d"):
        read_seconds("--budget", text)
