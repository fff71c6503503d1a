"""The settings of every process: environment variables with the prefix `MAL_` (contract.md section 9).

Reads the environment and checks values; connects to nothing. A setting that is not built yet is refused by name.
"""

from __future__ import annotations

from pathlib import Path
from ssl import SSLContext
from typing import Any, Final, Literal
from urllib.parse import SplitResult, unquote, urlsplit

from aiokafka.helpers import create_ssl_context
from pydantic import Field, SecretStr, ValidationInfo, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

LogFormat = Literal["text", "json"]
SecurityProtocol = Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"]
MASK: Final = "********"
OAUTHBEARER: Final = "OAUTHBEARER"
_NOT_YET: Final = ("GSSAPI",)
SECRETS: Final = frozenset({"kafka_sasl_password", "kafka_ssl_password", "postgres_dsn"})
"""Fields whose value is shown nowhere."""
_MECHANISMS: Final = ("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512", OAUTHBEARER)
_LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "::1"})


class Settings(BaseSettings):
    """What the environment says. Each field is `MAL_` and its name in capitals; an empty variable is not set."""

    model_config = SettingsConfigDict(
        env_prefix="MAL_",
        env_ignore_empty=True,
        extra="ignore",
        frozen=True,
        validate_default=True,
        # What was given is shown by `cli.settings`, which knows what is secret.
        # An error that nobody catches shows nothing of it.
        hide_input_in_errors=True,
    )

    kafka_bootstrap_servers: str | None = None
    kafka_sasl_mechanism: str | None = None
    kafka_sasl_username: str | None = None
    kafka_sasl_password: SecretStr | None = None
    kafka_sasl_token_url: str | None = None
    """Of OAUTHBEARER: the token endpoint, which is shown user and password as client id and secret."""
    kafka_sasl_scope: str | None = None
    kafka_ssl_cafile: Path | None = None
    kafka_ssl_certfile: Path | None = None
    kafka_ssl_keyfile: Path | None = None
    kafka_ssl_password: SecretStr | None = None
    # After what it is checked against: a validator sees the fields before its own.
    kafka_security_protocol: SecurityProtocol = "PLAINTEXT"
    kafka_partitions: int = Field(default=8, ge=1, le=10_000)
    postgres_dsn: SecretStr | None = None
    state_store: Literal["memory", "rocksdb"] = "memory"
    processing: Literal["exactly_once", "at_least_once"] = "exactly_once"
    facts: Literal["needed", "all"] = "needed"
    data_dir: Path = Path(".mal")
    api_host: str = "127.0.0.1"
    api_port: int = Field(default=8080, ge=0, le=65_535)
    health_host: str = "127.0.0.1"
    health_port: int = Field(default=0, ge=0, le=65_535)
    """Of /health/live, /health/ready and /metrics of a worker or an audit; 0: any that is free, told in the log."""
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    log_format: LogFormat = "text"
    env: Literal["development", "production"] = "development"
    time_scale: float = Field(default=1.0, gt=0, allow_inf_nan=False)
    worker_id: str | None = Field(default=None, pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$")

    @field_validator("kafka_sasl_mechanism")
    @classmethod
    def _known_mechanism(cls, value: str | None) -> str | None:
        if value is None:
            return None
        mechanism = value.upper()
        if mechanism in _NOT_YET:
            raise ValueError(f"{mechanism} is not supported yet; use one of {', '.join(_MECHANISMS)}")
        if mechanism not in _MECHANISMS:
            raise ValueError(f"is no mechanism; use one of {', '.join(_MECHANISMS)}")
        return mechanism

    @field_validator("kafka_sasl_token_url")
    @classmethod
    def _safe_endpoint(cls, value: str | None) -> str | None:
        if value is None:
            return None
        try:
            parts = urlsplit(value)
            is_safe = parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in _LOOPBACK)
            is_whole = bool(parts.hostname) and parts.username is None and parts.port != 0
        except ValueError:
            is_safe = is_whole = False
        if not (is_safe and is_whole):
            raise ValueError("it is no URL like https://host/path, without a user in it; http is for this machine only")
        return value

    @field_validator("kafka_ssl_cafile", "kafka_ssl_certfile", "kafka_ssl_keyfile")
    @classmethod
    def _existing_file(cls, value: Path | None) -> Path | None:
        if value is not None and not value.is_file():
            raise ValueError("there is no such file")
        return value

    @field_validator("kafka_security_protocol", "log_level", mode="before")
    @classmethod
    def _in_capitals(cls, value: Any) -> Any:
        return value.upper() if isinstance(value, str) else value

    @field_validator("kafka_security_protocol")
    @classmethod
    def _complete_security(cls, value: SecurityProtocol, info: ValidationInfo) -> SecurityProtocol:
        sasl = ("kafka_sasl_mechanism", "kafka_sasl_username", "kafka_sasl_password")
        token = ("kafka_sasl_token_url", "kafka_sasl_scope")
        tls = ("kafka_ssl_cafile", "kafka_ssl_certfile", "kafka_ssl_keyfile", "kafka_ssl_password")
        if value.startswith("SASL"):
            missing = [_variable(name) for name in sasl if name in info.data and info.data[name] is None]
            if missing:
                raise ValueError(f"it needs {', '.join(missing)}, which is not set")
            if "kafka_sasl_mechanism" in info.data and info.data["kafka_sasl_mechanism"] != OAUTHBEARER:
                _refuse_unused(token, info, OAUTHBEARER, "MAL_KAFKA_SASL_MECHANISM")
            elif info.data.get("kafka_sasl_token_url", "") is None:
                raise ValueError(f"{OAUTHBEARER} needs MAL_KAFKA_SASL_TOKEN_URL, which is not set")
        else:
            _refuse_unused((*sasl, *token), info, "SASL_SSL or SASL_PLAINTEXT")
        if not value.endswith("SSL"):
            _refuse_unused(tls, info, "SSL or SASL_SSL")
        elif not info.data.get("kafka_ssl_certfile"):
            for name in ("kafka_ssl_keyfile", "kafka_ssl_password"):
                if info.data.get(name):
                    raise ValueError(f"{_variable(name)} is set, but not MAL_KAFKA_SSL_CERTFILE; set both, or neither")
        if value.endswith("SSL") and all(name in info.data for name in tls):
            _tls_context(*(info.data[name] for name in tls))
        return value

    @field_validator("postgres_dsn")
    @classmethod
    def _readable_uri(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and postgres_place(value.get_secret_value()) is None:
            raise ValueError(
                "it is no URI like postgresql://user:password@host:5432/database; "
                "in a password write / as %2F, : as %3A, @ as %40, # as %23, ? as %3F, % as %25"
            )
        return value

    @field_validator("state_store")
    @classmethod
    def _built_store(cls, value: str) -> str:
        if value == "rocksdb":
            raise ValueError("rocksdb is not supported yet; use memory")
        return value

    @field_validator("time_scale")
    @classmethod
    def _real_time_in_production(cls, value: float, info: ValidationInfo) -> float:
        if value != 1 and info.data.get("env") == "production":
            raise ValueError("time runs as it does in production; unset it, or set MAL_ENV=development")
        return value

    def kafka_client(self) -> dict[str, Any]:
        """Return the arguments of any aiokafka client: where Kafka is, and how to be let in.

        Raises:
            ValueError: nobody says where Kafka is.
                a certificate or key can no longer be read; the message names the setting.
        """
        if not self.kafka_bootstrap_servers:
            raise ValueError("no Kafka is known; set MAL_KAFKA_BOOTSTRAP_SERVERS")
        client: dict[str, Any] = {
            "bootstrap_servers": self.kafka_bootstrap_servers,
            "security_protocol": self.kafka_security_protocol,
        }
        if self.kafka_security_protocol.startswith("SASL"):
            client["sasl_mechanism"] = self.kafka_sasl_mechanism
            client |= self._shown_to_kafka()
        if self.kafka_security_protocol.endswith("SSL"):
            client["ssl_context"] = _tls_context(
                self.kafka_ssl_cafile, self.kafka_ssl_certfile, self.kafka_ssl_keyfile, self.kafka_ssl_password
            )
        return client

    def _shown_to_kafka(self) -> dict[str, Any]:
        user, password = self.kafka_sasl_username, _revealed(self.kafka_sasl_password)
        if self.kafka_sasl_mechanism != OAUTHBEARER:
            return {"sasl_plain_username": user, "sasl_plain_password": password}
        # Here: it brings an HTTP client with it.
        from streams.tokens import ClientCredentials

        tokens = ClientCredentials(self.kafka_sasl_token_url or "", user or "", password or "", self.kafka_sasl_scope)
        return {"sasl_oauth_token_provider": tokens}

    def secrets(self) -> list[str]:
        """Return what must not be read in any log: the passwords, as they are and as a URI has them."""
        found = [_revealed(self.kafka_sasl_password), _revealed(self.kafka_ssl_password)]
        if dsn := _revealed(self.postgres_dsn):
            try:
                password = urlsplit(dsn).password
            except ValueError:
                password = dsn
            found += [password, unquote(password) if password else None]
        return [one for one in found if one]

    def masked(self) -> dict[str, str]:
        """Return every setting by its variable, as text without secrets; what is not set is empty."""
        shown: dict[str, str] = {}
        for name in type(self).model_fields:
            value = getattr(self, name)
            if name == "postgres_dsn" and value is not None:
                shown[_variable(name)] = _without_password(value.get_secret_value())
            elif isinstance(value, SecretStr):
                shown[_variable(name)] = MASK
            else:
                shown[_variable(name)] = "" if value is None else str(value)
        return shown


def _variable(name: str) -> str:
    return f"MAL_{name.upper()}"


def _refuse_unused(names: tuple[str, ...], info: ValidationInfo, needed: str, of: str = "it") -> None:
    unused = [_variable(name) for name in names if info.data.get(name) is not None]
    if unused:
        raise ValueError(f"{', '.join(unused)} would have no effect; set {of} to {needed}, or unset them")


def _revealed(secret: SecretStr | None) -> str | None:
    return None if secret is None else secret.get_secret_value()


def _tls_context(
    cafile: Path | None, certfile: Path | None, keyfile: Path | None, password: SecretStr | None
) -> SSLContext:
    try:
        context: SSLContext = create_ssl_context(cafile=cafile)
    except OSError as error:
        raise ValueError(f"MAL_KAFKA_SSL_CAFILE holds no certificate that can be read ({_reason(error)})") from error
    if certfile is not None:
        named = "MAL_KAFKA_SSL_KEYFILE" if keyfile else "the key in MAL_KAFKA_SSL_CERTFILE"
        try:
            # A function: without a password OpenSSL would ask for one at the terminal, and wait.
            context.load_cert_chain(certfile, keyfile, lambda: _revealed(password) or "")
        except (OSError, ValueError) as error:
            raise ValueError(
                f"{named} cannot be read with MAL_KAFKA_SSL_PASSWORD, or is not that of MAL_KAFKA_SSL_CERTFILE "
                f"({_reason(error)})"
            ) from error
    return context


def _reason(error: Exception) -> str:
    """Say what TLS says, without where in OpenSSL it says so."""
    said = getattr(error, "reason", None) or getattr(error, "strerror", None) or type(error).__name__
    return str(said).lower().replace("_", " ")


def postgres_place(dsn: str) -> str | None:
    """Return host, port and database of a libpq URI, without user and password; None where it is no such URI."""
    parts = _uri(dsn)
    return None if parts is None else f"{parts.hostname or 'localhost'}:{parts.port or 5432}{parts.path}"


def _uri(dsn: str) -> SplitResult | None:
    try:
        parts = urlsplit(dsn)
        is_whole = parts.port is None or parts.port > 0
    except ValueError:
        return None
    # A password with a / of its own ends the address early: what comes after would be shown as the database.
    is_cut = "@" in parts.path + parts.query + parts.fragment
    return parts if is_whole and not is_cut and parts.scheme in {"postgres", "postgresql"} else None


def _without_password(dsn: str) -> str:
    """Return a libpq URI without what may be secret: the password, and the query, which may hold one as well."""
    parts = _uri(dsn)
    if parts is None:
        return MASK
    user = f"{parts.username}:{MASK}@" if parts.password else f"{parts.username}@" if parts.username else ""
    return f"{parts.scheme}://{user}{parts.hostname or ''}:{parts.port or 5432}{parts.path}"
