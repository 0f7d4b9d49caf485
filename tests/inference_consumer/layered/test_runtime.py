"""Where a network runs, and what onnxruntime's errors mean."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import onnxruntime
import pytest
from onnxruntime.capi import onnxruntime_pybind11_state as native
from structlog.testing import capture_logs

from bus.runtime.errors import ConfigurationError
from inference_consumer.errors import DeviceLostError
from inference_consumer.layered import runtime
from tests.inference_consumer.layered import onnx_files

gpu_build = pytest.mark.filterwarnings(
    "ignore:Specified provider 'CUDAExecutionProvider' is not in available"
)
"""onnxruntime itself warns; here the CPU's build plays the GPU's on a machine without a GPU."""


@pytest.fixture
def file(tmp_path: Path) -> str:
    return str(onnx_files.bundled(tmp_path / "x.onnx"))


@pytest.fixture
def as_gpu_build(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let onnxruntime say what its GPU build says."""
    monkeypatch.setattr(
        onnxruntime, "get_available_providers", lambda: ["CUDAExecutionProvider", "CPUExecutionProvider"]
    )
    monkeypatch.setattr(onnxruntime, "preload_dlls", lambda: None)


@pytest.mark.parametrize("device", ["auto", "cpu"])
def test_the_cpu_build_runs_on_the_cpu(file: str, device: str) -> None:
    with capture_logs() as logs:
        made = runtime.session(file, device=device, threads=1)
    assert runtime.device_of(made) == "cpu"
    assert logs == []


def test_cuda_without_its_build_stops_the_start(file: str) -> None:
    with pytest.raises(ConfigurationError, match="cuda needs the package onnxruntime-gpu"):
        runtime.session(file, device="cuda", threads=None)


@gpu_build
@pytest.mark.usefixtures("as_gpu_build")
def test_cuda_asked_for_and_cpu_given_stops_the_start(file: str) -> None:
    with pytest.raises(ConfigurationError, match="found no GPU that it can use"):
        runtime.session(file, device="cuda", threads=None)


@gpu_build
@pytest.mark.usefixtures("as_gpu_build")
def test_a_gpu_build_without_a_gpu_says_that_it_runs_on_the_cpu(file: str) -> None:
    with capture_logs() as logs:
        made = runtime.session(file, device="auto", threads=1)
    assert runtime.device_of(made) == "cpu"
    assert [each["event"] for each in logs] == ["no_usable_gpu"]


@pytest.mark.usefixtures("as_gpu_build")
def test_cpu_asked_for_is_cpu_given_without_a_word(file: str) -> None:
    with capture_logs() as logs:
        made = runtime.session(file, device="cpu", threads=1)
    assert runtime.device_of(made) == "cpu"
    assert logs == []


@pytest.mark.parametrize("content", [b"", b"text"])
def test_what_is_no_network_is_said(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "x.onnx").write_bytes(content)
    with pytest.raises(ConfigurationError, match="no network that onnxruntime can load"):
        runtime.session(str(tmp_path / "x.onnx"), device="cpu", threads=1)


class Failing:
    """A session that fails like onnxruntime's."""

    def __init__(self, error: Exception) -> None:
        self._error = error

    def run(self, *_: Any) -> Any:
        raise self._error


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (
            native.RuntimeException("bfc_arena: Failed to allocate memory for requested buffer of size 9"),
            MemoryError,
        ),
        (native.RuntimeException("CUDA failure 2: out of memory"), MemoryError),
        (native.Fail("std::bad_alloc"), MemoryError),
        (native.Fail("CUDA failure 700: an illegal memory access was encountered"), DeviceLostError),
        (native.Fail("Non-zero status code returned while running Reshape node"), native.Fail),
    ],
)
def test_errors_of_a_run_are_distinguished(error: Exception, kind: type[Exception]) -> None:
    with pytest.raises(kind):
        runtime.run(Failing(error), [], {})
