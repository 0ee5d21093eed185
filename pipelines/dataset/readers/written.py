"""Writing and removing what a dataset's folder has for other programs, besides the tar files."""

from pipelines import files
from pipelines.dataset.info import DatasetInfo
from pipelines.dataset.readers import tfds
from pipelines.dataset.readers.croissant import CROISSANT, croissant
from pipelines.dataset.readers.datasheet import README, Provenance, datasheet, is_unchanged
from pipelines.files.output_folder import temporary_folder


def own_files(output: str) -> list[str]:
    """The addresses of what `write` may have written. A `README.md` that a person has changed isn't among them."""
    in_tfds = files.list_folder(files.join(output, tfds.TFDS))
    own = [files.join(output, tfds.TFDS, name) for name in in_tfds if tfds.is_tfds_name(name)]
    return [files.join(output, CROISSANT), *own, *([files.join(output, README)] if _is_own_readme(output) else [])]


def write(output: str, info: DatasetInfo, about: Provenance) -> bool:
    """Writes the files for other programs, each atomically, and the datasheet.

    Returns:
        Whether the datasheet was written; it isn't in place of a `README.md` that a person wrote or changed.

    Raises:
        OutputError: a file can't be written.
    """
    scratch = temporary_folder(output)
    for name, text in tfds.tfds_files(info).items():
        files.write_text(files.join(output, tfds.TFDS, name), text, scratch)
    files.write_text(files.join(output, CROISSANT), croissant(info, about.license), scratch)
    if not _is_own_readme(output):
        return False
    files.write_text(files.join(output, README), datasheet(info, about), scratch)
    return True


def _is_own_readme(output: str) -> bool:
    """Whether `README.md` is as this software wrote it, or isn't there."""
    data = files.read_bytes(files.join(output, README))
    return data is None or is_unchanged(data.decode("utf-8", "surrogateescape"))
