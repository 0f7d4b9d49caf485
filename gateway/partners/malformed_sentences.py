"""Says what is wrong with a command's body, in words of our own.

The sentence goes into the log of record, which is kept for ever. msgspec's own messages quote values and the
names of unknown fields, which are the sender's words.
"""

from __future__ import annotations

import re
from typing import Final

import msgspec

from bus.contract.messages import Priority
from bus.contract.partners import GenerateCommand

EXPECTED: Final = {
    "image_base64": "base64 text",
    "image_url": "text",
    "upload_key": "a UUID as text",
    "metadata": "a JSON object",
    "priority": " or ".join(f"'{each.value}'" for each in Priority),
    "focal_length_px": "a number",
    "focal_length_mm": "a number",
    "webhook_url": "text",
    "delete_after_hours": "a whole number",
}
"""The fields of a command and what each may hold besides null."""
_FIELDS: Final = ", ".join(GenerateCommand.__struct_fields__)
_PATH: Final = re.compile(r" - at `(?:key in )?\$\.(\w+)[^`]*`$")
_BYTE: Final = re.compile(r" \(byte (\d+)\)$")


def sentence(error: Exception) -> str:
    """Return the sentence for an error of the decoder: the field or the byte, never what stands there."""
    said = str(error)
    if isinstance(error, msgspec.ValidationError):
        if said.startswith("Object contains unknown field"):
            return f"The body has a field that is not known; the fields are {_FIELDS}."
        found = _PATH.search(said)
        if found is not None and found[1] in EXPECTED:
            return f"The field {found[1]} must be {EXPECTED[found[1]]}."
        return "The body must be a JSON object."
    if isinstance(error, RecursionError):
        return "The body nests too deep."
    at = _BYTE.search(said)
    return (
        f"The body is not JSON in UTF-8; it cannot be read at byte {at[1]}."
        if at
        else ("The body is not JSON in UTF-8.")
    )
