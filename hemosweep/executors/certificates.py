"""Certificate of a cluster for Dask's TLS: one certificate that all its machines present and trust, and its key.

The certificate signs itself and is its own authority. Everyone who has the key can use the cluster: scheduler, workers
and driver all use these two files. Host names are not checked, since a cluster's machines change.
"""

import ssl
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from hemosweep.errors import BadInput
from hemosweep.files import replacing

if TYPE_CHECKING:
    from cryptography.x509 import Certificate
    from distributed import Security

FOLDER_NAME = "cluster-certs"
CERTIFICATE_NAME = "certificate.pem"
KEY_NAME = "key.pem"
COMMAND = "hemosweep cluster-certs"
NAME = "hemosweep cluster"
"""Name in the certificate. It tells nothing about the machine or the user."""
VALID = timedelta(days=5 * 365)
_CLOCKS_MAY_DIFFER_BY = timedelta(days=1)


@dataclass(frozen=True, kw_only=True, slots=True)
class Certificates:
    """Paths of the two files."""

    certificate: Path
    key: Path

    @classmethod
    def at(cls, folder: Path) -> "Certificates":
        return cls(certificate=folder / CERTIFICATE_NAME, key=folder / KEY_NAME)

    @property
    def options(self) -> tuple[str, ...]:
        """Options for `dask scheduler` and `dask worker`."""
        certificate = str(self.certificate)
        return ("--tls-ca-file", certificate, "--tls-cert", certificate, "--tls-key", str(self.key))


def make_certificates(folder: Path) -> Certificates:
    """Make a folder with a new certificate and its key. Only the user can enter the folder.

    Raises:
        BadInput: the folder is not empty, or the cluster extra is not installed.
    """
    certificate, key = _make(datetime.now(UTC))
    folder = folder.resolve()
    files = Certificates.at(folder)
    if files.certificate.exists() or files.key.exists():
        raise BadInput(
            f"{folder} has certificates already, which a cluster may be using; delete the folder first, or give another"
        )
    if folder.exists() and not (folder.is_dir() and not any(folder.iterdir())):
        raise BadInput(f"{folder} is not an empty folder; give an empty one, or a path that does not exist yet")
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    folder.chmod(0o700)
    for path, content in ((files.key, key), (files.certificate, certificate)):
        with replacing(path) as temporary:
            temporary.touch(mode=0o600)
            temporary.write_bytes(content)
    return files


def security(folder: Path) -> "Security":
    """Settings of a Dask client, scheduler or worker that connects only to others with the certificate in a folder.

    Raises:
        BadInput: the files are missing, unusable, expired or not yet valid, or other users can read the key; or the
            cluster extra is not installed.
    """
    files = Certificates.at(folder.resolve())
    certificate = _read(files)
    now = datetime.now(UTC)
    again = f"make new ones with {COMMAND} and start the cluster with them"
    if now > certificate.not_valid_after_utc:
        raise BadInput(f"{files.certificate}: expired on {certificate.not_valid_after_utc:%Y-%m-%d}; {again}")
    if now < certificate.not_valid_before_utc:
        first = f"{certificate.not_valid_before_utc:%Y-%m-%d}"
        raise BadInput(f"{files.certificate}: not valid before {first}; set this machine's clock, or {again}")
    if files.key.stat().st_mode & 0o077:
        raise BadInput(f"{files.key}: others can read this key; {again}, or chmod 600 it if nobody has")
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_cert_chain(files.certificate, files.key)
    except ssl.SSLError as error:
        raise BadInput(f"{files.key}: not the key of {files.certificate.name} ({error.reason}); {again}") from None
    try:
        from distributed import Security
    except ModuleNotFoundError as error:
        raise _not_installed(error) from None
    roles = ("client", "scheduler", "worker")
    return Security(
        require_encryption=True,
        tls_ca_file=str(files.certificate),
        **{f"tls_{role}_cert": str(files.certificate) for role in roles},
        **{f"tls_{role}_key": str(files.key) for role in roles},
    )


def _read(files: Certificates) -> "Certificate":
    try:
        from cryptography.x509 import load_pem_x509_certificate
    except ModuleNotFoundError as error:
        raise _not_installed(error) from None
    try:
        content, _ = files.certificate.read_bytes(), files.key.read_bytes()
    except (FileNotFoundError, NotADirectoryError) as error:
        raise BadInput(f"{error.filename}: not found; make certificates with {COMMAND}") from None
    except OSError as error:
        reason = f"cannot be read ({error.strerror})"
        raise BadInput(f"{error.filename}: {reason}; make certificates of your own with {COMMAND}") from None
    try:
        return load_pem_x509_certificate(content)
    except ValueError:
        raise BadInput(f"{files.certificate}: not a certificate (PEM); make one with {COMMAND}") from None


def _make(now: datetime) -> tuple[bytes, bytes]:
    """Return a self-signed certificate and its private key, both as PEM.

    It carries the extensions that RFC 5280 requires of an authority, since Python 3.13 and later check them.
    """
    try:
        from cryptography import x509
        from cryptography.hazmat.primitives import hashes, serialization
        from cryptography.hazmat.primitives.asymmetric import ec
        from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
    except ModuleNotFoundError as error:
        raise _not_installed(error) from None
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, NAME)])
    identifier = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
    usage = x509.KeyUsage(
        digital_signature=True,
        key_cert_sign=True,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        crl_sign=False,
        encipher_only=False,
        decipher_only=False,
    )
    both_ends = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _CLOCKS_MAY_DIFFER_BY)
        .not_valid_after(now + VALID)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(both_ends, critical=False)
        .add_extension(identifier, critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(identifier), critical=False)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return certificate.public_bytes(serialization.Encoding.PEM), private


def _not_installed(error: ModuleNotFoundError) -> BadInput:
    return BadInput(f"TLS ({error.name} is missing) needs the cluster extra: pip install 'hemosweep[cluster]'")
