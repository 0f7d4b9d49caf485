"""The settings of the mail server, by which invitations and links for a forgotten password are sent."""

from __future__ import annotations

from email.utils import parseaddr
from typing import Final, Literal, Self

from pydantic import Field, SecretStr, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from bus.runtime.settings import OrNothing

PORTS: Final = {"starttls": 587, "implicit": 465, "none": 25}
"""How TLS is spoken -> the usual port (RFC 6409, RFC 8314, RFC 5321)."""
LOOPBACK: Final = ("localhost", "127.0.0.1", "::1")


class MailSettings(BaseSettings):
    """The server that takes mail; without a host no mail is sent, and admins hand links over."""

    model_config = SettingsConfigDict(env_prefix="GATEWAY_SMTP_")

    host: OrNothing = Field(default=None, description="the server that takes mail; empty: none is sent")
    port: int | None = Field(
        default=None, ge=1, le=65535, description="default: 587, for implicit TLS 465, without TLS 25"
    )
    tls: Literal["starttls", "implicit", "none"] = Field(
        default="starttls", description="starttls, implicit, or none: in a closed network, without a password"
    )
    ca_file: OrNothing = Field(
        default=None, description="PEM file of the authorities to trust; default: the system's"
    )
    username: OrNothing = Field(default=None, description="the user, where the server asks for one")
    password: SecretStr | None = Field(default=None, description="its password")
    sender: str = Field(
        default="", description="From of every mail: Splats <noreply@example.com>; needed with a host"
    )
    timeout_seconds: float = Field(default=20, gt=0, le=60, description="for each answer of the server")

    @field_validator("port", "password", mode="before")
    @classmethod
    def _nothing_is_none(cls, given: object) -> object:
        return given or None

    @field_validator("sender")
    @classmethod
    def _is_an_address(cls, text: str) -> str:
        local, at, domain = parseaddr(text)[1].rpartition("@")
        if text and not (local and at and domain and text.isprintable()):
            raise ValueError("write an address, or a name and an address: Splats <noreply@example.com>")
        return text

    @model_validator(mode="after")
    def _is_whole(self) -> Self:
        if self.host and not self.sender:
            raise ValueError(
                "GATEWAY_SMTP_HOST is set without GATEWAY_SMTP_SENDER, where mails come from; set both"
            )
        if (self.username is None) != (self.password is None):
            raise ValueError("set GATEWAY_SMTP_USERNAME and GATEWAY_SMTP_PASSWORD, or neither")
        if self.username and self.tls == "none" and self.host not in LOOPBACK:
            raise ValueError(
                "a password is not sent without TLS: set GATEWAY_SMTP_TLS to starttls or implicit"
            )
        return self

    @property
    def reached_at(self) -> int:
        """Return the port."""
        return self.port or PORTS[self.tls]
