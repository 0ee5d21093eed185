"""The formats that are read as videos: those that hold moving pictures and never refer to another file.

A demuxer that takes a list (`concat`, `hls`, `dash`, `imf`, `sdp`), a pattern (`image2`), a second file (`vobsub`,
`mlv`) or a device would let the author of a video choose files to be read with our permissions. Text shown as pictures
(`tty`), still pictures (`png_pipe`) and formats recognised by file name alone (`rawvideo`) are not videos either. `mov`
follows references to other files only if asked to (`enable_drefs`).
"""

import contextlib
import errno
from collections.abc import Iterator

import av

from pipelines.video import content
from pipelines.video.containers import promises
from pipelines.video.errors import VideoOpenError, VideoReadError, reason_of

_CONTAINERS = "asf avi dhav flv gxf iv8 ivf kux lxf matroska mov mpeg mpegts mxf nsv nut ogg pva rm ty vividas vivo wtv"
_STREAMS = (
    "av1 avs2 avs3 cavsvideo dirac dnxhd dv evc h261 h263 h264 hevc ingenient ipu m4v mgsts mjpeg mjpeg_2000 mpegvideo "
    "mpjpeg obu simbiosis_imx smjpeg vc1 vc1test vvc yuv4mpegpipe apv bitpacked"
)
_ANIMATIONS = "apng filmstrip flic gif jpegxl_anim swf"
_CAMERAS = "cine hxvs ifv ipmovie lmlm4 mtv nuv pmp r3d ser siff xmv"
_GAMES = (
    "4xm anm argo_brp avs bethsoftvid bfi bink bmv c93 cdxl dfa dsicin dxa ea ea_cdata film_cpk frm gdv hnm idcin iss "
    "jv luodat lvf mm mods moflex mv mvi mxg nc paf pdv psxstr rl2 roq rpl sga smk smush thp tiertexseq tmv txd usm "
    "vmd wc3movie wsvqa yop"
)
_SUBTITLES_IN_AVI = "ass srt"
_SOUND = "aac aiff ape caf dsf flac mp3 tta wav wv"
"""Sound files may have a cover and any name: they are opened in order to report that they hold no video."""

DEMUXERS = ",".join(" ".join((_CONTAINERS, _STREAMS, _ANIMATIONS, _CAMERAS, _GAMES, _SUBTITLES_IN_AVI, _SOUND)).split())
"""The value of FFmpeg's option `format_whitelist`."""


def open_container(path: str) -> "av.container.InputContainer":
    """Opens a local file.

    Raises:
        VideoReadError: it is missing or can't be read.
        VideoOpenError: it is empty, or not a video.
    """
    # These keep a file from reading others.
    options = {"protocol_whitelist": "file", "format_whitelist": DEMUXERS}
    try:
        if kind := content.not_regular(path):
            raise VideoReadError(f"not a regular file but {kind}")
        return av.open(content.for_av(path), metadata_errors="replace", container_options=options)
    except MemoryError:
        raise
    except OSError as error:
        # FFmpeg reports a picture that is too large as EBUSY.
        kind_of_error = VideoOpenError if error.errno == errno.EBUSY else VideoReadError
        raise kind_of_error(reason_of(error)) from error
    except av.ArgumentError as error:  # the format isn't on the whitelist
        unknown = "not a video format, or one that reads other files, as a playlist does"
        raise VideoOpenError(content.what_it_is(path) or unknown) from error
    except (av.FFmpegError, ValueError) as error:
        raise VideoOpenError(content.what_it_is(path) or promises.why_not_open(path) or reason_of(error)) from error


def demux(container: "av.container.InputContainer", stream: "av.VideoStream") -> Iterator["av.Packet"]:
    """Yields the packets of a stream, without the empty ones."""
    # At the end PyAV flushes all streams, and fails on those that appeared after the file was opened.
    with contextlib.suppress(IndexError):
        yield from (packet for packet in container.demux(stream) if packet.size)
