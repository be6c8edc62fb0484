"""Certificates for the TLS tests, made anew for each run by trustme."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import trustme


@dataclass(frozen=True)
class Certificates:
    """Files: an authority, a client's key and certificate from it, and one of a stranger's."""

    ca: Path
    client_key: Path
    client_certificate: Path
    stranger_key: Path
    stranger_certificate: Path
    server_key: str
    server_certificate: str

    def write_config(self, file: Path, client_verify: bool = False) -> Path:
        """An `ssl.config` in TensorFlow Serving's form."""
        lines = {
            "server_key": self.server_key,
            "server_cert": self.server_certificate,
            "custom_ca": self.ca.read_text(),
        }
        text = "".join(f"{name}: {_quoted(value)}\n" for name, value in lines.items())
        file.write_text(text + f"client_verify: {str(client_verify).lower()}\n")
        return file


def _quoted(text: str) -> str:
    return '"' + text.replace("\n", "\\n") + '"'


def make_certificates(folder: Path) -> Certificates:
    authority, other = trustme.CA(), trustme.CA()
    server = authority.issue_cert("127.0.0.1", "localhost")
    paths = {name: folder / f"{name}.pem" for name in ("ca", "ck", "cc", "sk", "sc")}
    authority.cert_pem.write_to_path(paths["ca"])
    for issuer, key, certificate in ((authority, "ck", "cc"), (other, "sk", "sc")):
        issued = issuer.issue_cert("client@example.org")
        issued.private_key_pem.write_to_path(paths[key])
        issued.cert_chain_pems[0].write_to_path(paths[certificate])
    return Certificates(
        ca=paths["ca"],
        client_key=paths["ck"],
        client_certificate=paths["cc"],
        stranger_key=paths["sk"],
        stranger_certificate=paths["sc"],
        server_key=server.private_key_pem.bytes().decode(),
        server_certificate=server.cert_chain_pems[0].bytes().decode(),
    )
