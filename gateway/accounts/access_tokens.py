"""Access tokens: short-lived JWTs, signed with a secret that can be rotated without signing users out."""

from __future__ import annotations

import hashlib
import time
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID, uuid4

import jwt

from gateway.errors import DomainError
from gateway.settings import GatewaySettings

ISSUER: Final = "sharpstream"
AUDIENCE: Final = "sharpstream-api"
ALGORITHM: Final = "HS256"
LEEWAY_S: Final = 5
"""The clocks of two gateways may differ by this much."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Claims:
    """The claims of a valid token; ``session_id`` is None in one that an earlier release issued."""

    account_id: UUID
    role: str
    session_id: UUID | None
    issued_at: int


class Tokens:
    """Issues and reads access tokens; ``kid`` names the secret, so that the previous one can stay valid."""

    def __init__(self, settings: GatewaySettings) -> None:
        secrets = [settings.jwt_secret, settings.jwt_previous_secret]
        self._keys = {_kid(key): key for secret in secrets if secret for key in [secret.get_secret_value()]}
        self._current = next(iter(self._keys))
        self.seconds = settings.access_token_seconds

    def issue(self, account_id: UUID, role: str, session_id: UUID) -> str:
        """Return a token of a sign-in, valid for ``seconds`` or until the sign-in ends."""
        now = int(time.time())
        claims = {
            "iss": ISSUER,
            "aud": AUDIENCE,
            "sub": str(account_id),
            "role": role,
            "sid": str(session_id),
            "iat": now,
            "exp": now + self.seconds,
            "jti": uuid4().hex,
        }
        return jwt.encode(
            claims, self._keys[self._current], algorithm=ALGORITHM, headers={"kid": self._current}
        )

    def read(self, token: str) -> Claims:
        """Return the claims. Raises `DomainError` token_invalid or token_expired."""
        try:
            key = self._keys[str(jwt.get_unverified_header(token).get("kid"))]
            claims: dict[str, Any] = jwt.decode(
                token,
                key,
                algorithms=[ALGORITHM],
                audience=AUDIENCE,
                issuer=ISSUER,
                leeway=LEEWAY_S,
                options={"require": ["exp", "iat", "iss", "aud", "sub"]},
            )
            sid = claims.get("sid")
            return Claims(
                account_id=UUID(claims["sub"]),
                role=str(claims["role"]),
                session_id=None if sid is None else UUID(str(sid)),
                issued_at=int(claims["iat"]),
            )
        except jwt.ExpiredSignatureError as error:
            raise DomainError("token_expired", "The access token has expired; sign in again.") from error
        except (jwt.InvalidTokenError, KeyError, ValueError) as error:
            raise DomainError(
                "token_invalid", "The access token is not one of ours; sign in again."
            ) from error


def _kid(secret: str) -> str:
    return hashlib.sha256(b"kid" + secret.encode()).hexdigest()[:12]
