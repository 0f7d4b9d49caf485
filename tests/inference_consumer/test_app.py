from __future__ import annotations

import os
import signal
import subprocess
import sys
from types import SimpleNamespace
from typing import Any

import pytest

from bus.runtime.errors import ConfigurationError
from inference_consumer import models
from inference_consumer.card import Card
from inference_consumer.null import Null
from inference_consumer.settings import InferenceSettings

KAFKA = {"KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:1", "KAFKA_SECURITY_PROTOCOL": "PLAINTEXT"}


def started(**environment: str) -> subprocess.CompletedProcess[str]:
    """Run the process as an operator starts it, to its end."""
    kept = {"PATH": os.environ["PATH"]}
    command = [sys.executable, "-m", "inference_consumer"]
    return subprocess.run(
        command, env=kept | environment, capture_output=True, text=True, check=False, timeout=60
    )


@pytest.mark.parametrize(
    ("environment", "sentence"),
    [
        ({}, "KAFKA_BOOTSTRAP_SERVERS"),
        ({**KAFKA, "INFERENCE_MODEL": "magic"}, "the models are card, layered, null, sharp"),
        ({**KAFKA, "INFERENCE_MAX_BATCH": "0"}, "INFERENCE_MAX_BATCH"),
        ({**KAFKA, "INFERENCE_MODEL": "sharp"}, "SHARP_ACCEPT_LICENSE=research-only"),
        ({**KAFKA, "SHARP_CHECKPOINT_SHA256": "abc"}, "SHARP_CHECKPOINT_SHA256"),
    ],
)
def test_a_wrong_setting_is_one_sentence_and_status_2(environment: dict[str, str], sentence: str) -> None:
    done = started(**environment)
    assert done.returncode == 2
    assert sentence in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


def test_sigterm_ends_the_process_while_kafka_is_down() -> None:
    command = [sys.executable, "-m", "inference_consumer"]
    environment = {"PATH": os.environ["PATH"], **KAFKA, "INFERENCE_MODEL": "null"}
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if "engine_ready" in line:
                break
        process.send_signal(signal.SIGTERM)
        rest = process.stdout.read()
        assert process.wait(30) == 0
    assert "Traceback" not in rest


@pytest.mark.parametrize(("name", "kind"), [("card", Card), ("null", Null)])
def test_models_are_chosen_by_name(name: str, kind: type[Any]) -> None:
    settings: Any = SimpleNamespace(inference=InferenceSettings())
    made = models.maker(name)(settings)
    assert isinstance(made, kind)
    assert made.info.name == name


def test_an_unknown_model_names_the_known_ones() -> None:
    with pytest.raises(ConfigurationError, match="card, layered, null, sharp"):
        models.maker("magic")
