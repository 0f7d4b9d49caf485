"""The environment of the stack's processes: this system's own keys, and nothing of the person's other work.

Variables of another project's shell (``PG*``, ``AWS_*``, ``PYTHONPATH``, ``JAVA_TOOL_OPTIONS``, ``NODE_ENV``)
change what libraries do, so a process gets what is named here alone. Keys may also stand in ``settings.env``
in the home; those of the shell win. Roles that are started by hand, in containers or in a cluster keep their
environment: there it is the platform's way in.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from sharpstream.stack.errors import SettingsError
from sharpstream.stack.state_dir import HOME_KEY, PART_KEY, Home

KEYS: Final = (
    "EXPORT_",
    "GATEWAY_",
    "INFERENCE_",
    "LAYERED_",
    "LEDGER_",
    "LOG_",
    "OTEL_",
    "OUTGOING_",
    "PARTNERS_",
    "RELAY_",
    "SHARP_",
    "SHARPSTREAM_",
    "WEBHOOKS_",
)
"""The beginnings of the documented keys that a person may set; the others are made by the stack."""
SYSTEM: Final = frozenset({
    "HOME",
    "LANG",
    "LANGUAGE",
    "LOGNAME",
    "PATH",
    "TZ",
    "USER",
    "XDG_CACHE_HOME",
    "XDG_CONFIG_HOME",
    "CUDA_VISIBLE_DEVICES",
})  # fmt: skip
PROXIES: Final = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")
NO_PROXY: Final = "NO_PROXY"
THIS_MACHINE: Final = "127.0.0.1,localhost,::1"
"""Never reached through a proxy."""
FETCHING: Final = ("JAVA_HOME", "NODE_EXTRA_CA_CERTS")
"""Used by the supervisor alone: to find Java, and to fetch the page's packages behind a company's proxy."""
SETTINGS: Final = "settings.env"
_LINE: Final = re.compile(r"(?:export\s+)?([A-Z][A-Z0-9_]*)\s*=\s*(.*)")


def of_supervisor(home: Home, environ: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return the supervisor's environment. Raises `SettingsError`."""
    given = os.environ if environ is None else environ
    kept = _ours(home, given) | {key: given[key] for key in FETCHING if key in given}
    return settings(home) | kept | {HOME_KEY: str(home.root), PART_KEY: "supervisor"}


def of_part(home: Home, part: str, environ: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return what a role inherits, with this stack's marks; its own settings are added."""
    kept = _ours(home, os.environ if environ is None else environ)
    own = {HOME_KEY: str(home.root), PART_KEY: part, "TMPDIR": str(home.temporary), "PYTHONUNBUFFERED": "1"}
    return kept | own


def settings(home: Home) -> dict[str, str]:
    """Return the keys in the home's ``settings.env``: lines of KEY=value. Raises `SettingsError`."""
    path = home.root / SETTINGS
    found: dict[str, str] = {}
    for number, line in enumerate(_lines(path), 1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        parts = _LINE.fullmatch(line.strip())
        if parts is None:
            raise SettingsError(f"Line {number} of {path} is not KEY=value.")
        if not parts[1].startswith(KEYS):
            raise SettingsError(
                f"Line {number} of {path}: {parts[1]} is no key of this system; see .env.example."
            )
        found[parts[1]] = _unquoted(parts[2])
    return found


def _ours(home: Home, environ: Mapping[str, str]) -> dict[str, str]:
    kept = {key: value for key, value in environ.items() if key.startswith((*KEYS, "LC_")) or key in SYSTEM}
    if not Path(kept.get("HOME") or "/nowhere").is_dir():  # a service's user may have none
        kept["HOME"] = str(home.root)
    for key in PROXIES:
        for name in (key, key.lower()):
            if environ.get(name):
                kept[name] = environ[name]
    if kept.keys() & {each for key in PROXIES for each in (key, key.lower())}:
        theirs = environ.get(NO_PROXY) or environ.get(NO_PROXY.lower())
        kept[NO_PROXY] = kept[NO_PROXY.lower()] = ",".join(filter(None, (THIS_MACHINE, theirs)))
    return kept


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text("utf-8").splitlines()
    except FileNotFoundError:
        return []
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path} cannot be read: {error}.") from error


def _unquoted(text: str) -> str:
    quoted = len(text) >= 2 and text[0] == text[-1] and text[0] in "'\""
    return text[1:-1] if quoted else text
