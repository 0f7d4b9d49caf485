"""Settings that need more than a valid value."""

from __future__ import annotations

from pathlib import Path

import pytest

from bus.runtime.errors import ConfigurationError
from export_consumer import settings


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    stated = {"DATABASE_URL": "postgresql://u@h/d", "KAFKA_BOOTSTRAP_SERVERS": "h:9092"}
    stated |= {"S3_BUCKET": "b", "S3_ACCESS_KEY_ID": "k", "S3_SECRET_ACCESS_KEY": "s"}
    for name, value in stated.items():
        monkeypatch.setenv(name, value)


def test_the_models_of_scores_are_named_by_their_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "lpips.onnx").touch()
    monkeypatch.chdir(tmp_path)
    assert settings.read().converter.score_models == {}
    monkeypatch.setenv("EXPORT_LPIPS_MODEL", "lpips.onnx")
    assert settings.read().converter.score_models == {"lpips": str(tmp_path / "lpips.onnx")}
    monkeypatch.setenv("EXPORT_DISTS_MODEL", "dists.onnx")
    with pytest.raises(ConfigurationError, match="EXPORT_DISTS_MODEL"):
        settings.read()


def test_scores_by_a_network_need_onnxruntime(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "lpips.onnx").touch()
    monkeypatch.setattr(settings, "find_spec", lambda _: None)
    settings.read()
    monkeypatch.setenv("EXPORT_LPIPS_MODEL", str(tmp_path / "lpips.onnx"))
    with pytest.raises(ConfigurationError, match="extra export-scores"):
        settings.read()
