"""A dataset as PyTorch batches: `python examples/read_from_pytorch.py data/sample`"""

import sys
from collections.abc import Iterator

import torch
from torch.utils.data import DataLoader, IterableDataset

import pipelines


class Clips(IterableDataset):
    """The clips of a split, float32 [3, T, H, W] from 0 to 1 as PyTorch's video networks take them, with class ids."""

    def __init__(self, folder: str, split: str) -> None:
        self.data = pipelines.open_dataset(folder)
        self.split = split

    def __iter__(self) -> Iterator[tuple[torch.Tensor, int]]:
        for clip in self.data.clips(self.split):
            yield torch.tensor(clip.frames).permute(3, 0, 1, 2) / 255, clip.label


def main(folder: str) -> None:
    for clips, labels in DataLoader(Clips(folder, "train"), batch_size=8):
        print(tuple(clips.shape), labels.tolist())


if __name__ == "__main__":
    main(sys.argv[1])
