"""Training runs: kill and resume, thawing, the producer process, and the exported network."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from training.data import GROUP, Producer, batch
from training.export import TOLERANCE, difference, export
from training.exported import weights
from training.train import CHECKPOINT, Settings, Trainer
from training.worlds.render import Picture

pytestmark = pytest.mark.drill  # Numba compiles the ray caster for a minute
ROOT = Path(__file__).parents[2]
TINY = Settings(seed=3, batch=2, warmup=2, pretrained=False, shape=(32, 32), thaw=2)


@pytest.fixture(autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def test_a_resumed_run_equals_an_uninterrupted_one(tmp_path):
    batches = [batch(step, seed=TINY.seed, size=TINY.batch, shape=TINY.shape) for step in range(4)]
    whole = Trainer(TINY)
    for made in batches:
        assert np.isfinite(list(whole.step(made).values())).all()

    first = Trainer(TINY)
    first.step(batches[0])
    first.step(batches[1])
    first.save(tmp_path)
    first.step(batches[2])  # lost, because the kill precedes the next checkpoint
    second = Trainer(TINY)
    assert second.load(tmp_path)
    assert second.step_number == 2
    for step in (2, 3):
        second.step(batch(step, seed=TINY.seed, size=TINY.batch, shape=TINY.shape))

    for mine, theirs in (
        (whole.network.state_dict(), second.network.state_dict()),
        (whole.averaged, second.averaged),
    ):
        for key, value in mine.items():
            torch.testing.assert_close(theirs[key], value, rtol=0, atol=0)


def test_a_kill_while_a_checkpoint_is_written_keeps_the_previous_one(tmp_path):
    trainer = Trainer(TINY)
    trainer.save(tmp_path)
    before = (tmp_path / CHECKPOINT).read_bytes()
    (tmp_path / f"{CHECKPOINT}.partial").write_bytes(before[:1000])
    assert Trainer(TINY).load(tmp_path)
    assert (tmp_path / CHECKPOINT).read_bytes() == before


def test_the_backbone_is_frozen_until_thawed():
    trainer = Trainer(TINY)
    made = batch(0, seed=TINY.seed, size=TINY.batch, shape=TINY.shape)
    stem, eighth, last = (
        "backbone._conv_stem.weight",
        "backbone._blocks.8._project_conv.weight",
        "backbone._blocks.15._project_conv.weight",
    )
    before = {key: value.clone() for key, value in trainer.network.state_dict().items()}
    trainer.step(made)
    after = trainer.network.state_dict()
    assert torch.equal(after[stem], before[stem])
    assert torch.equal(after[eighth], before[eighth])
    assert not torch.equal(after[last], before[last])
    trainer.step_number = TINY.thaw
    trainer.step(made)
    after = trainer.network.state_dict()
    assert torch.equal(after[stem], before[stem])
    assert not torch.equal(after[eighth], before[eighth])


def test_the_producer_ends_when_its_trainer_is_killed(tmp_path):
    code = """if __name__ == "__main__":
    from training.data import Producer
    producer = Producer(abs, -3)
    print(producer.processes[0].pid, producer.next(), producer.next(), flush=True)
    input()
"""
    path = tmp_path / "trainer.py"
    path.write_text(code)
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(
        [sys.executable, str(path)], env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as trainer:
        producer, third, second = map(int, trainer.stdout.readline().split())
        assert (third, second) == (3, 2)
        trainer.send_signal(signal.SIGKILL)
    while Path(
        f"/proc/{producer}"
    ).exists():  # until it has ended; a producer that does not end hangs the test
        if Path(f"/proc/{producer}/stat").read_text().rsplit(")", 1)[1].split()[0] == "Z":
            break


def test_several_producers_give_the_same_steps_in_order():
    first = GROUP - 2
    with Producer(str, first, 3) as producer:
        made = [producer.next() for _ in range(3 * GROUP)]
    assert made == [str(step) for step in range(first, first + 3 * GROUP)]


def test_batches_of_a_group_share_no_picture_with_another_group(monkeypatch):
    drawn = dict[int, set[int]]()

    def render(_seed, index, shape, **_):
        drawn.setdefault(step, set()).add(index)
        return Picture(np.zeros((*shape, 3), np.uint8), np.ones(shape, np.float32), 1.0, "")

    monkeypatch.setattr("training.data.render", render)
    for step in range(GROUP - 12, GROUP + 12):
        batch(step, seed=3, size=16, shape=(32, 32))
    before = set().union(*(drawn[step] for step in range(GROUP - 12, GROUP)))
    after = set().union(*(drawn[step] for step in range(GROUP, GROUP + 12)))
    assert not before & after
    assert len(drawn[GROUP - 1]) == 16


def test_the_exported_network_matches_torch(tmp_path):
    pytest.importorskip("onnx", reason="needs the dependency group `training`")
    pytest.importorskip("onnxruntime", reason="needs the dependency group `training`")
    trainer = Trainer(TINY)
    trainer.step(batch(0, seed=TINY.seed, size=TINY.batch, shape=TINY.shape))
    path = tmp_path / "network.onnx"
    assert export(trainer.network, path, {"step": "1"}) <= TOLERANCE
    assert difference(trainer.network.eval(), path, (2, 32, 64)) <= TOLERANCE
    assert path.stat().st_size < 15e6


def test_a_run_goes_on_from_an_exported_network(tmp_path):
    pytest.importorskip("onnx", reason="needs the dependency group `training`")
    first = Trainer(TINY)
    with torch.no_grad():  # as after training: no two tensors are equal, which the exporter would join
        for value in first.network.state_dict().values():
            if value.is_floating_point():
                value.add_(0.01 * torch.rand(value.shape))
    export(first.network, tmp_path / "network.onnx", {"step": "1"})
    second = Trainer(TINY)
    second.begin_from(*weights(tmp_path / "network.onnx"))
    assert second.step_number == 1
    theirs = second.network.state_dict()
    for key, value in first.network.state_dict().items():
        if not key.endswith("num_batches_tracked"):
            torch.testing.assert_close(theirs[key], value, rtol=1e-3, atol=1e-4)
    assert np.isfinite(
        list(second.step(batch(1, seed=TINY.seed, size=TINY.batch, shape=TINY.shape)).values())
    ).all()
