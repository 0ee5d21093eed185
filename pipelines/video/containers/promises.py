"""What a container promises, compared with what the file holds.

A download that broke off has a header that describes the whole video. What is trusted: the sample tables of MP4 and
MOV, including those of fragments; the index of an AVI, and its counts where the file ends within its pictures; where
the segment of a Matroska file, the data of an ASF file or the indexed fragments of an MP4 file should end, and what the
data of ASF and GIF files consist of; the counts of IVF and of finished MXF files. Durations and counts by themselves
are often wrong even in intact files, and live recordings don't know their sizes: these promise nothing, and neither do
MPEG streams. Zeros at the end of a file are space that a download allocated but never filled.
"""

from dataclasses import dataclass
from typing import BinaryIO, NamedTuple

import av

from pipelines.video import content
from pipelines.video.containers import asf, avi, file_ends, matroska, mp4
from pipelines.video.remarks import Shortfall

MIN_SHARE = 0.5
"""At least this share of the promised frames must be there."""
_PLAUSIBLE = 3.0
"""Factor by which estimates from frames and from bytes may differ."""
_PROMISE_NOTHING = frozenset(("mpegts", "mpeg", "mpegvideo", "h264", "hevc", "m4v"))
"""Formats whose packets may be marked as damaged where two recordings were joined."""


@dataclass(frozen=True)
class Found:
    """What was read of a stream.

    Attributes:
        packets: number of packets that aren't empty, including those that aren't shown.
        incomplete: number of packets of which the file holds only a part.
        duration_s: seconds from the first frame to the end of the last one.
        frame_rate: frames per second.
        indexed: number of entries in FFmpeg's index just after the file was opened.
        end: the byte behind the last packet that was read; 0 where that isn't known.
    """

    packets: int
    incomplete: int
    duration_s: float
    frame_rate: float
    indexed: int
    end: int = 0


def shortfall(container: "av.container.InputContainer", stream: "av.VideoStream", found: Found) -> Shortfall | None:
    """What is missing from a video whose packets have all been read; None where nothing is, as far as can be told.

    Args:
        container: an open local file.
        stream: its video stream.
        found: what was read.

    Raises:
        OSError: the file can't be read.
    """
    kind = container.format.name
    if kind in _PROMISE_NOTHING:
        return None
    if kind == "avi" and found.packets == found.indexed == stream.frames and not found.incomplete:
        return None  # header, index and content agree: no need to look further
    if look := _LOOK.get(kind):
        path = container.name.removeprefix("file:")
        with content.open_content(path) as file:
            size_bytes = content.size_of(path)
            end = file_ends.data_end_of(file, size_bytes, container, stream)
            missing = look(_Source(file, size_bytes, end, container, stream), found)
        if missing is not None:
            return missing
    return counted(found.packets - found.incomplete, found.packets, found.duration_s)


class _Source(NamedTuple):
    """A file as bytes, and as FFmpeg sees it. After `end` there are only zeros."""

    file: BinaryIO
    size_bytes: int
    end: int
    container: "av.container.InputContainer"
    stream: "av.VideoStream"


def counted(there: int, promised: int, end_s: float, about: bool = False) -> Shortfall | None:
    """The shortfall where `there` of `promised` frames are there; None if none is missing."""
    if there >= promised:
        return None
    frames = "frame is" if promised == 1 else "frames are"
    message = f"{'about ' if about else ''}{there:,} of {promised:,} {frames} there"
    return Shortfall(message, there / promised, end_s)


def _is_all(found: Found, lasts_s: float) -> bool:
    """Whether a video of this length is there, give or take a frame: what the file lacks then isn't pictures."""
    promised = lasts_s * found.frame_rate
    is_there = found.duration_s * found.frame_rate + 1 >= promised and found.packets + 1 >= round(promised)
    return lasts_s > 0 and not found.incomplete and is_there


def _estimated(found: Found, bytes_share: float, duration_s: float) -> Shortfall | None:
    """The shortfall estimated from the duration or, if that is implausible, from the share of bytes that is there."""
    if _is_all(found, duration_s):
        return None
    whole = found.packets - found.incomplete
    by_bytes = whole / min(1.0, max(bytes_share, 1e-3))
    promised = duration_s * found.frame_rate
    if not by_bytes / _PLAUSIBLE < promised < by_bytes * _PLAUSIBLE:
        promised = by_bytes
    end_s = duration_s if promised != by_bytes else found.duration_s * promised / max(found.packets, 1)
    return counted(whole, max(round(promised), whole + 1), max(end_s, found.duration_s), about=True)


def _avi(source: _Source, found: Found) -> Shortfall | None:
    number, announced = source.stream.index, source.stream.frames
    if found.packets == found.indexed == announced:
        return None
    parts = avi.look(source.file, source.size_bytes, number, source.end)
    if not parts.is_cut:
        end_s = max(found.duration_s, parts.indexed_slots / found.frame_rate)
        return counted(found.packets, parts.indexed_frames, end_s)
    slots = found.packets + avi.count_empty(source.file, source.end, number)
    promised = max(parts.announced_frames, announced)
    bytes_share = parts.bytes_there / max(parts.promised_bytes, 1)
    if not 1 / _PLAUSIBLE < promised * bytes_share / max(slots, 1) < _PLAUSIBLE:
        return _estimated(found, bytes_share, 0.0)
    return counted(slots, promised, promised / found.frame_rate)


def _mp4(source: _Source, found: Found) -> Shortfall | None:
    stream = source.stream
    samples = [(entry.pos + entry.size, entry.size) for entry in stream.index_entries if not entry.is_discard]
    is_plain = stream.frames == found.indexed == len(stream.index_entries)
    largest = max((size for _, size in samples), default=0) if is_plain else 0
    # Some camera codecs pad each picture with zeros, which are fewer than the bytes of the largest picture.
    limit = source.end if source.size_bytes - source.end > largest else source.size_bytes
    there = sum(end <= limit for end, _ in samples)
    if is_plain:
        lasts_s = float(stream.duration * stream.time_base) if stream.duration and stream.time_base else 0.0
        missing = counted(there, len(samples), max(lasts_s, found.duration_s))
        return missing or _joined(mp4.second_movie(source.file, source.end), found)
    fragments = mp4.look(source.file, source.end, stream.id)
    if fragments is None or not fragments.is_cut:
        return counted(there, len(samples), found.duration_s)
    if fragments.duration_s > found.duration_s:
        return counted(there, round(fragments.duration_s * found.frame_rate), fragments.duration_s, about=True)
    known = max(len(samples), there + 1)  # there may be more fragments
    end_s = found.duration_s * known / max(there, 1)
    return Shortfall(f"{there:,} of at least {known:,} frames are there", there / known, end_s)


def _joined(begins: int | None, found: Found) -> Shortfall | None:
    """What is missing where another file was joined to this one and isn't read."""
    if begins is None:
        return None
    message = f"{found.packets:,} frames are there, and another video that begins at byte {begins:,} isn't read"
    return Shortfall(message, found.packets / (found.packets + 1), found.duration_s)


def _matroska(source: _Source, found: Found) -> Shortfall | None:
    parts = matroska.look(source.file, source.end)
    lasts_s, whole = _matroska_duration_s(source), found.packets - found.incomplete
    if parts.end > source.end:
        is_all = _is_all(found, lasts_s or _duration_s(source))  # the file is at least as long as the stream
        return None if is_all else _estimated(found, source.end / parts.end, lasts_s)
    if parts.broken_at is None:
        return None
    promised = round(lasts_s * found.frame_rate)
    if promised > whole + 1:
        return counted(whole, promised, max(lasts_s, found.duration_s), about=True)
    if promised == whole and _is_all(found, lasts_s):
        return None
    message = f"{found.packets:,} frames are there, and the file can't be followed from byte {parts.broken_at:,} on"
    return Shortfall(message, found.packets / (found.packets + 1), max(lasts_s, found.duration_s))


def _matroska_duration_s(source: _Source) -> float:
    """The length of the stream by its tag, or of the file if it holds no other stream; 0 where neither is known."""
    try:
        hours, minutes, seconds = source.stream.metadata.get("DURATION", "").split(":")
        return int(hours) * 3600 + int(minutes) * 60 + float(seconds)
    except ValueError:
        return _duration_s(source) if len(source.container.streams) == 1 else 0.0


def _asf(source: _Source, found: Found) -> Shortfall | None:
    parts = asf.look(source.file)
    if parts is None:
        return None
    if parts.end > source.end:
        return _estimated(found, source.end / parts.end, parts.duration_s)
    is_all = found.packets >= round(parts.duration_s * found.frame_rate)
    lost = 0.0 if is_all else asf.lost_share(source.file, parts)
    if not lost:
        return None
    missing = _estimated(found, 1 - lost, parts.duration_s)
    return missing or counted(found.packets, found.packets + 1, parts.duration_s, about=True)


def _flv(source: _Source, found: Found) -> Shortfall | None:
    """Each tag of an FLV file is followed by its size. Where the last one isn't, the duration is trusted."""
    source.file.seek(max(0, source.end - 4))
    size = int.from_bytes(source.file.read(4), "big")
    source.file.seek(max(0, source.end - 4 - size))
    if size == 11 + int.from_bytes(source.file.read(4)[1:], "big") and source.end == source.size_bytes:
        return _joined(file_ends.second_flv(source.file, found.end), found)
    stream = source.stream
    begins_s = float((stream.start_time or 0) * (stream.time_base or 0))
    whole, lasts_s = found.packets - found.incomplete, _duration_s(source) - begins_s  # the file's counts from 0
    if _is_all(found, lasts_s):
        return None
    return counted(whole, round(lasts_s * found.frame_rate), lasts_s, about=True)


def _mxf(source: _Source, found: Found) -> Shortfall | None:
    if not file_ends.mxf_footer(source.file):  # it wasn't finished, and its header knows no length
        return None
    stream = source.stream
    lasts_s = float((stream.duration or 0) * (stream.time_base or 0))
    return counted(found.packets - found.incomplete, round(lasts_s * found.frame_rate), lasts_s)


def _ivf(source: _Source, found: Found) -> Shortfall | None:
    """Some programs write time units in place of frames: the count is trusted only where a frame is one time unit."""
    if abs(found.frame_rate * float(source.stream.time_base or 0) - 1) > 0.01:
        return None
    promised = file_ends.ivf_frames(source.file)
    return counted(found.packets - found.incomplete, promised, promised / found.frame_rate)


def _gif(source: _Source, found: Found) -> Shortfall | None:
    broken_at = file_ends.gif_break(source.file)
    if broken_at is None:
        return None
    where = "ends without its end mark" if broken_at >= source.end else f"can't be followed from byte {broken_at:,} on"
    message = f"{found.packets:,} frames are there, and the file {where}"
    return Shortfall(message, found.packets / (found.packets + 1), found.duration_s)


def _duration_s(source: _Source) -> float:
    return (source.container.duration or 0) / av.time_base


_LOOK = {
    "avi": _avi,
    "mov,mp4,m4a,3gp,3g2,mj2": _mp4,
    "matroska,webm": _matroska,
    "asf": _asf,
    "flv": _flv,
    "mxf": _mxf,
    "ivf": _ivf,
    "gif": _gif,
}
"""Functions that look for what is missing, by FFmpeg's name of the format."""
