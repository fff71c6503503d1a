"""A token endpoint on loopback: gives signed tokens to who shows client id and secret, as an identity provider does."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final

import orjson
from aiohttp import encode_basic_auth, web
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256

from dev import ports

AUDIENCE: Final = "kafka"
CLIENT: Final = "mal"
SECRET: Final = "marked-client-secret: %"
KEY_ID: Final = "of-the-tests"


def _base64(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


def _number(value: int) -> str:
    return _base64(value.to_bytes((value.bit_length() + 7) // 8, "big"))


@dataclass
class TokenEndpoint:
    """The endpoint. `/token` gives a token, `/stranger` one that is signed by nobody whom Kafka knows.

    `seconds` is how long tokens last, `given` are those that were given, `scopes` what was asked for.
    """

    port: int
    seconds: float = 3_600
    refuses: bool = False
    given: list[str] = field(default_factory=list)
    scopes: list[str] = field(default_factory=list)
    _key: rsa.RSAPrivateKey = field(default_factory=lambda: rsa.generate_private_key(65_537, 2_048))
    _strangers: rsa.RSAPrivateKey = field(default_factory=lambda: rsa.generate_private_key(65_537, 2_048))

    def url(self, path: str = "/token") -> str:
        """Return where it is."""
        return f"http://{ports.HOST}:{self.port}{path}"

    def keys(self) -> bytes:
        """Return what tokens are checked by, as a JSON Web Key Set."""
        public = self._key.public_key().public_numbers()
        return orjson.dumps({"keys": [{
            "kty": "RSA", "kid": KEY_ID, "use": "sig", "alg": "RS256", "n": _number(public.n), "e": _number(public.e),
        }]})  # fmt: skip

    def app(self) -> web.Application:
        """Return the web application."""
        app = web.Application()
        app.router.add_post("/token", partial(self._give, self._key))
        app.router.add_post("/stranger", partial(self._give, self._strangers))
        app.router.add_post("/nonsense", _nonsense)
        return app

    async def _give(self, key: rsa.RSAPrivateKey, request: web.Request) -> web.Response:
        # Form-encoded, then put together: RFC 6749, section 2.3.1.
        if self.refuses or request.headers.get("Authorization") != encode_basic_auth(CLIENT, FORM_SECRET):
            return _answer(401, {"error": "invalid_client", "error_description": SECRET})
        form = await request.post()
        if form.get("grant_type") != "client_credentials":
            return _answer(400, {"error": "unsupported_grant_type"})
        self.scopes.append(str(form.get("scope", "")))
        now = time.time()
        head = {"alg": "RS256", "typ": "JWT", "kid": KEY_ID}
        claims = {"sub": CLIENT, "aud": AUDIENCE, "iat": int(now), "exp": int(now + self.seconds), "scope": "kafka"}
        signed = ".".join(_base64(orjson.dumps(part)) for part in (head, claims))
        token = f"{signed}.{_base64(key.sign(signed.encode(), padding.PKCS1v15(), SHA256()))}"
        self.given.append(token)
        return _answer(200, {"access_token": token, "token_type": "Bearer", "expires_in": self.seconds})


FORM_SECRET: Final = "marked-client-secret%3A+%25"


def _answer(status: int, told: Any) -> web.Response:
    return web.json_response(told, status=status)


async def _nonsense(_request: web.Request) -> web.Response:
    return _answer(200, {"token": "x"})


def _tell_failure(up: Future[Any], ended: Future[None]) -> None:
    if not up.done():
        up.set_exception(ended.exception() or AssertionError("the token endpoint has ended"))


@contextlib.contextmanager
def token_endpoint() -> Iterator[TokenEndpoint]:
    """Run one in a thread of its own: those who ask are processes, and tests that wait for them."""
    endpoint = TokenEndpoint(ports.free_port())
    up: Future[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = Future()

    async def serve() -> None:
        runner, over = web.AppRunner(endpoint.app()), asyncio.Event()
        await runner.setup()
        try:
            await web.TCPSite(runner, ports.HOST, endpoint.port).start()
            up.set_result((asyncio.get_running_loop(), over))
            await over.wait()
        finally:
            await runner.cleanup()

    with ThreadPoolExecutor(1, "token endpoint") as apart:
        serving = apart.submit(asyncio.run, serve())
        serving.add_done_callback(partial(_tell_failure, up))
        loop, over = up.result(10)
        try:
            yield endpoint
        finally:
            loop.call_soon_threadsafe(over.set)
        serving.result(10)
