"""Settings whose text has parts: what they stand for."""

AUGMENTATIONS = ("flip", "crop", "color")


def parse_augmentations(text: str) -> tuple[str, ...] | None:
    """`flip,crop` as a tuple, `none` as an empty one, `auto` as None.

    Raises:
        ValueError: an unknown name.
    """
    if text == "auto":
        return None
    if text == "none":
        return ()
    chosen = tuple(part.strip() for part in text.split(","))
    for name in chosen:
        if name not in AUGMENTATIONS:
            raise ValueError(f"must be auto, none, or some of {','.join(AUGMENTATIONS)}, not {text!r}")
    return chosen


def parse_fold(text: str) -> tuple[int, int]:
    """`2/5` as (2, 5): the second of five folds.

    Raises:
        ValueError: the text isn't of this form.
    """
    number, slash, count = text.partition("/")
    if not slash or not number.isdigit() or not count.isdigit() or not 1 <= int(number) <= int(count) >= 2:
        raise ValueError(f"must look like 2/5, the second of five folds, not {text!r}")
    return int(number), int(count)
