"""No message has a password, whatever characters it is made of."""

import pytest

from hemosweep.tracking.credentials import shown, without_credentials


@pytest.mark.parametrize("password", ["s3cret", "s3/cret", "s3@cret", "s3cret@", "s3://cret", "s3:cret", "12/s3cret"])
def test_all_that_stands_before_a_host_is_taken_out(password):
    address = f"http://ann:{password}@lab:5000/path"
    assert without_credentials(address) == "http://lab:5000/path"
    assert without_credentials(f"GET {address}/api failed (at {address})") == (
        "GET http://lab:5000/path/api failed (at http://lab:5000/path)"
    )
    assert without_credentials(f"ann:{password}@lab:5000") == "lab:5000"
    assert shown(f"mlflow:{address}?token=s3cret#s3cret") == "mlflow:http://lab:5000/path"


def test_what_has_no_credentials_stays():
    for text in ("http://lab:5000/a", "sqlite:////data/a@b/mlflow.db", "se/unet@1 and se/unet@2", "by mail: a@b"):
        assert without_credentials(text) == text


@pytest.mark.parametrize("address", ["http://ann:s3?cret@lab", "http://lab/?token=s3@cret", "http://lab/#s3@cret"])
def test_of_an_address_whose_parts_cannot_be_told_from_each_other_the_scheme_is_shown(address):
    assert shown(address) == "http://..."
    assert "cret" not in shown(address.removeprefix("http://"))
