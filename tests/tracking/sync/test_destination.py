import pytest

from hemosweep.errors import BadInput
from hemosweep.tracking.sync.destination import find_destination


def test_the_option_goes_before_the_environment_and_none_switches_both_off(monkeypatch):
    assert find_destination(None) is None
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://lab:5000/")
    assert (find_destination(None).uri, find_destination(None).named_by) == ("http://lab:5000", "MLFLOW_TRACKING_URI")
    assert find_destination("https://other/mlflow").uri == "https://other/mlflow"
    assert find_destination("none") is None


def test_credentials_in_an_address_go_to_the_environment_of_the_recorder_alone():
    found = find_destination("http://ann:p%40ss@lab:5000")
    assert found.uri == "http://lab:5000"
    assert "p@ss" not in repr(found)
    environment = found.for_process()
    assert environment["MLFLOW_TRACKING_URI"] == "http://lab:5000"
    assert (environment["MLFLOW_TRACKING_USERNAME"], environment["MLFLOW_TRACKING_PASSWORD"]) == ("ann", "p@ss")


def test_no_message_has_a_password_or_a_token(monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_TOKEN", "t0ken")
    found = find_destination("http://ann:p%40ss@lab:5000")
    said = found.without_secrets("http://ann:p%40ss@lab:5000/api with p@ss, t0ken and Basic YW5uOnBAc3M= failed")
    assert said == "http://lab:5000/api with [secret], [secret] and Basic [secret] failed"


@pytest.mark.parametrize(
    ("address", "reason"),
    [
        ("localhost:5000", "has no http://"),
        ("mlruns", "has no http://"),
        ("file:///data/mlruns", "file: is not supported"),
        ("postgresql://ann:secret@lab/mlflow", "postgresql: is not supported"),
        ("http://lab:5000/?token=secret", "no [?] or #"),
        ("http://lab:port", "it is no address"),
        ("sqlite:///runs.db", "needs its whole path"),
        ("http://ann:secret/1@lab", "/ is %2F"),
        ("http://ann:secret?@lab", "in a password these are %3F"),
        ("http://ann:1/secret@lab", "/ is %2F"),
        ("http://[ann:secret@lab", "it is no address"),
        ("ann:secret@lab:5000", "has no http://"),
        ("http://lab/?token=secret@1", "no [?] or #"),
        ("", "has no http://"),
    ],
)
def test_what_is_no_server_is_refused_in_one_line_without_its_password(address, reason):
    with pytest.raises(BadInput, match=reason) as refused:
        find_destination(address)
    assert "such as http://HOST:5000" in str(refused.value)
    assert not any(part in str(refused.value) for part in ("ann", "secret"))
