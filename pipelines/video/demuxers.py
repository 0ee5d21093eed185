"""The formats that are read as videos: those that hold moving pictures and never refer to another file.

A demuxer that takes a list (`concat`, `hls`, `dash`, `imf`, `sdp`), a pattern (`image2`), a second file (`vobsub`,
`mlv`) or a device would let the author of a video choose files to be read with our permissions. Text shown as pictures
(`tty`), still pictures (`png_pipe`) and formats recognised by file name alone (`rawvideo`) are not videos either. `mov`
follows references to other files only if asked to (`enable_drefs`).
"""

import contextlib
from collections.abc import Iterator

import av

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


def demux(container: "av.container.InputContainer", stream: "av.VideoStream") -> Iterator["av.Packet"]:
    """Yields the packets of a stream, without the empty ones."""
    # At the end PyAV flushes all streams, and fails on those that appeared after the file was opened.
    with contextlib.suppress(IndexError):
        yield from (packet for packet in container.demux(stream) if packet.size)
