"""Secrets from files: for each secret key ``X`` the environment may name a file instead, by ``X_FILE``.

That is how Docker and Kubernetes mount secrets. An error names the key and the path, never the content.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, get_args

from pydantic import SecretStr
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings

from bus.runtime.errors import ConfigurationError

SUFFIX: Final = "_FILE"
MOST_BYTES: Final = 64 * 1024
"""Far more than any secret: a path that leads to something else is refused before it fills the memory."""
ELSEWHERE: Final = "in-a-file"
"""What .env says in place of a secret that compose.secrets.yaml mounts; no secret is called so."""


def is_secret(field: FieldInfo) -> bool:
    """Return whether the field holds a secret, so that a file may hold it too."""
    return SecretStr in (field.annotation, *get_args(field.annotation))


def given(settings: type[BaseSettings], environ: Mapping[str, str] | None = None) -> dict[str, Any]:
    """Return field -> secret, of the secrets that come from files. Raises `ConfigurationError`."""
    prefix = settings.model_config.get("env_prefix", "")
    keys = {name: f"{prefix}{name}".upper() for name, f in settings.model_fields.items() if is_secret(f)}
    read = {name: _from_file(key, os.environ if environ is None else environ) for name, key in keys.items()}
    return {name: text for name, text in read.items() if text is not None}


def value(key: str, environ: Mapping[str, str] | None = None) -> str | None:
    """Return a secret that no settings class has, from variable or file. Raises `ConfigurationError`."""
    known = os.environ if environ is None else environ
    return _from_file(key, known) or known.get(key) or None


def _from_file(key: str, environ: Mapping[str, str]) -> str | None:
    """Return the file's text without whitespace at its end; None where no file is named."""
    if environ.get(key) == ELSEWHERE:
        raise ConfigurationError(
            f"{key} is {ELSEWHERE}, and no {key}{SUFFIX} says in which; add compose.secrets.yaml to"
            " COMPOSE_FILE."
        )
    path = environ.get(f"{key}{SUFFIX}")
    if not path:
        return None
    if environ.get(key):
        raise ConfigurationError(
            f"{key} and {key}{SUFFIX} are both set; remove one: a secret comes from one source."
        )
    try:
        with Path(path).open("rb") as file:
            content = file.read(MOST_BYTES + 1)
        text = content.decode().rstrip()
    except OSError as error:
        raise ConfigurationError(
            f"{key}{SUFFIX}: {path} cannot be read ({error.strerror}); mount the secret there, readable for"
            " this process."
        ) from error
    except UnicodeDecodeError:  # without its cause, which holds the content
        raise ConfigurationError(f"{key}{SUFFIX}: {path} is no text in UTF-8.") from None
    if len(content) > MOST_BYTES:
        raise ConfigurationError(f"{key}{SUFFIX}: {path} is larger than {MOST_BYTES} bytes, so no secret.")
    if not text:
        raise ConfigurationError(f"{key}{SUFFIX}: {path} is empty; write the secret into it.")
    return text
