"""`hemosweep cluster-certs`: certificates, and commands that use them as they stand."""

import shlex
from pathlib import Path

import pytest

from hemosweep.errors import BadInput
from hemosweep.workflows.certificates import make_cluster_certificates

pytest.importorskip("cryptography")


def test_the_commands_name_the_files_and_the_output_folder(tmp_path):
    out = tmp_path / "my runs"
    certificate, key, _, scheduler, worker, sweep = make_cluster_certificates(None, out)
    assert str(out / "cluster-certs" / "certificate.pem") in certificate
    assert str(out / "cluster-certs" / "key.pem") in key
    for command in (scheduler, worker):
        words = shlex.split(command)
        assert words[words.index("--tls-key") + 1] == str(out / "cluster-certs" / "key.pem")
        assert words[words.index("--scheduler-file") + 1] == str(out / "scheduler.json")
    assert shlex.split(sweep)[-2:] == ["--out", str(out)]


def test_a_folder_of_the_user_s_is_named_to_the_sweep(tmp_path):
    *_, sweep = make_cluster_certificates(tmp_path / "certs", tmp_path / "runs")
    assert Path(shlex.split(sweep)[-1]) == tmp_path / "certs"
    with pytest.raises(BadInput, match="certs"):
        make_cluster_certificates(tmp_path / "certs", tmp_path / "runs")
