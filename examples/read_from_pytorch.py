"""A dataset as PyTorch batches, without TensorFlow: `python examples/read_from_pytorch.py data/sample`"""

import sys
from collections.abc import Iterator

import torch
from torch.utils.data import DataLoader, IterableDataset, get_worker_info

import pipelines


class Clips(IterableDataset):
    """The clips of a split, float32 [3, T, H, W] from 0 to 1 as PyTorch's video networks take them, with class ids.

    Each clip comes once in an epoch, from one worker of one of `world_size` ranks, in an order that `epoch` changes.
    """

    def __init__(self, folder: str, split: str, rank: int = 0, world_size: int = 1) -> None:
        self.data, self.split, self.epoch = pipelines.open_dataset(folder), split, 0
        self.rank, self.world_size = rank, world_size

    def __iter__(self) -> Iterator[tuple[torch.Tensor, int]]:
        worker = get_worker_info()
        number, workers = (worker.id, worker.num_workers) if worker else (0, 1)
        part, parts = self.rank * workers + number, self.world_size * workers
        for clip in self.data.clips(self.split, part, parts, shuffle_buffer=256, seed=self.epoch):
            yield torch.tensor(clip.frames).permute(3, 0, 1, 2) / 255, clip.label


def main(folder: str) -> None:
    clips = Clips(folder, "train")
    for clips.epoch in range(2):
        for frames, labels in DataLoader(clips, batch_size=8, num_workers=2):
            print(f"epoch {clips.epoch}:", tuple(frames.shape), labels.tolist())


if __name__ == "__main__":
    main(sys.argv[1])
