"""Small videos of every codec, container and option that PyAV can write, for tests that compare ways of reading them.

Each picture shows its number in the top quarter as 8 binary blocks, most significant first, and below it a moving
texture, so that pictures depend on each other. Picture i is the i-th that is shown, except in files whose names begin
with `cut_`: there the first ones come before the start and are not shown. Writing all takes about 7 seconds.
"""

import functools
import itertools
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np

NUM_FRAMES = 44
SIZE = (96, 64)
VARIABLE = [2 * index + 15 * (index // 9) + index % 3 // 2 for index in range(NUM_FRAMES)]
"""Times, in frames, of a variable rate: three of every nine differ, and a gap follows every nine."""
_DIVX = b"\0\0\1\xb2DivX503b1393p"
_VOP = b"\0\0\1\xb6"


@dataclass(frozen=True)
class Case:
    """A file to be written."""

    name: str  # name of the file; its suffix gives the container
    codec: str  # name of the encoder
    options: Mapping[str, str] = field(default_factory=dict)  # options of the encoder
    pix_fmt: str = "yuv420p"  # pixel format
    rate: Fraction | int = 25
    size: tuple[int, int] = SIZE
    times: Sequence[int] | None = None  # times of the frames, in units of 1 / `rate`; None for evenly spaced ones
    num_frames: int = NUM_FRAMES
    muxing: Mapping[str, str] = field(default_factory=dict)
    packed: bool = False  # packs B-frames as DivX and XviD do, for MPEG-4 with `bf`


def sweep(
    folder: Path, skipped: list[str], is_wanted: Callable[[Case], bool] = lambda _: True
) -> Iterator[tuple[str, Path]]:
    """Writes the wanted files into a folder, each with its name; `skipped` gets those that PyAV can't write."""
    os.environ.setdefault("SVT_LOG", "1")  # errors only
    folder.mkdir(parents=True, exist_ok=True)
    pictures = functools.cache(film)
    for case in filter(is_wanted, cases()):
        path = folder / case.name
        try:
            _write(path, case, pictures(*case.size))
        except (av.FFmpegError, ValueError) as error:
            path.unlink(missing_ok=True)
            skipped.append(f"{case.name}: {error}")
        else:
            yield case.name, path


def film(width: int, height: int) -> list[np.ndarray]:
    """`NUM_FRAMES` pictures uint8 [height, width, 3]."""
    noise = np.random.default_rng(3).integers(64, 192, (height // 4 + 1, width // 2 + 1, 3), np.uint8)
    texture = noise.repeat(4, 0).repeat(4, 1)
    pictures = []
    for index in range(NUM_FRAMES):
        shift = int(width * (0.5 + 0.45 * np.sin(index / 5)))
        picture = texture[:height, shift : shift + width].copy()
        if index % 16 > 12:
            picture[-height // 4 :] //= 2  # like a cut in one part of the picture
        for bit in range(8):
            picture[: height // 4, bit * width // 8 : (bit + 1) * width // 8] = 200 if index >> (7 - bit) & 1 else 56
        pictures.append(picture)
    return pictures


def number(picture: np.ndarray) -> int:
    """The number that the top quarter of a picture of any size shows."""
    height, width, _ = picture.shape
    row = picture[: height // 6].mean(axis=(0, 2))
    blocks = [row[int((bit + 0.3) * width / 8) : int((bit + 0.7) * width / 8) + 1].mean() for bit in range(8)]
    return sum(128 >> bit for bit, value in enumerate(blocks) if value > 128)


def _write(path: Path, case: Case, pictures: list[np.ndarray]) -> None:
    with av.open(str(path), "w", options=dict(case.muxing)) as container:
        stream: Any = container.add_stream(case.codec, rate=case.rate, options=dict(case.options))
        (stream.width, stream.height), stream.pix_fmt = case.size, case.pix_fmt
        stream.bit_rate = 2_000_000
        stream.codec_context.thread_count = 1
        stream.codec_context.time_base = 1 / Fraction(case.rate)
        packets = []
        for index, picture in enumerate(pictures[: case.num_frames]):
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            frame.pts = case.times[index] if case.times else index
            frame.time_base = 1 / Fraction(case.rate)
            packets += stream.encode(frame)
        packets += stream.encode()
        container.mux(list(_packed(packets, stream)) if case.packed else packets)


def _packed(packets: list[av.Packet], stream: Any) -> Iterator[av.Packet]:
    """Packs each first B-frame with the frame that is shown after it, and puts an uncoded frame in its place."""
    groups: list[list[bytes]] = []
    for packet in packets:
        data = bytes(packet)
        is_b = data[data.index(_VOP) + 4] >> 6 == 2
        if is_b:
            groups[-1].append(data)
        else:
            groups.append([data.replace(_VOP, _DIVX + _VOP, 1) if packet.is_keyframe else data])
    chunks = []
    for reference, *others in groups:
        chunks += [reference + others[0], *others[1:], _not_coded(reference)] if others else [reference]
    for index, (chunk, old) in enumerate(zip(chunks, packets, strict=True)):
        packet = av.Packet(chunk)
        packet.stream, packet.time_base, packet.pts, packet.dts = stream, old.time_base, index, index
        packet.is_keyframe = chunk[chunk.index(_VOP) + 4] >> 6 == 0
        yield packet


def _not_coded(vop: bytes) -> bytes:
    """A P-VOP of the same time that is not coded. At 25 frames per second, the time takes 5 bits."""
    start = vop.index(_VOP) + 4
    bits = "".join(f"{byte:08b}" for byte in vop[start : start + 4])
    time = bits[2:].split("0", 1)[1][1:6]  # after the seconds in unary and a marker
    return _VOP + int(f"0101{time}10".ljust(12, "0").ljust(16, "1"), 2).to_bytes(2, "big")


def cases() -> Iterator[Case]:
    """All files."""
    yield from _h264()
    yield from _hevc()
    yield from _mpeg_4()
    yield from _mpeg_1_and_2()
    yield from _vpx()
    yield from _av1()
    yield from _single_pictures()
    yield from _old_codecs()
    yield from _times()


def _lines(text: str) -> dict[str, str]:
    """Maps each line's first word to the rest of the line."""
    return {line.split()[0]: " ".join(line.split()[1:]) for line in text.strip().splitlines()}


def _options(text: str) -> dict[str, dict[str, str]]:
    """Maps the names in lines like `name bf=2 g=12` to their options."""
    return {name: dict(pair.split("=", 1) for pair in pairs.split()) for name, pairs in _lines(text).items()}


X264 = _lines("""
    bf0               bframes=0
    pyramid           bframes=7:b-pyramid=normal:b-adapt=0
    strict            bframes=5:b-pyramid=strict:b-adapt=0
    flat              bframes=8:b-pyramid=none:b-adapt=0
    open              open-gop=1:b-adapt=0
    open_pyramid      open-gop=1:bframes=7:b-pyramid=normal:b-adapt=0
    g250              keyint=250
    intra_only        keyint=1
    ref1              ref=1
    ref16             ref=16:bframes=8:b-adapt=0
    wp0               weightp=0:weightb=0
    wp2               weightp=2:weightb=1
    refresh           intra-refresh=1:bframes=0:keyint=20
    refresh_b         intra-refresh=1:bframes=2:keyint=20
    slices4           slices=4
    slice_mbs         slice-max-mbs=5
    sliced_threads    sliced-threads=1:threads=2
    sliced_threads_b0 sliced-threads=1:threads=2:bframes=0
    cavlc             cabac=0:8x8dct=0
    tff               tff=1
    bff               bff=1
    fake_interlaced   fake-interlaced=1
    scene_cuts        scenecut=60:keyint=250
    hrd               nal-hrd=vbr:vbv-maxrate=800:vbv-bufsize=800
    aud               aud=1
    constrained       constrained-intra=1
    temporal          direct=temporal:bframes=4:b-adapt=0
    bluray            bluray-compat=1
""")


def _x264(params: str) -> dict[str, str]:
    base = "threads=1:keyint=12:scenecut=0:bframes=3"
    return {"preset": "veryfast", "x264-params": f"{base}:{params}".rstrip(":")}


def _h264() -> Iterator[Case]:
    for name, params in X264.items():
        yield Case(f"h264_{name}.mp4", "libx264", _x264(params))
    for suffix in ("mov", "mkv", "ts", "avi", "flv", "h264"):
        for name in ("bf0", "pyramid", "open_pyramid", "refresh", "flat", "tff"):
            yield Case(f"h264_{name}.{suffix}", "libx264", _x264(X264[name]))
    for suffix in ("m4v", "3gp", "mxf", "nut", "m2ts", "f4v", "vob", "asf"):
        yield Case(f"h264_pyramid.{suffix}", "libx264", _x264(X264["pyramid"]))
    yield Case("h264_bf0.mxf", "libx264", _x264("bframes=0"))
    for pix_fmt in ("yuv422p", "yuv444p", "yuv420p10le", "gray", "yuvj420p"):
        yield Case(f"h264_{pix_fmt}.mkv", "libx264", _x264(""), pix_fmt)
    yield Case("h264_rgb.mkv", "libx264rgb", _x264(""), "rgb24")
    yield Case("h264_cropped.mp4", "libx264", _x264(""), size=(90, 62))


X265 = _lines("""
    bf0             bframes=0
    pyramid         bframes=8:b-pyramid=1:b-adapt=0:open-gop=0
    open            bframes=4:open-gop=1:b-adapt=0
    flat            bframes=4:b-pyramid=0:b-adapt=0
    refresh         intra-refresh=1:bframes=0:keyint=20:min-keyint=20
    wp              weightp=1:weightb=1:bframes=3
    g250            keyint=250:min-keyint=25
    intra_only      keyint=1:min-keyint=1
    temporal_layers temporal-layers=3:bframes=7:b-adapt=0
    radl            radl=2:bframes=4:open-gop=0:b-adapt=0
    idr_recovery    idr-recovery-sei=1:open-gop=1:bframes=3
""")


def _x265(params: str) -> dict[str, str]:
    base = "log-level=none:pools=none:frame-threads=1:keyint=12:min-keyint=12:scenecut=0:ctu=16:rc-lookahead=20"
    return {"preset": "ultrafast", "x265-params": f"{base}:{params}"}


def _hevc() -> Iterator[Case]:
    for name, params in X265.items():
        yield Case(f"hevc_{name}.mp4", "libx265", _x265(params))
    for suffix, name in itertools.product(("mkv", "ts", "hevc", "mov"), ("pyramid", "open")):
        yield Case(f"hevc_{name}.{suffix}", "libx265", _x265(X265[name]))
    for pix_fmt in ("yuv444p", "yuv420p10le"):
        yield Case(f"hevc_{pix_fmt}.mkv", "libx265", _x265("bframes=3"), pix_fmt)


MPEG_4 = _options("""
    bf0
    bf1         bf=1
    bf2         bf=2
    bf4         bf=4 b_strategy=0
    g1          g=1
    g250        bf=2 g=250
    strategy    bf=3 b_strategy=1
    qpel        flags=+qpel bf=2
    mv4         flags=+mv4+aic bf=1
    interlaced  flags=+ildct+ilme bf=2
    cgop        flags=+cgop sc_threshold=1000000000 bf=2
    partitions  data_partitioning=1
    slices      ps=200
""")


def _mpeg_4() -> Iterator[Case]:
    for name, options in MPEG_4.items():
        yield Case(f"mpeg4_{name}.avi", "mpeg4", {"g": "12", **options})
    for suffix, name in itertools.product(("mp4", "mkv", "mov", "nut", "3gp", "asf", "m4v"), ("bf0", "bf2")):
        yield Case(f"mpeg4_{name}.{suffix}", "mpeg4", {"g": "12", **MPEG_4[name]})
    for suffix, b_frames in itertools.product(("avi", "mp4", "mkv", "mov"), ("1", "2")):
        options = {"g": "13", "bf": b_frames, "b_strategy": "0"}
        yield Case(f"mpeg4_packed{b_frames}.{suffix}", "mpeg4", options, packed=True)


MPEG_2 = _options("""
    bf0
    bf2         bf=2
    cgop        bf=2 flags=+cgop sc_threshold=1000000000
    interlaced  bf=2 flags=+ildct+ilme
    g1          g=1
    g250        bf=2 g=250
    low_delay   flags=+low_delay
    scene_cuts  bf=2 sc_threshold=1
""")


def _mpeg_1_and_2() -> Iterator[Case]:
    for name, options in MPEG_2.items():
        yield Case(f"mpeg2_{name}.mpg", "mpeg2video", {"g": "12", **options})
    for suffix, name in itertools.product(("ts", "mkv", "mp4", "mov", "mxf", "avi", "m2v", "vob"), ("bf0", "bf2")):
        yield Case(f"mpeg2_{name}.{suffix}", "mpeg2video", {"g": "12", **MPEG_2[name]})
    yield Case("mpeg2_422.ts", "mpeg2video", {"g": "12", "bf": "2"}, "yuv422p")
    for suffix, name in itertools.product(("mpg", "mkv", "avi", "m1v"), ("bf0", "bf2")):
        yield Case(f"mpeg1_{name}.{suffix}", "mpeg1video", {"g": "12", **MPEG_2[name]})


def _vpx() -> Iterator[Case]:
    vp8 = _options("""
        plain       deadline=realtime cpu-used=8
        alt_ref     cpu-used=5 auto-alt-ref=1 lag-in-frames=16
        resilient   deadline=realtime cpu-used=8 error-resilient=1 g=12
        two_layers  deadline=realtime cpu-used=8 error-resilient=1
    """)
    vp9 = _options("""
        plain       deadline=realtime cpu-used=8
        alt_ref     cpu-used=5 auto-alt-ref=1 lag-in-frames=16
        alt_ref6    cpu-used=5 auto-alt-ref=6 lag-in-frames=25
        lag0        cpu-used=5 lag-in-frames=0
        g12         cpu-used=5 auto-alt-ref=1 lag-in-frames=16 g=12
        resilient   deadline=realtime cpu-used=8 error-resilient=1
        parallel    deadline=realtime cpu-used=8 frame-parallel=1 row-mt=1
        two_layers  deadline=realtime cpu-used=8 error-resilient=1
        segments    deadline=realtime cpu-used=7 aq-mode=3 error-resilient=1 g=12
    """)
    layers = "ts_number_layers=2:ts_target_bitrate=300,600:ts_rate_decimator=2,1:ts_periodicity=2:ts_layer_id=0,1"
    for options in (vp8, vp9):
        options["two_layers"]["ts-parameters"] = f"{layers}:ts_layering_mode=2"
    for name, more in vp8.items():
        yield Case(f"vp8_{name}.webm", "libvpx", more)
    for suffix in ("mkv", "ivf", "avi", "ogv"):
        yield Case(f"vp8_alt_ref.{suffix}", "libvpx", vp8["alt_ref"])
    for name, more in vp9.items():
        yield Case(f"vp9_{name}.webm", "libvpx-vp9", more)
    for suffix in ("mkv", "mp4", "ivf"):
        yield Case(f"vp9_alt_ref.{suffix}", "libvpx-vp9", vp9["alt_ref"])
    yield Case("vp9_444.webm", "libvpx-vp9", vp9["alt_ref"], "yuv444p")
    yield Case("vp9_10_bits.webm", "libvpx-vp9", {**vp9["alt_ref"], "profile": "2"}, "yuv420p10le")


def _av1() -> Iterator[Case]:
    params = _lines("""
        plain
        low_delay   pred-struct=1:rc=2
        levels5     hierarchical-levels=4:keyint=250
        g12         keyint=12
        overlays    enable-overlays=1:keyint=250
        open        irefresh-type=1:keyint=16
        grain       film-grain=10:keyint=16
        switch      pred-struct=1:rc=2:sframe-dist=8:sframe-mode=1
        resized     resize-mode=1:resize-denom=12:keyint=16
    """)
    for name, value in params.items():
        yield Case(f"av1_{name}.mp4", "libsvtav1", _svt(value))
    for suffix in ("mkv", "webm", "ivf", "obu"):
        yield Case(f"av1_plain.{suffix}", "libsvtav1", _svt(""))
    yield Case("av1_10_bits.mkv", "libsvtav1", {**_svt(""), "preset": "4"}, "yuv420p10le")


def _svt(params: str) -> dict[str, str]:
    return {"preset": "12", "svtav1-params": f"lp=1:{params}".rstrip(":")}


def _single_pictures() -> Iterator[Case]:
    """Intra-only codecs, and GIF."""
    for suffix in ("avi", "mov", "mp4", "mkv", "mjpeg", "nut"):
        yield Case(f"mjpeg.{suffix}", "mjpeg", pix_fmt="yuvj420p")
    for pix_fmt in ("yuvj422p", "yuvj444p"):
        yield Case(f"mjpeg_{pix_fmt}.avi", "mjpeg", pix_fmt=pix_fmt)
    for suffix, codec in itertools.product(("mov", "mkv", "mxf"), ("prores_ks", "prores_aw")):
        yield Case(f"{codec}.{suffix}", codec, pix_fmt="yuv422p10le")
    yield Case("prores_interlaced.mov", "prores_ks", {"flags": "+ildct"}, "yuv422p10le")
    yield Case("prores_4444.mov", "prores_ks", {"profile": "4"}, "yuva444p10le")
    for pix_fmt in ("rgb8", "bgr8", "gray"):
        yield Case(f"gif_{pix_fmt}.gif", "gif", pix_fmt=pix_fmt)
    yield Case("gif_whole.gif", "gif", {"gifflags": "0"}, "rgb8")
    others = _lines("""
        apng.apng   apng rgb24
        asv1.avi    asv1 yuv420p
        asv2.avi    asv2 yuv420p
        cfhd.mov    cfhd yuv422p10le
        ffv1.avi    ffv1 yuv420p
        ffv1.mkv    ffv1 yuv420p
        ffv1.nut    ffv1 yuv444p
        ffvhuff.avi ffvhuff yuv420p
        flashsv.flv flashsv bgr24
        huffyuv.avi huffyuv yuv422p
        jpeg2000.mov jpeg2000 rgb24
        jpegls.avi  jpegls bgr24
        ljpeg.avi   ljpeg bgr24
        magicyuv.avi magicyuv gbrp
        png.mov     png rgb24
        qtrle.mov   qtrle rgb24
        raw.avi     rawvideo yuv420p
        raw.mkv     rawvideo yuv420p
        raw.mov     rawvideo uyvy422
        raw.nut     rawvideo bgr24
        raw.y4m     wrapped_avframe yuv420p
        speedhq.nut speedhq yuv420p
        utvideo.avi utvideo yuv420p
        v210.mov    v210 yuv422p10le
        vc2.mkv     vc2 yuv420p
        zmbv.avi    zmbv bgr0
    """)
    for name, value in others.items():
        codec, pix_fmt = value.split()
        yield Case(name, codec, pix_fmt=pix_fmt)
    yield Case("dv.avi", "dvvideo", size=(720, 576), num_frames=12)
    yield Case("dnxhr.mov", "dnxhd", {"profile": "dnxhr_lb"}, "yuv422p", size=(256, 128))


def _old_codecs() -> Iterator[Case]:
    codecs = _lines("""
        flv         flv1.flv flv1.avi
        h263p       h263p.avi
        msmpeg4     msmpeg4.avi msmpeg4.mkv
        msmpeg4v2   msmpeg4v2.avi
        rv10        rv10.rm
        rv20        rv20.rm
        snow        snow.avi
        wmv1        wmv1.wmv
        wmv2        wmv2.wmv wmv2.avi wmv2.asf
    """)
    for codec, names in codecs.items():
        for name in names.split():
            yield Case(name, codec, {"g": "12"})
    for suffix in ("3gp", "mov", "avi"):
        yield Case(f"h263.{suffix}", "h263", {"g": "12"}, size=(128, 96))
    yield Case("svq1.mov", "svq1", pix_fmt="yuv410p")
    for suffix in ("avi", "mov"):
        yield Case(f"cinepak.{suffix}", "cinepak", pix_fmt="rgb24", num_frames=16)


def _times() -> Iterator[Case]:
    """Rates, variable rates, starts other than 0, and how containers store them."""
    b_frames = _x264("b-adapt=0:b-pyramid=normal")
    for name, rate in (("film", Fraction(24000, 1001)), ("60", 60), ("12_5", Fraction(25, 2)), ("1", 1)):
        for suffix in ("mp4", "mkv"):
            yield Case(f"rate_{name}.{suffix}", "libx264", b_frames, rate=rate)
    for suffix in ("mp4", "mkv", "avi", "flv", "ts"):
        yield Case(f"rate_ntsc.{suffix}", "libx264", b_frames, rate=Fraction(30000, 1001))
    for suffix in ("mp4", "mov", "mkv", "flv", "ts", "avi", "asf"):
        yield Case(f"variable.{suffix}", "libx264", b_frames, rate=50, times=VARIABLE)
    yield Case("variable.webm", "libvpx-vp9", {"deadline": "realtime", "cpu-used": "8"}, rate=50, times=VARIABLE)
    yield Case("variable_mpeg4.avi", "mpeg4", {"g": "12"}, rate=50, times=VARIABLE)
    yield Case("variable_mpeg4.mkv", "mpeg4", {"g": "12", "bf": "2"}, rate=50, times=VARIABLE)
    yield Case("variable.gif", "gif", pix_fmt="rgb8", rate=50, times=VARIABLE)
    late, early = range(125, 125 + NUM_FRAMES), range(-18, NUM_FRAMES - 18)
    for suffix in ("mp4", "mkv", "ts", "flv"):
        yield Case(f"late.{suffix}", "libx264", b_frames, times=late)
    yield Case("late.mpg", "mpeg2video", {"g": "12", "bf": "2"}, times=late)
    yield Case("early.mkv", "libx264", b_frames, times=early)
    for suffix in ("mp4", "mov"):
        yield Case(f"cut_early.{suffix}", "libx264", b_frames, times=early)
    flags = _lines("""
        faststart        faststart
        fragments        frag_keyframe+empty_moov
        fragment_a_frame frag_every_frame+empty_moov+default_base_moof
        negative_cts     negative_cts_offsets
        dash             dash+frag_keyframe
        hint             rtphint
    """)
    for name, value in flags.items():
        yield Case(f"mov_{name}.mp4", "libx264", b_frames, muxing={"movflags": value})
    yield Case("mov_no_edit_list.mp4", "libx264", b_frames, muxing={"use_editlist": "0"})
    late_list = {"use_editlist": "1", "avoid_negative_ts": "disabled"}
    yield Case("mov_late_edit_list.mp4", "libx264", b_frames, times=late, muxing=late_list)
