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
from tests.support.tokens import AUDIENCE, CLIENT, SECRET, TokenEndpoint, token_endpoint

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
    token_port: int
    endpoint: TokenEndpoint
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

    def with_token(self, path: str = "/token", **more: str) -> dict[str, str]:
        """Return the environment of a process that shows a token over TLS, which an endpoint gives it."""
        return {
            **self.with_password("OAUTHBEARER"),
            "MAL_KAFKA_BOOTSTRAP_SERVERS": f"{ports.HOST}:{self.token_port}",
            "MAL_KAFKA_SASL_USERNAME": CLIENT,
            "MAL_KAFKA_SASL_PASSWORD": SECRET,
            "MAL_KAFKA_SASL_TOKEN_URL": self.endpoint.url(path),
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
    """Start a broker with listeners for passwords and for tokens over TLS, and for certificates; stop it at the end."""
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
    listeners = dict(zip(("CLIENTS", "SASL", "MTLS", "TOKENS", "CONTROLLER"), ports.free_ports(5), strict=True))
    keys = folder / "keys.json"
    broker = KafkaBroker(
        folder / "kafka",
        port=listeners["CLIENTS"],
        heap_megabytes=384,
        properties=_properties(listeners, server=server, ca=ca, keys=keys),
        java_options=[f"-Dorg.apache.kafka.sasl.oauthbearer.allowed.urls={keys.as_uri()}"],
        format_with=[
            option
            for mechanism in MECHANISMS[1:]
            for option in ("--add-scram", f"{mechanism}=[name={USER},password={KAFKA_PASSWORD}]")
        ],
    )
    with token_endpoint() as endpoint:
        keys.write_bytes(endpoint.keys())
        with serving(broker):
            yield SecuredKafka(
                broker,
                listeners["SASL"],
                listeners["MTLS"],
                listeners["TOKENS"],
                endpoint,
                ca,
                certificate,
                key,
                stranger,
                strangers,
            )


def _properties(listeners: Mapping[str, int], *, server: Path, ca: Path, keys: Path) -> Mapping[str, str]:
    plain = "org.apache.kafka.common.security.plain.PlainLoginModule"
    scram = "org.apache.kafka.common.security.scram.ScramLoginModule"
    users = f'user_{USER}="{KAFKA_PASSWORD}"'
    places = {name: f"{name}://{ports.HOST}:{port}" for name, port in listeners.items()}
    bearer = "org.apache.kafka.common.security.oauthbearer"
    tokens = "listener.name.tokens.oauthbearer.sasl"
    return {
        "listeners": ",".join(places.values()),
        "advertised.listeners": ",".join(place for name, place in places.items() if name != "CONTROLLER"),
        "controller.quorum.voters": f"{NODE_ID}@{ports.HOST}:{listeners['CONTROLLER']}",
        "listener.security.protocol.map": "CLIENTS:PLAINTEXT,CONTROLLER:PLAINTEXT,SASL:SASL_SSL,MTLS:SSL,"
        "TOKENS:SASL_SSL",
        "listener.name.tokens.sasl.enabled.mechanisms": "OAUTHBEARER",
        f"{tokens}.jaas.config": f"{bearer}.OAuthBearerLoginModule required;",
        f"{tokens}.server.callback.handler.class": f"{bearer}.OAuthBearerValidatorCallbackHandler",
        f"{tokens}.oauthbearer.jwks.endpoint.url": keys.as_uri(),
        f"{tokens}.oauthbearer.expected.audience": AUDIENCE,
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
