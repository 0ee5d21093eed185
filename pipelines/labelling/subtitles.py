"""Labels as subtitles: a WebVTT track for each video, which players show over it."""

import hashlib
import re

from pipelines.labelling.types import LabelledVideo

FOLDER = "subtitles"
_SUFFIX = ".vtt"
_MAX_NAME_BYTES = 200
"""File systems allow 255 bytes; writers use longer temporary names while they write."""
_DIGEST_BYTES = 16

# What a name can't or shouldn't hold, and `%` itself, so that no two ids get the same name. Surrogates stand for bytes
# of a file name that are not UTF-8; stores don't accept them.
_ESCAPED = re.compile("[%\\\\\x00-\x1f\x7f\ud800-\udfff]")


def webvtt(video: LabelledVideo) -> str:
    """A subtitle track with a cue for each segment, such as `Jump 87 %`.

    A segment shorter than a millisecond is left out, as a cue must end after its start. The text can always be encoded
    as UTF-8, whatever the labels contain.
    """
    parts = ["WEBVTT\n"]
    for segment in video.segments:
        start_ms, end_ms = round(segment.start_s * 1000), round(segment.end_s * 1000)
        if start_ms < end_ms:
            text = _cue_text(f"{segment.label} {100 * segment.score:.0f} %")
            parts.append(f"{_timestamp(start_ms)} --> {_timestamp(end_ms)}\n{text}\n")
    return "\n".join(parts)


def _timestamp(ms: int) -> str:
    seconds, ms = divmod(ms, 1000)
    minutes, seconds = divmod(seconds, 60)
    return f"{minutes // 60:02}:{minutes % 60:02}:{seconds:02}.{ms:03}"


def _cue_text(text: str) -> str:
    line = " ".join(text.split())  # an empty line would end the cue
    line = line.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return line.encode("utf-8", "backslashreplace").decode()


def subtitle_name(video_id: str) -> str:
    """The path of a video's track, relative to the output: `subtitles/a/b/clip.mp4.vtt` for `a/b/clip.mp4`."""
    return f"{FOLDER}/{path_of_video(video_id, _SUFFIX)}"


def path_of_video(video_id: str, suffix: str) -> str:
    """A relative path for a file about a video: `a/b/clip.mp4.vtt` for `a/b/clip.mp4` and the suffix `.vtt`.

    Different ids have different paths; none leaves the folder, and none is a folder of another path. Characters that
    are special in paths are escaped as `%XX`, an empty part becomes `%`, and the end of a part that is too long is
    replaced with a hash.
    """
    *folders, name = video_id.split("/")
    return "/".join([*(_folder(part, suffix) for part in folders), _shorten(_escape(name), suffix)])


def _folder(part: str, suffix: str) -> str:
    name = _shorten(_escape(part))
    # A folder named like such a file would be in the way of the file of that name.
    return name.removesuffix(suffix) + _quote(".") + suffix[1:] if name.endswith(suffix) else name


def _escape(part: str) -> str:
    if not part:
        return "%"
    if part in (".", ".."):
        return _quote(part)
    return _ESCAPED.sub(lambda match: _quote(match[0]), part)


def _quote(text: str) -> str:
    return "".join(f"%{byte:02X}" for byte in text.encode("utf-8", "surrogatepass"))


def _shorten(name: str, suffix: str = "") -> str:
    encoded = name.encode()
    if len(encoded) + len(suffix) <= _MAX_NAME_BYTES:
        return name + suffix
    digest = hashlib.blake2b(encoded, digest_size=_DIGEST_BYTES).hexdigest()
    start = encoded[: _MAX_NAME_BYTES - len(suffix) - len(digest) - 2].decode(errors="ignore")
    return f"{start}%-{digest}{suffix}"  # `%-` is in no other name
