"""Certificates of the server, from an `ssl.config` in TensorFlow Serving's form.

TensorFlow Serving secures gRPC only with it; this server secures REST too.
"""

from __future__ import annotations

import os
import ssl
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import grpc

from tfmm.serving.server.config_messages import read_message
from tfmm.serving.server.errors import ServingConfigError


@dataclass(frozen=True)
class ServerTls:
    """A server's key and certificates, all as PEM text.

    Attributes:
        key: the private key.
        certificate: the certificate chain that clients see.
        client_ca: the authorities whose client certificates are accepted, "" for none.
        client_verify: whether a client must show such a certificate.
    """

    key: str
    certificate: str
    client_ca: str = ""
    client_verify: bool = False

    @classmethod
    def from_file(cls, file: str | os.PathLike[str]) -> Self:
        """Read an `ssl.config`: `server_key`, `server_cert`, `custom_ca`, `client_verify`.

        Raises:
            ServingConfigError: the file is missing, does not parse, or its key and certificate do
                not fit; no message quotes a key.
        """
        message = read_message(file, "SSLConfig")
        made = cls(
            message.server_key, message.server_cert, message.custom_ca, message.client_verify
        )
        if not made.key or not made.certificate:
            raise ServingConfigError(
                f"The SSLConfig file {file} needs server_key and server_cert, the PEM texts "
                "themselves with \\n for each line's end."
            )
        if made.client_verify and not made.client_ca:
            raise ServingConfigError(
                f"The SSLConfig file {file} asks for client certificates (client_verify) but names "
                "no custom_ca to check them with."
            )
        try:
            made.context()
        except (ssl.SSLError, ValueError) as error:
            raise ServingConfigError(
                f"The SSLConfig file {file} holds no key, certificate and custom_ca that fit "
                f"together: {error}."
            ) from None
        return made

    def context(self) -> ssl.SSLContext:
        """For the REST port: TLS 1.2 or later."""
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        # The ssl module reads keys from files only.
        with tempfile.TemporaryDirectory() as folder:
            key, certificate = Path(folder, "key"), Path(folder, "certificate")
            key.touch(mode=0o600)
            key.write_text(self.key)
            certificate.write_text(self.certificate)
            context.load_cert_chain(certificate, key)
        if self.client_ca:
            context.load_verify_locations(cadata=self.client_ca)
        if self.client_verify:
            context.verify_mode = ssl.CERT_REQUIRED
        return context

    def credentials(self) -> grpc.ServerCredentials:
        """For the gRPC port."""
        return grpc.ssl_server_credentials(
            [(self.key.encode(), self.certificate.encode())],
            self.client_ca.encode() or None,
            self.client_verify,
        )
