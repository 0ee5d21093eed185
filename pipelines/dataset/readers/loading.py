"""How to load a dataset, as a datasheet shows it: a short program for each reader that can."""

from collections.abc import Iterator

from pipelines.dataset.info import DatasetInfo
from pipelines.dataset.readers import tfds
from pipelines.dataset.readers.croissant import CROISSANT
from pipelines.dataset.readers.webdataset import WEBDATASET


def examples(info: DatasetInfo) -> Iterator[str]:
    """The paragraphs, in Markdown; the dataset's folder is the current one."""
    split = next((name for name, found in info.splits.items() if found.num_examples), "train")
    yield (
        "With the package that made it, as NumPy arrays, as a `tf.data.Dataset`, or in PyTorch, for which "
        "`clips(split, part, parts)` gives each worker its share:"
    )
    yield _python(
        "import pipelines",
        "",
        'data = pipelines.open_dataset(".")',
        f'for clip in data.clips("{split}"):',
        "    print(clip.video_id, clip.label_name, clip.frames.shape)",
        f'batches = data.as_tf("{split}", batch_size=8, shuffle_buffer=256)',
    )
    if why := tfds.why_not(info):
        yield f"{why}."
    else:
        yield "With TensorFlow Datasets, from a local disk:" + _losses(info)
        yield _python(
            "import tensorflow_datasets as tfds",
            "",
            f'data = tfds.builder_from_directory("{tfds.TFDS}").as_dataset(split="{split}")',
        )
    if info.webdataset:
        numbers = len(info.webdataset[split]) - 1
        span = f"{{00000..{numbers:05d}}}" if numbers else "00000"
        end = ".tar.gz" if info.compression == "gzip" else ".tar"
        yield "With WebDataset:"
        yield _python(
            "import webdataset",
            "",
            f'data = webdataset.WebDataset("{WEBDATASET}/{split}-{span}{end}", shardshuffle=False).decode()',
        )
    yield (
        f"[`{CROISSANT}`]({CROISSANT}) describes the files for catalogues, and gives `mlcroissant` the table of all "
        "clips."
    )


def _losses(info: DatasetInfo) -> str:
    if info.encoding.format != "jpeg":
        return ""
    return (
        " (its pixels differ a little from those above, as TensorFlow decodes JPEG inexactly unless it is told "
        "otherwise)"
    )


def _python(*lines: str) -> str:
    return "\n".join(["```python", *lines, "```"])
