"""What a container promises, compared with what the file holds.

A download that broke off has a header that describes the whole video. What is trusted: the sample tables of MP4 and
MOV, including those of fragments; the index of an AVI, and its counts where the file ends within its pictures or leads
to something else; where the segment of a Matroska file, the data of an ASF file or the indexed fragments of an MP4 file
should end, and what the data of ASF and GIF files consist of; the numbers and checksums of Ogg pages; the numbers of
packets in transport streams; the counts of IVF and of finished MXF files. Durations and counts by themselves are often
wrong even in intact files, and live recordings don't know their sizes: these promise nothing, and neither do MPEG
streams otherwise. Zeros at the end of a file are space that a download allocated but never filled.
"""

import av

from pipelines.video import content
from pipelines.video.containers import asf, avi, file_ends, matroska, mp4, mpegts, ogg
from pipelines.video.containers.shortfalls import (
    PLAUSIBLE,
    Found,
    Source,
    counted,
    estimated,
    is_all,
    joined,
    some,
    zeros,
)
from pipelines.video.remarks import Shortfall

_SOUND_ALONE_S = 1.0
"""Where sound goes on for so long without pictures, these have ended."""
_PLAUSIBLE_WITH_SOUND = 1.7
"""Like `PLAUSIBLE`, where only the duration of a file is known, which may hold sound that is longer than its video."""
MIN_SHARE = 0.5
"""At least this share of the promised frames must be there."""
_PROMISE_NOTHING = frozenset(("mpegts", "mpeg", "mpegvideo", "h264", "hevc", "m4v"))
"""Formats whose packets may be marked as damaged where two recordings were joined."""


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
    if kind == "avi" and found.packets == found.indexed == stream.frames and not found.incomplete:
        return None  # header, index and content agree: no need to look further
    path = container.name.removeprefix("file:")
    with content.open_content(path) as file:
        size_bytes = content.size_of(path)
        end = file_ends.data_end_of(file, size_bytes, container, stream)
        look = _LOOK.get(kind, zeros)
        missing = look(Source(file, size_bytes, end, container, stream), found)
    if missing is not None or kind in _PROMISE_NOTHING:
        return missing
    return counted(found.packets - found.incomplete, found.packets, found.duration_s)


def why_not_open(path: str) -> str:
    """Why a local file can't be opened, where something better than the error can be said; else an empty text."""
    try:
        with content.open_content(path) as file:
            lacks_tables = mp4.lacks_tables(file, content.size_of(path))
    except OSError:
        return ""
    return (
        "the file breaks off before the tables (moov) without which nothing in it can be found" if lacks_tables else ""
    )


def _avi(source: Source, found: Found) -> Shortfall | None:
    number, announced = source.stream.index, source.stream.frames
    if found.packets == found.indexed == announced:
        return None
    if announced > found.packets + 1:  # then zeros are no silence, and no black pictures either
        source = source._replace(end=file_ends.data_end(source.file, source.size_bytes))
    parts = avi.look(source.file, source.size_bytes, number, source.end)
    if not parts.is_cut:
        end_s = max(found.duration_s, parts.indexed_slots / found.frame_rate)
        promised, there = parts.indexed_frames, found.packets
        if not promised and not parts.is_live and announced > there + 1 and avi.is_broken(source.file, source.end):
            there += avi.count_empty(source.file, source.end, number)
            promised, end_s = announced, announced / found.frame_rate
        missing = counted(there, promised, end_s)
        return missing or (zeros(source, found) if parts.is_live else None)
    slots = found.packets + avi.count_empty(source.file, source.end, number)
    promised = max(parts.announced_frames, announced)
    bytes_share = parts.bytes_there / max(parts.promised_bytes, 1)
    if not 1 / PLAUSIBLE < promised * bytes_share / max(slots, 1) < PLAUSIBLE:
        return estimated(found, bytes_share, 0.0)
    return counted(slots, promised, promised / found.frame_rate)


def _mp4(source: Source, found: Found) -> Shortfall | None:
    stream = source.stream
    samples = [(entry.pos + entry.size, entry.size) for entry in stream.index_entries if not entry.is_discard]
    fragments = mp4.look(source.file, source.end, stream.id)
    is_plain = fragments is None and stream.frames == found.indexed == len(stream.index_entries)
    largest = max((size for _, size in samples), default=0) if is_plain else 0
    # The sound after the last picture may be silent, which doesn't matter here.
    is_compact = is_plain and file_ends.is_compact(stream)
    data_end = file_ends.data_end(source.file, source.size_bytes) if is_compact else source.end
    # Some camera codecs pad each picture with zeros, which are fewer than the bytes of the largest picture.
    limit = data_end if source.size_bytes - data_end > largest else source.size_bytes
    there = sum(end <= limit for end, _ in samples)
    listed = mp4.listed_pictures(source.file, source.size_bytes, stream.id)
    if is_plain or listed:
        lasts_s = float(stream.duration * stream.time_base) if stream.duration and stream.time_base else 0.0
        missing = counted(there, max(len(samples), listed), max(lasts_s, found.duration_s))
        return missing or joined(mp4.second_movie(source.file, source.end), found)
    if fragments is None or not fragments.is_cut:
        return counted(there, len(samples), found.duration_s)
    if fragments.duration_s > found.duration_s:
        return counted(there, round(fragments.duration_s * found.frame_rate), fragments.duration_s, about=True)
    if fragments.duration_s:  # what is cut off holds no pictures
        return counted(there, len(samples), found.duration_s)
    known = max(len(samples), there + 1)  # there may be more fragments
    end_s = found.duration_s * known / max(there, 1)
    return Shortfall(f"{there:,} of at least {known:,} frames are there", there / known, end_s)


def _matroska(source: Source, found: Found) -> Shortfall | None:
    parts = matroska.look(source.file, source.end)
    lasts_s, whole = _matroska_duration_s(source), found.packets - found.incomplete
    if parts.end > source.end:
        complete = is_all(found, lasts_s or _duration_s(source))  # the file is at least as long as the stream
        return None if complete else estimated(found, source.end / parts.end, lasts_s)
    if parts.broken_at is None:
        return zeros(source, found) if parts.is_live else None
    promised = round(lasts_s * found.frame_rate)
    if promised > whole + 1:
        return counted(whole, promised, max(lasts_s, found.duration_s), about=True)
    if promised == whole and is_all(found, lasts_s):
        return None
    return some(found, f"the file can't be followed from byte {parts.broken_at:,} on", lasts_s)


def _matroska_duration_s(source: Source) -> float:
    """The length of the stream by its tag, or of the file if it holds no other stream; 0 where neither is known."""
    try:
        hours, minutes, seconds = source.stream.metadata.get("DURATION", "").split(":")
        lasts_s = int(hours) * 3600 + int(minutes) * 60 + float(seconds)
    except ValueError:
        return _duration_s(source) if len(source.container.streams) == 1 else 0.0
    by_ffmpeg = source.container.metadata.get("ENCODER", "").startswith("Lavf")  # whose tag counts from 0
    return lasts_s - _start_s(source) if by_ffmpeg else lasts_s


def _asf(source: Source, found: Found) -> Shortfall | None:
    parts = asf.look(source.file)
    if parts is None:
        return None
    if parts.end > source.end:
        # The duration is that of the longest stream.
        plausible = _PLAUSIBLE_WITH_SOUND if source.container.streams.audio else PLAUSIBLE
        return estimated(found, source.end / parts.end, parts.duration_s, plausible)
    if not parts.end:
        lost = asf.lost_share(source.file, parts, min(source.end, found.end + parts.packet_bytes))
        return some(found, "others can't be found among damaged data") if lost else zeros(source, found)
    complete = found.packets >= round(parts.duration_s * found.frame_rate)
    lost = 0.0 if complete else asf.lost_share(source.file, parts, parts.end)
    if not lost:
        return joined(asf.second_file(source.file, parts.end), found)
    missing = estimated(found, 1 - lost, parts.duration_s)
    return missing or counted(found.packets, found.packets + 1, parts.duration_s, about=True)


def _flv(source: Source, found: Found) -> Shortfall | None:
    """Each tag of an FLV file is followed by its size. Where the last one isn't, the duration is trusted."""
    source.file.seek(max(0, source.end - 4))
    size = int.from_bytes(source.file.read(4), "big")
    source.file.seek(max(0, source.end - 4 - size))
    if size == 11 + int.from_bytes(source.file.read(4)[1:], "big") and source.end == source.size_bytes:
        return joined(file_ends.second_flv(source.file, found.end), found)
    whole, lasts_s = found.packets - found.incomplete, _duration_s(source) - _start_s(source)  # it counts from 0
    if lasts_s <= 0:
        return zeros(source, found)
    sound_s = file_ends.last_flv_tag_s(source.file, source.end) - _start_s(source)
    if is_all(found, lasts_s) or sound_s > found.duration_s + _SOUND_ALONE_S:
        return None
    return counted(whole, round(lasts_s * found.frame_rate), lasts_s, about=True)


def _mxf(source: Source, found: Found) -> Shortfall | None:
    if not file_ends.mxf_footer(source.file):  # it wasn't finished, and its header knows no length
        return zeros(source, found)
    stream = source.stream
    lasts_s = float((stream.duration or 0) * (stream.time_base or 0))
    return counted(found.packets - found.incomplete, round(lasts_s * found.frame_rate), lasts_s)


def _ivf(source: Source, found: Found) -> Shortfall | None:
    """Some programs write time units in place of frames: the count is trusted only where a frame is one time unit."""
    if abs(found.frame_rate * float(source.stream.time_base or 0) - 1) > 0.01:
        return None
    promised = file_ends.ivf_frames(source.file)
    return counted(found.packets - found.incomplete, promised, promised / found.frame_rate)


def _gif(source: Source, found: Found) -> Shortfall | None:
    broken_at = file_ends.gif_break(source.file)
    if broken_at is None:
        return None
    where = "ends without its end mark" if broken_at >= source.end else f"can't be followed from byte {broken_at:,} on"
    return some(found, f"the file {where}")


def _ogg(source: Source, found: Found) -> Shortfall | None:
    why = ogg.fault(source.file, source.end)
    return some(found, why) if why else None


def _mpegts(source: Source, found: Found) -> Shortfall | None:
    missing = zeros(source, found)  # FFmpeg's marks don't tell loss from joints, and it doesn't mark every loss
    if missing is None and mpegts.has_lost_packets(source.file, source.stream.id):
        return some(found, "packets between them are lost")
    return missing


def _start_s(source: Source) -> float:
    return float((source.stream.start_time or 0) * (source.stream.time_base or 0))


def _duration_s(source: Source) -> float:
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
    "ogg": _ogg,
    "mpegts": _mpegts,
}
"""Functions that look for what is missing, by FFmpeg's name of the format."""
