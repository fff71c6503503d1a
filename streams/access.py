"""Why Kafka cannot be reached, where it is there: what TLS or the password said, with the settings to look at.

aiokafka logs the reason of each failed connection and raises one error for all. So one connection is made again, and
its own error is read. What is said names settings and never what is in them.
"""

from __future__ import annotations

import logging
import ssl
from asyncio import IncompleteReadError
from collections.abc import Mapping
from typing import Any, Final

from aiokafka.conn import collect_hosts, create_conn
from aiokafka.errors import (
    IllegalSaslStateError,
    KafkaConnectionError,
    KafkaError,
    SaslAuthenticationFailed,
    UnsupportedSaslMechanismError,
)
from aiokafka.protocol.metadata import MetadataRequest

from streams.settings import OAUTHBEARER

TIMEOUT_MS: Final = 5_000
_PROTOCOL: Final = "MAL_KAFKA_SECURITY_PROTOCOL"
_OF_THE_HOST: Final = frozenset({62, 64})
"""OpenSSL's X509_V_ERR_HOSTNAME_MISMATCH and X509_V_ERR_IP_ADDRESS_MISMATCH."""
_SAID: Final[Mapping[type[Exception], str]] = {
    SaslAuthenticationFailed: "it does not know this user and password; "
    "look at MAL_KAFKA_SASL_USERNAME and MAL_KAFKA_SASL_PASSWORD",
    UnsupportedSaslMechanismError: "it does not offer this mechanism; look at MAL_KAFKA_SASL_MECHANISM",
    IllegalSaslStateError: f"it asks for no password on this port; look at {_PROTOCOL}",
}


class AccessError(KafkaConnectionError):  # type: ignore[misc]  # aiokafka ships no types
    """Kafka is there and does not let us in. The message says why, and names the settings to look at."""

    def __str__(self) -> str:
        """Return the message alone; aiokafka puts the name of the class before it."""
        return str(self.args[0])


async def why_refused(kafka: Mapping[str, Any]) -> AccessError | None:
    """Connect to Kafka once more and return why it does not let us in; None where it does, or is not there.

    Args:
        kafka: arguments of any aiokafka client.
    """
    wanted = {name: value for name, value in kafka.items() if name.startswith(("security_", "ssl_", "sasl_"))}
    log = logging.getLogger("aiokafka.conn")
    was_disabled, log.disabled = log.disabled, True  # what it says is said by us, in our words
    try:
        for host, port, _ in collect_hosts(kafka["bootstrap_servers"]):
            try:
                connection = await create_conn(host, port, request_timeout_ms=TIMEOUT_MS, **wanted)
                try:
                    await connection.send(MetadataRequest([]))
                finally:
                    connection.close()
            except (OSError, KafkaError, TimeoutError) as error:
                if said := _explained(error, kafka):
                    return AccessError(f"Kafka at {host}:{port} does not let us in: {said}")
            else:
                return None
    finally:
        log.disabled = was_disabled
    return None


def _explained(error: Exception, kafka: Mapping[str, Any]) -> str | None:
    if isinstance(error, AccessError):  # of a token that is not to be had
        return str(error)
    cause = error.__cause__ or error
    if isinstance(cause, ssl.SSLError):
        return _tls(cause)
    # Whoever speaks to a port in another way than it expects is cut off without a word.
    if isinstance(cause, ConnectionResetError | IncompleteReadError):
        protocol = kafka.get("security_protocol", "PLAINTEXT")
        return f"it closed the connection, as it does where this port does not speak {protocol}; look at {_PROTOCOL}"
    if isinstance(error, SaslAuthenticationFailed) and kafka.get("sasl_mechanism") == OAUTHBEARER:
        return "it does not take this token; look at MAL_KAFKA_SASL_TOKEN_URL and MAL_KAFKA_SASL_SCOPE"
    return _SAID.get(type(error))


def _tls(error: ssl.SSLError) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        reason = error.verify_message.rstrip(".")
        if error.verify_code in _OF_THE_HOST:
            return f"its certificate is for another host ({reason}); look at MAL_KAFKA_BOOTSTRAP_SERVERS"
        return f"its certificate is not trusted ({reason}); look at MAL_KAFKA_SSL_CAFILE"
    reason = (error.reason or "no reason is given").lower().replace("_", " ")
    if "alert" in reason and ("certificate" in reason or "unknown ca" in reason):
        return f"it does not take our certificate ({reason}); look at MAL_KAFKA_SSL_CERTFILE and MAL_KAFKA_SSL_KEYFILE"
    return f"TLS fails ({reason}); look at {_PROTOCOL}"
