"""Certificates for a Dask cluster: who is let in with them and who is not, by real handshakes and a real cluster."""

import os
import socket
import ssl
import stat
import sys
from datetime import UTC, datetime, timedelta

import pytest

from hemosweep.errors import BadInput
from hemosweep.executors import certificates
from hemosweep.executors.certificates import Certificates, make_certificates, security
from tests.dask_cluster import dask_cluster
from tests.processes import wait_for

pytest.importorskip("distributed", reason="the cluster extra is not installed")


@pytest.fixture
def made(tmp_path):
    return make_certificates(tmp_path / "certs")


def folder_of(made):
    return made.key.parent


def write(folder, certificate, key):
    files = Certificates.at(folder)
    folder.mkdir(exist_ok=True)
    files.certificate.write_bytes(certificate)
    files.key.write_bytes(key)
    files.key.chmod(0o600)
    return files


def mode(path):
    return stat.S_IMODE(path.stat().st_mode)


# --- Making them ------------------------------------------------------------------------------------------------------


def test_the_key_and_its_folder_are_for_nobody_else(made):
    assert (mode(folder_of(made)), mode(made.key)) == (0o700, 0o600)
    assert sorted(path.name for path in folder_of(made).iterdir()) == ["certificate.pem", "key.pem"]


def test_the_key_is_never_open_to_others_not_even_while_it_is_written(tmp_path, monkeypatch):
    modes = []
    replace = os.replace

    def seen(source, target):
        modes.append(mode(source))
        replace(source, target)

    monkeypatch.setattr("os.replace", seen)
    earlier = os.umask(0)
    try:
        make_certificates(tmp_path / "certs")
    finally:
        os.umask(earlier)
    assert modes == [0o600, 0o600]
    assert mode(tmp_path / "certs") == 0o700


def test_a_certificate_is_its_own_authority_on_p256_for_five_years_and_names_neither_host_nor_user(made):
    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric import ec

    certificate = x509.load_pem_x509_certificate(made.certificate.read_bytes())
    certificate.verify_directly_issued_by(certificate)
    assert isinstance(certificate.public_key().curve, ec.SECP256R1)
    assert certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    left = certificate.not_valid_after_utc - datetime.now(UTC)
    assert timedelta(days=5 * 365 - 1) < left < timedelta(days=5 * 365 + 1)
    assert certificate.subject.rfc4514_string() == certificate.issuer.rfc4514_string() == "CN=hemosweep cluster"
    named = {extension.oid._name for extension in certificate.extensions}
    assert named == {
        "basicConstraints",
        "keyUsage",
        "extendedKeyUsage",
        "subjectKeyIdentifier",
        "authorityKeyIdentifier",
    }


def test_no_two_are_the_same(tmp_path):
    first, second = (make_certificates(tmp_path / name) for name in ("a", "b"))
    assert first.key.read_bytes() != second.key.read_bytes()
    assert first.certificate.read_bytes() != second.certificate.read_bytes()


def test_those_that_are_there_are_never_overwritten(made):
    before = made.key.read_bytes()
    with pytest.raises(BadInput, match=r"has certificates already.*delete the folder first, or give another"):
        make_certificates(folder_of(made))
    assert made.key.read_bytes() == before


@pytest.mark.parametrize("lost", ["certificate.pem", "key.pem"])
def test_half_of_them_is_not_overwritten_either(made, lost):
    (folder_of(made) / lost).unlink()
    with pytest.raises(BadInput, match="has certificates already"):
        make_certificates(folder_of(made))


def test_a_folder_with_other_things_keeps_its_doors_as_they_are(tmp_path):
    folder = tmp_path / "thesis"
    folder.mkdir(mode=0o755)
    (folder / "chapter.txt").write_text("mine")
    with pytest.raises(BadInput, match="is not an empty folder"):
        make_certificates(folder)
    assert mode(folder) == 0o755
    with pytest.raises(BadInput, match="is not an empty folder"):
        make_certificates(folder / "chapter.txt")


def test_an_empty_folder_is_closed_before_the_key_comes_in(tmp_path):
    (tmp_path / "certs").mkdir(mode=0o755)
    assert mode(folder_of(make_certificates(tmp_path / "certs"))) == 0o700


@pytest.mark.parametrize("call", [make_certificates, security], ids=["make", "use"])
def test_without_the_cluster_extra_its_name_is_told(tmp_path, monkeypatch, call):
    for name in [name for name in sys.modules if name.split(".")[0] == "cryptography"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "cryptography", None)
    with pytest.raises(BadInput, match=r"needs the cluster extra: pip install 'hemosweep\[cluster\]'$"):
        call(tmp_path / "certs")


# --- Using them -------------------------------------------------------------------------------------------------------


def handshake(server, client):
    """A TLS handshake in memory, and a word from the client that the server reads."""
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    ends = [
        server.wrap_bio(to_server, to_client, server_side=True),
        client.wrap_bio(to_client, to_server, server_hostname="some.node"),
    ]
    waiting = [True, True]
    while any(waiting):
        for index, end in enumerate(ends):
            try:
                end.do_handshake()
                waiting[index] = False
            except ssl.SSLWantReadError:
                continue
    ends[1].write(b"hello")
    return ends[0].read(5)


def contexts(server, client):
    """Connections of Dask with them, under the strict look at certificates that Python 3.13 begins with."""
    listen = server.get_listen_args("scheduler")["ssl_context"]
    connect = client.get_connection_args("client")["ssl_context"]
    for context in (listen, connect):
        context.verify_flags |= ssl.VERIFY_X509_STRICT
    return listen, connect


def test_both_ends_with_the_same_certificate_talk_to_each_other(made):
    own = security(folder_of(made))
    assert own.require_encryption is True
    assert handshake(*contexts(own, own)) == b"hello"


def test_whoever_has_another_certificate_or_none_is_turned_away(made, tmp_path):
    own = security(folder_of(made))
    other = security(folder_of(make_certificates(tmp_path / "other")))
    for pair in ((own, other), (other, own)):
        with pytest.raises(ssl.SSLCertVerificationError):
            handshake(*contexts(*pair))
    listen, _ = contexts(own, own)
    without = ssl.create_default_context(cafile=made.certificate)
    without.check_hostname = False
    with pytest.raises(ssl.SSLError, match="PEER_DID_NOT_RETURN_A_CERTIFICATE"):
        handshake(listen, without)


def test_every_role_has_the_same_files(made):
    own = security(folder_of(made))
    for role in ("client", "scheduler", "worker"):
        files = own.get_tls_config_for_role(role)
        certificate = str(made.certificate)
        assert (files["ca_file"], files["cert"], files["key"]) == (certificate, certificate, str(made.key))


@pytest.mark.parametrize("lost", ["certificate.pem", "key.pem"])
def test_a_file_that_is_not_there_is_named_with_the_command_that_makes_it(made, lost):
    (folder_of(made) / lost).unlink()
    with pytest.raises(BadInput, match=f"{lost}: not found; make certificates with hemosweep cluster-certs$"):
        security(folder_of(made))


def test_a_folder_that_is_not_there_is_told(tmp_path):
    with pytest.raises(
        BadInput, match=r"certs/certificate\.pem: not found; make certificates with hemosweep cluster-certs$"
    ):
        security(tmp_path / "certs")


def test_certificates_of_somebody_else_cannot_be_read(as_nobody):
    made = make_certificates(as_nobody / "certs")
    made.key.chmod(0)
    with pytest.raises(BadInput, match=r"key\.pem: cannot be read \(Permission denied\).*hemosweep cluster-certs"):
        security(folder_of(made))
    folder_of(made).chmod(0)
    with pytest.raises(BadInput, match=r"certificate\.pem: cannot be read"):
        security(folder_of(made))
    folder_of(made).chmod(0o700)


@pytest.mark.parametrize(
    ("made_ago", "message"),
    [
        (timedelta(days=5 * 365, minutes=1), r"expired on \d{4}-\d\d-\d\d; make new ones with hemosweep cluster-certs"),
        (timedelta(days=-2), r"not valid before \d{4}-\d\d-\d\d; set this machine's clock"),
    ],
    ids=["expired", "of tomorrow"],
)
def test_certificates_of_another_time_are_refused_with_the_date(tmp_path, made_ago, message):
    write(tmp_path / "certs", *certificates._make(datetime.now(UTC) - made_ago))
    with pytest.raises(BadInput, match=message):
        security(tmp_path / "certs")


def test_a_machine_whose_clock_is_an_hour_behind_takes_a_new_certificate(tmp_path):
    write(tmp_path / "certs", *certificates._make(datetime.now(UTC) + timedelta(hours=1)))
    assert security(tmp_path / "certs")


def test_a_key_that_others_can_read_is_refused(made):
    made.key.chmod(0o640)
    with pytest.raises(BadInput, match=r"key\.pem: others can read this key"):
        security(folder_of(made))


def test_the_key_of_another_certificate_is_refused(made, tmp_path):
    other = make_certificates(tmp_path / "other")
    made.key.write_bytes(other.key.read_bytes())
    with pytest.raises(BadInput, match=r"key\.pem: not the key of certificate\.pem"):
        security(folder_of(made))


def test_what_is_no_certificate_is_refused(made):
    made.certificate.write_text("hello")
    with pytest.raises(BadInput, match=r"certificate\.pem: not a certificate"):
        security(folder_of(made))


# --- A real cluster ---------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_a_cluster_works_for_whoever_has_its_certificate_and_for_nobody_else(made, tmp_path):
    from distributed import Client

    other = make_certificates(tmp_path / "other")
    with dask_cluster(tmp_path, *made.options, num_workers=1, protocol="tls") as cluster:
        assert cluster.address.startswith("tls://127.0.0.1:")
        with Client(cluster.address, security=security(folder_of(made)), timeout=30) as client:
            client.wait_for_workers(1, timeout=60)
            assert client.submit(pow, 2, 10, resources={"GPU": 1}).result(timeout=30) == 1024
            (worker,) = client.scheduler_info()["workers"]
            assert worker.startswith("tls://")

        for options in (
            {"security": security(folder_of(other))},
            {},
            {"address": cluster.address.replace("tls", "tcp")},
        ):
            with pytest.raises((OSError, TypeError)):
                Client(**{"address": cluster.address, "timeout": 3} | options)
        host, _, port = cluster.address.removeprefix("tls://").partition(":")
        without = ssl.create_default_context(cafile=made.certificate)
        without.check_hostname = False
        with (
            socket.create_connection((host, int(port))) as plain,
            without.wrap_socket(plain) as connection,
            pytest.raises(ssl.SSLError, match="CERTIFICATE_REQUIRED"),
        ):
            connection.recv(1)  # In TLS 1.3 the refusal comes after the client's part of the handshake.

        log = (cluster.folder / "log.txt").read_text
        wait_for(lambda: "UNKNOWN_CA" in log() or "certificate verify failed" in log(), "the scheduler's word", 10)
