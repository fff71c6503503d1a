"""Tokens for SASL OAUTHBEARER: asked of a token endpoint by client id and secret, and used until they are nearly over.

RFC 6749, section 4.4 (client credentials). What is said of a failure never holds the secret or a token.
"""

from __future__ import annotations

import asyncio
import logging
import re
import time
from asyncio import AbstractEventLoop
from typing import Any, Final, cast
from urllib.parse import quote_plus
from weakref import WeakKeyDictionary

import orjson
from aiohttp import ClientError, ClientSession, ClientTimeout, encode_basic_auth
from aiokafka.abc import AbstractTokenProvider
from aiokafka.conn import AIOKafkaConnection, OAuthAuthenticator

from streams.access import AccessError

TIMEOUT_SECONDS: Final = 10.0
RENEW_AFTER: Final = 0.8
"""Of its life a token is used so much, so that none ends while it is on its way."""
UNTOLD_SECONDS: Final = 60.0
"""How long a token is used whose endpoint does not say when it ends."""
MAX_BYTES: Final = 64 * 1024
_TOKEN: Final = re.compile(r"[A-Za-z0-9\-._~+/]+=*")
"""A bearer token as RFC 6750 has it; anything else could change the message to Kafka that it is put into."""
_CODE: Final = re.compile(r"[a-z_]{1,40}")
_LOOK_AT: Final = "look at MAL_KAFKA_SASL_TOKEN_URL, MAL_KAFKA_SASL_USERNAME and MAL_KAFKA_SASL_PASSWORD"

log = logging.getLogger(__name__)


class TokenError(AccessError):
    """The token endpoint gives no token. The message says why, and names the settings to look at."""


class ClientCredentials(AbstractTokenProvider):  # type: ignore[misc]  # aiokafka ships no types
    """Gives aiokafka its tokens; one for all clients that are made with it.

    Args:
        url: of the token endpoint.
        client_id: who we are.
        secret: what only we know.
        scope: what is asked for; None: whatever the endpoint gives.
    """

    def __init__(self, url: str, client_id: str, secret: str, scope: str | None) -> None:
        AIOKafkaConnection.authenticator_oauth = _authenticator
        self._url = url
        # As RFC 6749, section 2.3.1 has it: both are form-encoded before they are put together.
        self._headers = {"Authorization": encode_basic_auth(quote_plus(client_id), quote_plus(secret))}
        self._form = {"grant_type": "client_credentials"} | ({"scope": scope} if scope else {})
        self._token: str | None = None
        self._renew_at = self._ends_at = 0.0
        # A process may have clients in more than one loop, and a lock is of one.
        self._locks: WeakKeyDictionary[AbstractEventLoop, asyncio.Lock] = WeakKeyDictionary()

    async def token(self) -> str:
        """Return a token that has not ended.

        Raises:
            TokenError: there is none to be had.
        """
        async with self._locks.setdefault(asyncio.get_running_loop(), asyncio.Lock()):
            if self._token is None or time.monotonic() >= self._renew_at:
                try:
                    await self._renew()
                except TokenError as error:
                    if self._token is None or time.monotonic() >= self._ends_at:
                        raise
                    log.warning("%s; the token of before is used until it ends", error)
            assert self._token is not None
            return self._token

    async def _renew(self) -> None:
        asked_at = time.monotonic()
        told = await self._ask()
        token, seconds = told.get("access_token"), told.get("expires_in", UNTOLD_SECONDS)
        if not isinstance(token, str) or not _TOKEN.fullmatch(token):
            raise TokenError(f"the answer of the token endpoint {self._url} has no access_token; {_LOOK_AT}")
        if isinstance(seconds, bool) or not isinstance(seconds, int | float) or seconds <= 0:
            seconds = UNTOLD_SECONDS
        self._token = token
        self._renew_at, self._ends_at = asked_at + seconds * RENEW_AFTER, asked_at + seconds

    async def _ask(self) -> dict[str, Any]:
        timeout = ClientTimeout(total=TIMEOUT_SECONDS)
        try:
            async with (
                ClientSession(headers=self._headers, timeout=timeout, trust_env=True) as session,
                session.post(self._url, data=self._form, allow_redirects=False) as answer,
            ):
                status, body = answer.status, await answer.content.read(MAX_BYTES)
        except (ClientError, OSError, TimeoutError) as error:
            said = "it did not answer in time" if isinstance(error, TimeoutError) else type(error).__name__
            raise TokenError(f"the token endpoint {self._url} cannot be asked ({said}); {_LOOK_AT}") from error
        told = _object(body)
        if status != 200:
            code = told.get("error")
            why = f"HTTP {status}" + (f", {code}" if isinstance(code, str) and _CODE.fullmatch(code) else "")
            raise TokenError(f"the token endpoint {self._url} gives no token ({why}); {_LOOK_AT}")
        return told


class _Authenticator(OAuthAuthenticator):  # type: ignore[misc]  # aiokafka ships no types
    """Hears why a token is not taken, which aiokafka's own does not: it goes on as if it were, and is cut off."""

    async def step(self, payload: bytes | None) -> tuple[bytes, bool] | None:
        """Show the token; acknowledge what is said against it (RFC 7628, section 3.2.3), and be refused for it."""
        if not self._token_sent:
            return cast(tuple[bytes, bool], await super().step(payload))
        return (b"\x01", True) if payload else None


def _authenticator(connection: AIOKafkaConnection) -> _Authenticator:
    return _Authenticator(sasl_oauth_token_provider=connection._sasl_oauth_token_provider)  # noqa: SLF001 -- as its own


def _object(body: bytes) -> dict[str, Any]:
    try:
        told = orjson.loads(body)
    except orjson.JSONDecodeError:
        return {}
    return told if isinstance(told, dict) else {}
