"""A real Kafka that lets in nobody who does not show a password or a certificate, and the settings to be let in with.

The listener CLIENTS stays open for the broker itself and for the question whether it is up; tests use the others.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import trustme
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    KeySerializationEncryption,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from dev import ports
from dev.broker_properties import NODE_ID
from dev.kafka import KafkaBroker
from dev.services import serving

USER: Final = "mal"
KAFKA_PASSWORD: Final = "marked-kafka-password"
KEY_PASSWORD: Final = "marked-key-password"
MECHANISMS: Final = ("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512")


@dataclass(frozen=True, slots=True)
class SecuredKafka:
    """Where its listeners are, and the files of those who may come in.

    `stranger` is the certificate of an authority that signed nothing here, `strangers_certificate` one it signed.
    """

    broker: KafkaBroker
    sasl_port: int
    mtls_port: int
    ca: Path
    certificate: Path
    key: Path
    stranger: Path
    strangers_certificate: Path

    def with_password(self, mechanism: str = "SCRAM-SHA-512", **more: str) -> dict[str, str]:
        """Return the environment of a process that shows a user's password over TLS."""
        return {
            "MAL_KAFKA_BOOTSTRAP_SERVERS": f"{ports.HOST}:{self.sasl_port}",
            "MAL_KAFKA_SECURITY_PROTOCOL": "SASL_SSL",
            "MAL_KAFKA_SASL_MECHANISM": mechanism,
            "MAL_KAFKA_SASL_USERNAME": USER,
            "MAL_KAFKA_SASL_PASSWORD": KAFKA_PASSWORD,
            "MAL_KAFKA_SSL_CAFILE": str(self.ca),
            **more,
        }

    def with_certificate(self, **more: str) -> dict[str, str]:
        """Return the environment of a process that shows a certificate, whose key is encrypted."""
        return {
            "MAL_KAFKA_BOOTSTRAP_SERVERS": f"{ports.HOST}:{self.mtls_port}",
            "MAL_KAFKA_SECURITY_PROTOCOL": "SSL",
            "MAL_KAFKA_SSL_CAFILE": str(self.ca),
            "MAL_KAFKA_SSL_CERTFILE": str(self.certificate),
            "MAL_KAFKA_SSL_KEYFILE": str(self.key),
            "MAL_KAFKA_SSL_PASSWORD": KEY_PASSWORD,
            **more,
        }


@contextlib.contextmanager
def secured_kafka(folder: Path) -> Iterator[SecuredKafka]:
    """Start a broker with a listener for passwords over TLS and one for certificates; stop it at the end."""
    folder.mkdir(parents=True, exist_ok=True)
    authority = trustme.CA()
    ca = folder / "ca.pem"
    authority.cert_pem.write_to_path(str(ca))
    stranger, strangers = folder / "stranger.pem", folder / "strangers-client.pem"
    (other := trustme.CA()).cert_pem.write_to_path(str(stranger))
    other.issue_cert(f"{USER}@example.com").private_key_and_cert_chain_pem.write_to_path(str(strangers))
    server = folder / "server.pem"
    served = authority.issue_cert(ports.HOST)
    server.write_bytes(private_key(served, NoEncryption()) + _chain(served))
    client = authority.issue_cert(f"{USER}@example.com")
    certificate, key = folder / "client.pem", folder / "client-key.pem"
    certificate.write_bytes(_chain(client))
    key.write_bytes(private_key(client, BestAvailableEncryption(KEY_PASSWORD.encode())))
    open_port, controller, sasl, mtls = (ports.free_port() for _ in range(4))
    broker = KafkaBroker(
        folder / "kafka",
        port=open_port,
        heap_megabytes=384,
        properties=_properties(open_port, controller, sasl, mtls, server=server, ca=ca),
        format_with=[
            option
            for mechanism in MECHANISMS[1:]
            for option in ("--add-scram", f"{mechanism}=[name={USER},password={KAFKA_PASSWORD}]")
        ],
    )
    with serving(broker):
        yield SecuredKafka(broker, sasl, mtls, ca, certificate, key, stranger, strangers)


def _properties(open_port: int, controller: int, sasl: int, mtls: int, *, server: Path, ca: Path) -> Mapping[str, str]:
    plain = "org.apache.kafka.common.security.plain.PlainLoginModule"
    scram = "org.apache.kafka.common.security.scram.ScramLoginModule"
    users = f'user_{USER}="{KAFKA_PASSWORD}"'
    here = ports.HOST
    return {
        "listeners": f"CLIENTS://{here}:{open_port},SASL://{here}:{sasl},MTLS://{here}:{mtls},"
        f"CONTROLLER://{here}:{controller}",
        "advertised.listeners": f"CLIENTS://{here}:{open_port},SASL://{here}:{sasl},MTLS://{here}:{mtls}",
        "controller.quorum.voters": f"{NODE_ID}@{here}:{controller}",
        "listener.security.protocol.map": "CLIENTS:PLAINTEXT,CONTROLLER:PLAINTEXT,SASL:SASL_SSL,MTLS:SSL",
        "ssl.keystore.type": "PEM",
        "ssl.keystore.location": str(server),
        "listener.name.mtls.ssl.client.auth": "required",
        "listener.name.mtls.ssl.truststore.type": "PEM",
        "listener.name.mtls.ssl.truststore.location": str(ca),
        "sasl.enabled.mechanisms": ",".join(MECHANISMS),
        "listener.name.sasl.plain.sasl.jaas.config": f"{plain} required {users};",
        "listener.name.sasl.scram-sha-256.sasl.jaas.config": f"{scram} required;",
        "listener.name.sasl.scram-sha-512.sasl.jaas.config": f"{scram} required;",
    }


def _chain(issued: trustme.LeafCert) -> bytes:
    return b"".join(one.bytes() for one in issued.cert_chain_pems)


def private_key(issued: trustme.LeafCert, encryption: KeySerializationEncryption) -> bytes:
    """Return the key of a certificate in the one form that Kafka reads."""
    key = load_pem_private_key(issued.private_key_pem.bytes(), password=None)
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption)
