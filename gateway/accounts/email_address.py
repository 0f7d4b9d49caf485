"""The one normal form of an e-mail address: registering, signing in and the limits all use it."""

from __future__ import annotations

import unicodedata

from email_validator import EmailNotValidError, validate_email

from gateway.errors import DomainError


def normal_email(address: str) -> str:
    """Return the e-mail address in normal form. Raises `DomainError` email_invalid with the reason."""
    try:
        return _lower(validate_email(address.strip(), check_deliverability=False).normalized)
    except EmailNotValidError as error:
        fields = [{"field": "email", "message": str(error)}]
        raise DomainError(
            "email_invalid", f"The e-mail address is not valid: {error}", fields=fields
        ) from error


def sign_in_email(address: str) -> str:
    """Return the normal form of an address to sign in with; one that no account can have is kept as text."""
    try:
        return normal_email(address)
    except DomainError:
        return _lower(address.strip())


def _lower(address: str) -> str:
    """Lower case before NFC: some capitals become a letter and a mark that compose again."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", address).lower())
