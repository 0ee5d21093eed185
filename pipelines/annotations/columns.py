"""What the name of a column says: that a line means something other than a whole video, or which split it is in."""

import re
import unicodedata

_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")
_MEANING = frozenset(
    (
        # which part of the video
        *("start", "starts", "end", "ends", "begin", "begins", "beginning", "stop", "stops", "finish", "onset"),
        *("offset", "duration", "durations", "dur", "length", "lengths", "len", "segment", "segments", "interval"),
        *("intervals", "range", "span", "trim", "trimmed", "timestamp", "timestamps", "timecode", "timecodes", "seek"),
        *("window", "windows", "inpoint", "outpoint"),
        *("debut", "fin", "duree", "anfang", "beginn", "ende", "dauer", "inicio", "inizio", "duracion", "durata"),
        # which part of its pictures, and which way round
        *("bbox", "bboxes", "box", "boxes", "roi", "rois", "crop", "crops", "cropped", "rotate", "rotated", "rotation"),
        *("rot", "mirror", "mirrored", "flip", "flipped", "hflip", "vflip", "transpose", "transposed", "zoom"),
        # how fast, and which of its frames
        *("fps", "framerate", "speed", "speedup", "slowmo", "playback", "reverse", "reversed", "invert", "inverted"),
        *("stride", "strides", "hop", "dilation", "frameskip", "framestep", "subsample", "downsample", "sampling"),
        # how much it counts, or whether at all
        *(
            "weight",
            "weights",
            "weighting",
            "importance",
            "oversample",
            "upsample",
            "repeat",
            "repeats",
            "multiplicity",
        ),
        *("ignore", "ignored", "exclude", "excluded", "exclusion", "skip", "skipped", "drop", "dropped", "discard"),
        *("discarded", "reject", "rejected", "remove", "removed", "delete", "deleted", "omit", "omitted", "keep"),
        *("include", "included", "inclusion", "use", "used", "unused", "usable", "unusable", "enabled", "disabled"),
        *("valid", "invalid", "bad", "blacklist", "blacklisted", "blocklist", "whitelist", "allowlist", "multiplicity"),
    )
)
_FRAMES = frozenset(("frame", "frames"))
_COUNTS = frozenset(("n", "nb", "num", "number", "count", "total", "size", "width", "height"))
"""`num_frames` describes the video, whereas `frames` may choose some of them."""
_SPLITS = frozenset(
    (
        *("subset", "partition", "fold", "folds", "split", "splits", "train", "training", "val", "validation", "test"),
        *("testing", "kfold"),
    )
)
_UNIT = "(?:s|t|ts|at|ms|msec|sec|secs|second|seconds|time|times|stamp|point|pos|position|frame|frames|id|idx|index|no)"
_EDGE = "start|starting|begin|beginning|end|ending|stop|onset|offset|duration|length"
_FUSED = re.compile(
    rf"(?:t|time|sec|seconds?|frame|clip|video|event|action|label|segment)?(?:{_EDGE}){_UNIT}{{0,2}}"
    rf"|(?:t|time)?(?:from|to|in|out|t0|t1){_UNIT}?|[se]time|t[0-9]|ss?|ms|sec|secs|seconds?|times?|time(?:ms|secs?)"
    r"|cut(?:in|out)|(?:frame|play|playback|video|sample|sampling)?rate|sampleweight|bounding_?box"
    r"|[xy][0-9]?|[wh]|[xy](?:min|max)|(?:min|max)[xy]|c[xy]|[xy]?(?:left|right|top|bottom)[xy]?"
    r"|(?:is|isnot|not|to|do|donot|dont|no)(?:valid|usable|use|used|ignore|ignored|exclude|excluded|skip|skipped|keep)"
)


def plain_name(column: str) -> str:
    """The name of a column in the form in which names are compared: without case, wide forms and invisible signs."""
    if not column.isascii():
        column = "".join(sign for sign in column if unicodedata.category(sign) != "Cf")
        column = unicodedata.normalize("NFKC", column)
    return column.strip().lower()


def changes_meaning(column: str) -> bool:
    """Whether the name of a column says that a line means something other than the whole video, as one of many equals:
    a part of it or of its pictures, another speed, another weight, or that the line doesn't count."""
    column = "".join(sign for sign in unicodedata.normalize("NFKD", column) if not unicodedata.combining(sign))
    words = {word.lower() for word in _WORD.findall(column)}
    if words & _MEANING or (words & _FRAMES and not words & _COUNTS):
        return True
    return _FUSED.fullmatch("".join(re.findall("[a-z0-9]+", column.lower()))) is not None


def gives_splits(column: str) -> bool:
    """Whether the name of a column is another one for `split`."""
    return plain_name(column) == "set" or any(word.lower() in _SPLITS for word in _WORD.findall(column))
