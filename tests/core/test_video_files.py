"""Which files count as videos by their names, and that each kind that can be written here is listed and decoded."""

from pathlib import Path

import av
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.core.spec import ClipSpec
from pipelines.core.video_files import (
    LISTED_ALREADY,
    VIDEO_EXTENSIONS,
    FileInfo,
    describe_ignored,
    ignored_lines,
    is_hidden,
    is_video,
    sort_out,
    unique_ids,
)
from pipelines.dataset.listing import read_catalog
from pipelines.inputs.catalog import from_tree
from pipelines.inputs.folder_kinds import no_videos
from pipelines.video.clip import read_clip
from tests.conftest import paint, read_index

KINDS = {
    "264 avc h264": ("h264", "libx264"), "265 h265 hevc": ("hevc", "libx265"),
    "m2t m2ts mts tod tp trp ts": ("mpegts", "mpeg2video"), "evo m2p mod vob vro": ("vob", "mpeg2video"),
    "mpe mpeg mpg": ("mpeg", "mpeg1video"), "m1v": ("mpeg1video", "mpeg1video"),
    "m2v mp2v mpg2 mpv mpv2": ("mpeg2video", "mpeg2video"),
    "3g2 3gp 3gp2 3gpp 3gpp2 k3g": ("3gp", "mpeg4"), "f4p f4v ismv": ("f4v", "libx264"), "mov qt": ("mov", "mpeg4"),
    "insv lrv m4v mj2 mp4 mp4v mpeg4 mpg4": ("mp4", "mpeg4"),
    "mk3d mkv": ("matroska", "mpeg4"), "webm": ("webm", "libvpx"),
    "ogm ogv ogx": ("ogg", "libvpx"), "ivf": ("ivf", "libvpx"), "nut": ("nut", "mpeg4"),
    "avi divx xvid": ("avi", "mpeg4"),
    "asf dvr-ms wm wmv": ("asf", "wmv2"), "wtv": ("wtv", "mpeg2video"), "flv": ("flv", "flv"),
    "rm rmvb": ("rm", "rv20"), "mxf": ("mxf", "mpeg2video"), "gif": ("gif", "gif"), "apng": ("apng", "apng"),
    "mjpeg mjpg": ("mjpeg", "mjpeg"), "y4m": ("yuv4mpegpipe", "rawvideo"), "dif dv": ("dv", "dvvideo"),
    "gxf": ("gxf", "mpeg2video"), "h263": ("h263", "h263"), "h261": ("h261", "h261"), "obu": ("obu", "libsvtav1"),
}  # fmt: skip
SIZES = {"dv": (720, 576), "gxf": (720, 576), "h263": (176, 144), "h261": (176, 144)}
PIXELS = {"gif": "rgb8", "apng": "rgb24", "mjpeg": "yuvj420p"}
NO_ENCODER = {"266", "h266", "vvc", "vc1", "amv", "cine", "dav", "nsv", "flc", "fli"}
"""FFmpeg reads these, but nothing here can write them."""


def write_kind(path: Path, form: str, codec: str, num_frames: int = 12) -> None:
    width, height = SIZES.get(form, (160, 96))
    with av.open(str(path), "w", format=form) as container:
        options = {"strict": "-2", "preset": "12"} if codec == "libsvtav1" else {"strict": "-2"}
        stream = container.add_stream(codec, rate=25, options=options)
        stream.width, stream.height = width, height
        stream.pix_fmt = PIXELS.get(codec, "yuv420p")
        stream.codec_context.thread_count = 1
        if codec != "dvvideo":
            stream.bit_rate = 2_000_000
        for index in range(num_frames):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(paint(index, width, height), format="rgb24")))
        container.mux(stream.encode())


def test_every_kind_that_can_be_written_here_is_tested() -> None:
    tested = {f".{name}" for names in KINDS for name in names.split()}
    assert {f".{name}" for name in NO_ENCODER} == VIDEO_EXTENSIONS - tested
    assert tested <= VIDEO_EXTENSIONS


@pytest.mark.parametrize(("names", "form", "codec"), [(names, *how) for names, how in KINDS.items()])
def test_each_kind_of_video_is_listed_and_decoded(names: str, form: str, codec: str, tmp_path: Path) -> None:
    (tmp_path / "A").mkdir()
    content = b""
    for name in names.split():
        path = tmp_path / "A" / f"{name}_clip.{name.upper()}"
        if not content:
            write_kind(path, form, codec)
            content = path.read_bytes()
        path.write_bytes(content)
    videos = read_catalog(str(tmp_path)).videos
    assert [video.video_id for video in videos] == sorted(f"A/{name}_clip" for name in names.split())
    for video in videos:
        clip = read_clip(video.uri, ClipSpec(3, 64, 96))
        assert ([read_index(picture) for picture in clip.frames], clip.damaged) == ([2, 6, 10], False)


def test_hidden_is_what_begins_with_a_dot_and_nothing_else() -> None:
    hidden = ["a/..b.mp4", ".a.mp4", ".git/a.mp4", "a/.b/c.mp4", "__MACOSX/a/b.mp4", "a/__MACOSX/b.mp4"]
    seen = ["a/__NrybzYzUg_000415_000425.mp4", "__abseiling/a.mp4", "-_a/-x.mp4", "#1/#122_pick.avi", "_state/a.mp4"]
    seen += ["a/__MACOSX2/b.mp4", "a__MACOSX/b.mp4", "a.b/c.d.mp4"]
    assert [path for path in hidden + seen if is_hidden(path)] == hidden
    assert [path for path in hidden + seen if is_video(path)] == seen


def listed(*paths: str) -> list[FileInfo]:
    return [FileInfo(path, 1, "1-1") for path in paths]


def test_what_is_passed_over_is_told_by_reason() -> None:
    found = sort_out(
        [
            *listed(
                "A/v.mp4",
                "Thumbs.db",
                "A/b.txt",
                "A/a.TXT",
                "A/README",
                "A/x.jpg",
                "u.zip",
                "A/v.mp4.part",
                "A/w.mp4.filepart",
            ),
            *listed(".DS_Store", "A/._v.mp4"),
            FileInfo("A/pipe", 0, None, "pipe"),
            FileInfo("A/up", 0, None, LISTED_ALREADY),
            FileInfo("A/up.mp4", 0, None, LISTED_ALREADY),
            FileInfo("A/pipe.mp4", 0, None, "pipe"),
            FileInfo("A/closed", 0, None, "Permission denied", lost=True),
            FileInfo("A/.closed", 0, None, "Permission denied", lost=True),
        ]
    )
    assert [file.path for file in found.videos] == ["A/v.mp4", "A/pipe.mp4"]
    assert [file.path for file in found.lost] == ["A/closed"]
    reasons = {file.path: file.reason for file in found.ignored}
    assert list(reasons) == sorted(reasons)
    assert reasons == {
        "Thumbs.db": "extension .db", "A/b.txt": "extension .txt", "A/a.TXT": "extension .txt",
        "A/README": "no extension", "A/x.jpg": "picture", "u.zip": "archive", "A/v.mp4.part": "unfinished download",
        "A/w.mp4.filepart": "unfinished download",
        ".DS_Store": "hidden", "A/._v.mp4": "hidden", "A/pipe": "pipe", "A/up": LISTED_ALREADY,
        "A/up.mp4": LISTED_ALREADY, "A/.closed": "hidden",
    }  # fmt: skip
    shown = describe_ignored(found.ignored)
    assert shown.startswith("hidden 3 (.DS_Store, A/._v.mp4, A/.closed), extension .txt 2 (A/a.TXT, A/b.txt), ")
    assert shown.endswith("3 more reasons")
    assert "".join(ignored_lines(found.ignored)).count("\n") == len(reasons)
    many = sort_out(listed(*(f"A/{i}.txt" for i in range(9)))).ignored
    assert describe_ignored(many) == "extension .txt 9 (A/0.txt, A/1.txt, A/2.txt, ...)"


def test_a_dataset_among_the_videos_gives_none() -> None:
    found = sort_out(listed("d/_state/a.mp4", "d/_state/layout.json", "d/train.tfrecord", "_state/b.mp4", "e/c.mp4"))
    assert [file.path for file in found.videos] == ["_state/b.mp4", "e/c.mp4"]
    assert {"d/_state/a.mp4": "state of a job"}.items() <= {file.path: file.reason for file in found.ignored}.items()


def test_videos_that_differ_in_their_extension_keep_it_and_share_their_group() -> None:
    catalog = from_tree("/r", listed("x/a.avi", "x/a.mp4", "x/a.mp4.avi", "x/b.mp4", "x/v_g01.mp4", "x/v_g01.MP4"))
    assert [(video.video_id, video.group, video.uri) for video in catalog.videos] == [
        ("x/a.avi", "x/a", "/r/x/a.avi"),
        ("x/a.mp4", "x/a", "/r/x/a.mp4"),
        ("x/a.mp4.avi", "x/a.mp4", "/r/x/a.mp4.avi"),
        ("x/b", "x/b", "/r/x/b.mp4"),
        ("x/v_g01.MP4", "g01", "/r/x/v_g01.MP4"),
        ("x/v_g01.mp4", "g01", "/r/x/v_g01.mp4"),
    ]


@given(st.lists(st.from_regex(r"[ab](\.[ab]){0,3}\.(mp4|avi)", fullmatch=True), unique=True))
def test_ids_are_unique_short_and_no_matter_of_order(paths: list[str]) -> None:
    stems = [path.rpartition(".")[0] for path in paths]
    ids = unique_ids(stems, paths)
    assert len(set(ids)) == len(paths)
    assert dict(zip(paths, ids, strict=True)) == dict(
        zip(paths[::-1], unique_ids(stems[::-1], paths[::-1]), strict=True)
    )
    for path, stem, found in zip(paths, stems, ids, strict=True):
        assert found == path or (found == stem and (*stems, *ids).count(stem) == 2)


@pytest.mark.parametrize(
    ("paths", "words"),
    [
        ([], "no videos in S: found nothing. Videos are recognised by their extension (.avi, "),
        (["UCF50.rar", "README"], "archive 1 (UCF50.rar), no extension 1 (README). Unpack UCF50.rar, then give"),
        (["a/1.jpg", "a/2.jpg", "x.txt"], "Pictures can't be read; make a video of each clip, for example with"),
        (["dataset_info.json", "train-00000-of-00001.tfrecord"], "S is a dataset, which pipelines.preprocess made"),
        (["model_info.json", "saved_model/saved_model.pb"], "S is a model. Give the folder of the videos; to label"),
        (["model/model_info.json", "metrics.json"], "S is the folder of a training run. Give the folder of the videos"),
        (["saved_model.pb"], "S is a SavedModel. Give the folder of the videos; trainer.import_model"),
        (["_state/label_layout.json", "labels-00000-of-00001.jsonl"], "S holds labels, which pipelines.label gave"),
    ],
)
def test_a_source_without_videos_is_named_for_what_it_is(paths: list[str], words: str) -> None:
    assert words in no_videos("S", sort_out(listed(*paths)))
