"""An address has a store's URI, a sweep and a run, whatever stands in the way."""

from pathlib import Path

import pytest

from hemosweep.errors import BadInput
from hemosweep.tracking.address import Address, is_address, parse_address
from hemosweep.tracking.references import find_place, find_reference, find_sweep

SERVER = "mlflow:http://127.0.0.1:5000"


@pytest.mark.parametrize(
    ("text", "address"),
    [
        (SERVER, Address(uri="http://127.0.0.1:5000")),
        (f"{SERVER}/", Address(uri="http://127.0.0.1:5000")),
        (f"{SERVER}/hemosweep/se", Address(uri="http://127.0.0.1:5000", sweep="se")),
        (f"{SERVER}/hemosweep/se/unet@1", Address(uri="http://127.0.0.1:5000", sweep="se", run="unet@1")),
        (
            "mlflow:https://lab.example/mlflow/hemosweep/sampling/lesion|hyperdense/symmetric",
            Address(uri="https://lab.example/mlflow", sweep="sampling", run="lesion|hyperdense/symmetric"),
        ),
        (
            "mlflow:https://lab.example/hemosweep/hemosweep/se/unet",
            Address(uri="https://lab.example/hemosweep", sweep="se", run="unet"),
        ),
    ],
)
def test_a_server_may_have_a_path_and_an_arm_a_slash(text, address):
    assert is_address(text)
    assert parse_address(text) == address


def test_a_file_may_lie_in_a_folder_named_as_our_experiments(tmp_path):
    file = tmp_path / "hemosweep" / "runs" / "mlflow.db"
    file.parent.mkdir(parents=True)
    file.touch()
    uri = f"sqlite:///{file}"
    assert parse_address(f"mlflow:{uri}") == Address(uri=uri)
    assert parse_address(f"mlflow:{uri}/hemosweep/se/unet") == Address(uri=uri, sweep="se", run="unet")
    with pytest.raises(BadInput, match="an experiment is due, such as hemosweep/patchsize"):
        parse_address(f"mlflow:{uri}/se")
    with pytest.raises(BadInput, match="there is no such file"):
        parse_address(f"mlflow:sqlite:///{tmp_path}/none.db/hemosweep/se")


@pytest.mark.parametrize(
    "uri",
    [
        "ftp://host/x",
        "runs",
        "http://",
        "http://host:port/hemosweep/se",
        "http://host/?token=x",
        "http://host/#/experiments/1",
        "sqlite://x",
    ],
)
def test_what_is_no_address_is_told_with_the_form_of_one(uri):
    with pytest.raises(BadInput, match=r"is no address of an MLflow store; give mlflow:http://HOST:PORT/hemosweep/"):
        parse_address(f"mlflow:{uri}")


@pytest.mark.parametrize(
    "place",
    [
        "https://jane:s3cret@lab",
        "https://jane:s3/cret@lab",
        "https://jane:1/s3cret@lab",
        "https://[jane:s3cret@lab",
        "https://jane:s3@cret@lab:port",
        "https://lab/path@s3cret@lab",
        "jane:s3cret@lab",
    ],
)
def test_a_password_in_an_address_is_refused_and_not_repeated(place):
    with pytest.raises(BadInput, match=r"^mlflow:(https://)?lab(:port)?: leave .*_PASSWORD") as raised:
        parse_address(f"mlflow:{place}/hemosweep/se/unet@1")
    assert not any(part in str(raised.value) for part in ("jane", "s3", "cret"))


def test_an_address_without_its_first_word_is_one_too_so_that_no_message_repeats_its_password():
    assert is_address("http://127.0.0.1:5000")
    assert not is_address("se/unet@1")
    for find in (lambda text: find_place(text, None), lambda text: find_reference(Path("runs"), text)):
        with pytest.raises(BadInput, match="leave the user's name and password out") as raised:
            find("http://jane:s3cret@lab/hemosweep/se")
        assert "s3cret" not in str(raised.value)


def test_a_sweep_is_asked_for_without_a_run(tmp_path):
    with pytest.raises(BadInput, match="names a run; leave out all that follows hemosweep/se"):
        find_sweep(tmp_path, f"{SERVER}/hemosweep/se/unet")
    with pytest.raises(BadInput, match="--sweep loss: the address names sweep se"):
        find_place(f"{SERVER}/hemosweep/se", "loss")
    with pytest.raises(BadInput, match=r"patchsize: is no address .* a folder is given with --out"):
        find_place("patchsize", None)
