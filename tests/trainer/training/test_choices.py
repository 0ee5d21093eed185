"""What a run chooses where the user doesn't, its length and its learning rate."""

import pytest

from trainer.training.choices import choose_batch, choose_compile, choose_rate
from trainer.training.schedule import choose_length, learning_rate

CLIP = 20 * 64 * 64 * 3


@pytest.mark.parametrize(
    ("asked", "on_gpu", "replicas", "num_clips", "clip_bytes", "expected"),
    [
        (0, False, 1, 1_000_000, CLIP, 8),
        (0, False, 2, 600, CLIP, 8),
        (32, False, 1, 600, CLIP, 32),
        (32, True, 1, 6_600, CLIP, 32),
        (0, True, 1, 600, CLIP, 64),  # the sample data
        (0, True, 1, 6_600, CLIP, 256),  # UCF50
        (0, True, 1, 1_000_000, CLIP, 256),
        (0, True, 8, 1_000_000, CLIP, 2048),
        (0, True, 8, 6_600, CLIP, 512),
        (0, True, 1, 6_600, 32 * 224 * 224 * 3, 8),
        (0, True, 1, 6_600, 16 * 112 * 112 * 3, 64),
        (0, True, 1, 30, CLIP, 8),
        (0, True, 1, 3, 10**9, 8),
    ],
)
def test_the_batch_goes_by_device_and_dataset(
    asked: int, on_gpu: bool, replicas: int, num_clips: int, clip_bytes: int, expected: int
) -> None:
    assert choose_batch(asked, on_gpu, replicas, num_clips, clip_bytes) == expected


@pytest.mark.parametrize(
    ("asked", "batch_size", "chosen", "expected"),
    [(0.0, 0, 8, 1e-3), (0.0, 0, 32, 2e-3), (0.0, 0, 128, 4e-3), (0.0, 32, 32, 1e-3), (5e-4, 0, 64, 5e-4)],
)
def test_the_rate_goes_with_a_chosen_batch(asked: float, batch_size: int, chosen: int, expected: float) -> None:
    assert choose_rate(asked, batch_size, chosen) == pytest.approx(expected)


def test_steps_are_compiled_where_it_pays_or_is_asked_for() -> None:
    def chosen(
        compile: str = "auto", gpu: bool = True, replicas: int = 1, exact: bool = False, steps: int = 10**6,
        network: tuple[str, str] = ("convlstm", "default"),
    ) -> bool:  # fmt: skip
        return choose_compile(compile, gpu, replicas, exact, network, steps, 64)

    assert chosen()
    assert not any((chosen(steps=700), chosen(gpu=False), chosen(replicas=2), chosen(exact=True), chosen("off")))
    assert not any((chosen(network=("lrcn", "default")), chosen(network=("convlstm", "reference"))))
    assert all((chosen("on", steps=1), chosen("on", gpu=False), chosen("on", exact=True)))


def test_length() -> None:
    lengths = {(0, 0, 1000): (30, 15), (0, 0, 28): (30, 15), (0, 0, 13): (54, 27), (0, 0, 1): (700, 350)}
    lengths |= {(40, 0, 13): (40, 20), (40, 3, 13): (40, 3), (0, 3, 1000): (30, 3)}
    assert {key: choose_length(*key) for key in lengths} == lengths


def test_the_rate_rises_to_its_peak_and_falls_to_a_hundredth() -> None:
    rates = [learning_rate(position / 10, 20, 0.5, 2.0) for position in range(201)]
    top = rates.index(max(rates))
    assert top == 20
    assert rates[top] == pytest.approx(0.5)
    assert rates[0] > 0
    assert rates[: top + 1] == sorted(rates[: top + 1])
    assert rates[top:] == sorted(rates[top:], reverse=True)
    assert rates[-1] == pytest.approx(0.005)


@pytest.mark.parametrize(("epochs", "warmup"), [(1, 2.0), (1, 0.0), (3, 100.0)])
def test_short_runs_have_a_rate_too(epochs: int, warmup: float) -> None:
    rates = [learning_rate(position / 10, epochs, 1.0, warmup) for position in range(10 * epochs + 1)]
    assert all(0 < rate <= 1 for rate in rates)
    assert max(rates) > 0.5
