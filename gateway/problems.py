"""Every error code that a client may see; `gateway.errors` turns exceptions into them."""

from __future__ import annotations

from typing import Final

PROBLEMS: Final[dict[str, tuple[int, str]]] = {
    "malformed": (400, "The request cannot be read"),
    "cursor_invalid": (400, "The cursor is not one of ours"),
    "upload_malformed": (400, "The upload cannot be read"),
    "unauthenticated": (401, "Credentials are missing"),
    "credentials_invalid": (401, "The e-mail address or the password is wrong"),
    "token_invalid": (401, "The access token is not valid"),
    "token_expired": (401, "The access token has expired"),
    "api_key_invalid": (401, "The API key is unknown"),
    "api_key_revoked": (401, "The API key was revoked"),
    "api_key_expired": (401, "The API key has expired"),
    "account_inactive": (401, "The account is closed"),
    "sign_in_required": (403, "This needs a signed-in person"),
    "role_insufficient": (403, "The role does not allow this"),
    "scope_missing": (403, "The API key lacks a scope"),
    "not_found": (404, "There is nothing here"),
    "method_not_allowed": (405, "The method is not supported here"),
    "email_taken": (409, "The e-mail address is in use"),
    "request_too_large": (413, "The request is too large"),
    "photo_too_large": (413, "The photo is too large"),
    "metadata_too_large": (413, "The metadata is too large"),
    "unsupported_media_type": (415, "The format is not supported"),
    "validation_failed": (422, "Some fields are not valid"),
    "email_invalid": (422, "The e-mail address is not valid"),
    "password_unsuitable": (422, "The password is not suitable"),
    "expiry_invalid": (422, "The expiry is not valid"),
    "range_invalid": (422, "The range of time is not valid"),
    "photo_missing": (422, "The photo is missing"),
    "photo_empty": (422, "The photo is empty"),
    "photo_truncated": (422, "The photo is cut short"),
    "photo_too_small": (422, "The photo is too small"),
    "photo_too_many_pixels": (422, "The photo has too many pixels"),
    "field_unknown": (422, "The form has an unknown field"),
    "field_repeated": (422, "A field of the form is given twice"),
    "metadata_invalid": (422, "The metadata is not valid"),
    "focal_length_invalid": (422, "The focal length is not valid"),
    "priority_invalid": (422, "The priority is not valid"),
    "client_gone": (499, "The client closed the connection"),  # for logs and metrics: nobody reads it
    "internal": (500, "Something went wrong on our side"),
    "temporarily_unavailable": (503, "Try again shortly"),
}
"""Every code that a client may see -> its HTTP status and title."""
