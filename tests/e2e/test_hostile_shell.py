"""A start in a shell full of other work: its variables, umask 077 and no home; a photo goes through.

Sources: localstack#239, boto3#4121, opencollective-api#3821, radical.pilot#973, vite#14045,
puppetlabs-postgresql#181, passenger#1849.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from sharpstream.stack import ports
from tests.e2e import photos
from tests.e2e.running import Running, new_home
from tests.sharpstream.stack.test_environment import HOSTILE

pytestmark = [pytest.mark.stack, pytest.mark.drill]
PROXY = "http://127.0.0.1:9"


def test_a_start_among_hostile_variables(tmp_path: Path) -> None:
    shadow = tmp_path / "shadow"
    shadow.mkdir()
    for name in ("ledger", "gateway", "export_consumer", "inference_consumer"):
        (shadow / f"{name}.py").write_text("raise SystemExit('another project')\n")
    hostile = HOSTILE | {"PYTHONPATH": str(shadow), "HTTP_PROXY": PROXY, "https_proxy": PROXY}
    del hostile["PYTHONHOME"], hostile["LD_PRELOAD"]  # no Python starts with these
    assert len(hostile) >= 18
    with new_home() as home:
        running = Running(home, {"GATEWAY_PORT": str(ports.choose()), "INFERENCE_MODEL": "null"})
        env = {key: value for key, value in (running.env | hostile).items() if key != "HOME"}
        command = [sys.executable, "-m", "sharpstream"]
        try:
            done = subprocess.run(
                [*command, "up"],
                env=env,
                umask=0o077,
                capture_output=True,
                text=True,
                timeout=300,
                check=False,
            )
            assert done.returncode == 0, f"{done.stdout}{done.stderr}\none of: {', '.join(sorted(hostile))}"
            job = running.generate(photos.landscape(tmp_path))
            running.wait(lambda: running.scene(job)["status"], lambda status: status == "completed")
        finally:
            running.cli("down")
