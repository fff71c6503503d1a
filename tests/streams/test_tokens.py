"""Tokens are asked for once, renewed before they end, and nothing that is secret is in what is said of a failure."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator

import pytest

from streams.tokens import ClientCredentials, TokenError
from tests.support.tokens import CLIENT, SECRET, TokenEndpoint, token_endpoint


@pytest.fixture
def endpoint() -> Iterator[TokenEndpoint]:
    with token_endpoint() as running:
        yield running


def tokens(
    endpoint: TokenEndpoint, path: str = "/token", secret: str = SECRET, scope: str | None = None
) -> ClientCredentials:
    return ClientCredentials(endpoint.url(path), CLIENT, secret, scope)


async def test_many_who_ask_at_once_share_one_token(endpoint: TokenEndpoint) -> None:
    mine = tokens(endpoint, scope="kafka read")
    found = await asyncio.gather(*(mine.token() for _ in range(20)))
    assert set(found) == set(endpoint.given)
    assert len(endpoint.given) == 1
    assert endpoint.scopes == ["kafka read"]
    assert SECRET not in repr(mine) + str(vars(mine)["_form"])


def test_loops_of_their_own_share_it_too(endpoint: TokenEndpoint) -> None:
    mine = tokens(endpoint)
    assert asyncio.run(mine.token()) == asyncio.run(mine.token())
    assert len(endpoint.given) == 1


async def test_a_token_is_renewed_before_it_ends_and_kept_while_it_lasts(
    endpoint: TokenEndpoint, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    now = time.monotonic()
    monkeypatch.setattr("streams.tokens.time.monotonic", lambda: now)
    endpoint.seconds = 100
    mine = tokens(endpoint)
    first = await mine.token()
    now += 79
    assert await mine.token() == first
    now += 2
    assert await mine.token() in endpoint.given[1:]
    endpoint.refuses = True
    now += 90
    assert await mine.token() == endpoint.given[1]
    assert "the token of before is used until it ends" in caplog.text
    now += 20
    with pytest.raises(TokenError, match="HTTP 401, invalid_client"):
        await mine.token()
    assert SECRET not in caplog.text


@pytest.mark.parametrize(("path", "secret", "said"), [
    ("/token", "wrong", "gives no token (HTTP 401, invalid_client)"),
    ("/nowhere", SECRET, "gives no token (HTTP 404)"),
    ("/nonsense", SECRET, "has no access_token"),
])  # fmt: skip
async def test_what_is_wrong_is_said_with_the_settings_to_look_at(
    path: str, secret: str, said: str, endpoint: TokenEndpoint
) -> None:
    with pytest.raises(TokenError) as error:
        await tokens(endpoint, path, secret).token()
    assert said in str(error.value)
    assert "look at MAL_KAFKA_SASL_TOKEN_URL" in str(error.value)
    assert SECRET not in str(error.value) + repr(error.value)


async def test_an_endpoint_that_is_not_there_is_named(endpoint: TokenEndpoint) -> None:
    away = ClientCredentials("http://127.0.0.1:9/token", CLIENT, SECRET, None)
    with pytest.raises(TokenError, match=r"http://127\.0\.0\.1:9/token cannot be asked \(ClientConnectorError\)"):
        await away.token()
