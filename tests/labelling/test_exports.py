"""Labels in the forms of other programs: read by those programs' own libraries, from every format of labels."""

import json
from pathlib import Path

import pytest
from google.cloud.videointelligence_v1 import AnnotateVideoResponse

from pipelines.core.failure import Failure
from pipelines.labelling.exports.media import Videos, read_media
from pipelines.labelling.exports.reading import VideoLabels, read_labels
from pipelines.labelling.exports.video_intelligence import response
from pipelines.labelling.rows import FORMATS, rows, write_rows
from pipelines.labelling.types import LabelledVideo, Segment
from tests.conftest import contents, run_here
from tests.support.format_examples import examples


def segment(start_s: float, end_s: float, label: str, score: float = 0.875) -> Segment:
    return Segment(start_s, end_s, label, score, ((label, score), ("Swim", 0.0625)))


LONG = LabelledVideo(
    "gym/long.mp4", "gs://bucket/gym/long.mp4", 9.48, False,
    (segment(0, 2.5, "Run"), segment(2.5, 4, "unknown"), segment(4, 6, "Jump, high", 0.5),
     segment(6, 9.48, "Run", 0.75)),
)  # fmt: skip
SHORT = LabelledVideo("../short.mp4", "../short.mp4", 2.0, True, (segment(0, 2, "Jump, high"),), "390 of 720 frames")
UNSURE = LabelledVideo("unsure.mp4", "unsure.mp4", 1.0, False, (segment(0, 1, "unknown"),))
BYTES = LabelledVideo("caf\udce9.mp4", "caf\udce9.mp4", 1.0, False, (segment(0, 1, "Run"),))
FAILURES = (
    Failure("decode", "VideoDecodeError", "the rest is missing", video_id="../short.mp4", start_s=2.0, end_s=3.25),
    Failure("decode", "VideoDecodeError", "and more", video_id="../short.mp4", start_s=4.0, end_s=5.0),
    Failure("read", "VideoReadError", "no permission", video_id="none.mp4", uri="none.mp4"),
    Failure("score", "NotANumber", "a score is NaN", video_id="caf\udce9.mp4", uri="caf\udce9.mp4"),
)
OTHERS_ROW = '{"video": "a", "uri": "a", "start_s": 0, "end_s": 1, "label": "Run", "score": 1, "top_k": [], ' + (
    '"model": "beef", "remark": ""}\n'
)


def make_labels(folder: Path, format: str = "jsonl") -> Path:
    """What `pipelines.label` leaves of these videos, in two files."""
    folder.mkdir()
    names = [f"labels-0000{number}-of-00002.{format}" for number in range(2)]
    for name, videos in zip(names, [(LONG, SHORT), (UNSURE, BYTES)], strict=True):
        with open(folder / name, "wb") as file:
            write_rows(file, (row for video in videos for row in rows(video, "00ff")), format)
    (folder / "failures.jsonl").write_text("".join(failure.to_line() for failure in FAILURES))
    (folder / "summary.json").write_text(json.dumps({"files": {"labels": names}}))
    return folder


def export(labels: Path, output: Path) -> tuple[int, str, str]:
    done = run_here("pipelines.export", "--labels", labels, "--output", output, "--format", "video-intelligence")
    return done.returncode, done.stdout, done.stderr


def test_videos_unlike_training_are_told_where_the_form_cannot(tmp_path: Path) -> None:
    labels = make_labels(tmp_path / "labels")
    assert export(labels, tmp_path / "a")[2] == ""
    summary = json.loads((labels / "summary.json").read_text())
    (labels / "summary.json").write_text(json.dumps({**summary, "unfamiliar": {"videos": 2, "segments": 3}}))
    assert "2 of these videos are unlike what the model has seen" in export(labels, tmp_path / "b")[2]


@pytest.mark.parametrize(
    "name, shown, is_uneven",
    [
        ("nullframes.avi", 50, True),  # 410 slots, most of them empty
        ("trim_8_to_9.5.mp4", 40, True),  # with a gap after its first frames
        ("cut_editlist.mp4", 37, False),  # of 50, of which an edit list hides some
    ],
)
def test_frames_whose_numbers_do_not_tell_their_times_are_found(name: str, shown: int, is_uneven: bool) -> None:
    found = read_media(str(Path(__file__).parents[1] / "data" / "field" / name))
    assert (found.fps, found.num_frames, found.is_uneven) == (25.0, shown, is_uneven)


def test_videos_that_were_moved_to_a_store_have_addresses_there() -> None:
    assert Videos(folder="gs://bucket/v").address_of("a.mp4", "sub/../a.mp4") == "gs://bucket/v/a.mp4"


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (
            ("csv", "--videos", "{}/label"),
            2,
            "--videos: there is no folder {0}/label; did you mean {0}/labels?\n",
        ),
        (("cvat", "--videos", "{}"), 2, "--videos must be the folder that was labelled, in which ../short.mp4 is"),
        (("webvtt", "--videos", "{}"), 0, "note: --videos changes nothing: webvtt doesn't say where the videos are\n"),
        (("csv", "--video-url", "https://a/b"), 2, "--video-url is for --format label-studio; csv has no addresses"),
    ],
)
def test_places_of_videos_are_used_or_told(arguments: tuple[str, ...], code: int, said: str, tmp_path: Path) -> None:
    labels = make_labels(tmp_path / "labels")
    (labels / "labels-00000-of-00002.jsonl").write_text(OTHERS_ROW.replace('"a"', '"../short.mp4"'))
    own = [argument.format(tmp_path) for argument in arguments]
    done = run_here("pipelines.export", "--labels", labels, "--output", tmp_path / "out", "--format", *own)
    assert done.returncode == code and said.format(tmp_path) in done.stderr, done.stderr


@pytest.mark.parametrize("folder", ["", "moved"])
def test_names_that_are_not_utf8_are_found_again(folder: str, tmp_path: Path) -> None:
    raw, spelled = BYTES.video, "caf\\udce9.mp4"
    root = tmp_path / folder
    places = Videos({} if folder else {raw: str(root / raw)}, str(root) if folder else "")
    assert {places.address_of(name, name) for name in (raw, spelled)} == {str(root / raw)}
    if folder:  # a file that is really called so
        root.mkdir()
        (root / spelled).write_bytes(b"")
        assert places.address_of(spelled, spelled) == str(root / spelled)


def test_a_response_by_hand() -> None:
    video = VideoLabels(LONG.video, LONG.uri, "00ff", "", LONG.segments, ())
    assert response(video) == {
        "annotationResults": [
            {
                "inputUri": "gs://bucket/gym/long.mp4",
                "segment": {"startTimeOffset": "0s", "endTimeOffset": "9.480s"},
                "segmentLabelAnnotations": [
                    {
                        "entity": {"description": "Run"},
                        "segments": [
                            {"segment": {"startTimeOffset": "0s", "endTimeOffset": "2.500s"}, "confidence": 0.875},
                            {"segment": {"startTimeOffset": "6s", "endTimeOffset": "9.480s"}, "confidence": 0.75},
                        ],
                    },
                    {
                        "entity": {"description": "Jump, high"},
                        "segments": [{"segment": {"startTimeOffset": "4s", "endTimeOffset": "6s"}, "confidence": 0.5}],
                    },
                ],
            }
        ]
    }


def test_the_page_has_the_response_to_the_rows_of_the_labels_page(tmp_path: Path) -> None:
    lines, (wanted,) = examples()["labels.jsonl"], examples()["video-intelligence"]
    (tmp_path / "labels-00000-of-00001.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    (tmp_path / "summary.json").write_text('{"files": {"labels": ["labels-00000-of-00001.jsonl"]}}')
    (tmp_path / "failures.jsonl").touch()
    (video,) = read_labels(str(tmp_path))
    assert response(video) == wanted


def test_googles_client_reads_every_file(tmp_path: Path) -> None:
    code, said, _ = export(make_labels(tmp_path / "labels"), tmp_path / "out")
    assert (code, said) == (0, f"5 videos, 3 with failures: 5 files in {tmp_path / 'out'}\n")
    found = {}
    for name, data in contents(tmp_path / "out").items():
        (found[name],) = AnnotateVideoResponse.from_json(data.decode()).annotation_results  # refuses unknown fields
    short, odd, long, lost, unsure = found.values()
    assert list(found) == [
        *("%2E%2E/short.mp4.json", "caf%ED%B3%A9.mp4.json"),
        *("gym/long.mp4.json", "none.mp4.json", "unsure.mp4.json"),
    ]
    run, jump = long.segment_label_annotations
    assert [label.entity.description for label in (run, jump)] == ["Run", "Jump, high"]
    times = [(part.segment.start_time_offset, part.segment.end_time_offset) for part in run.segments]
    assert [(start.total_seconds(), end.total_seconds()) for start, end in times] == [(0, 2.5), (6, 9.48)]
    assert [part.confidence for part in run.segments] == [0.875, 0.75]
    assert short.error.message == "2 to 3.25 s: the rest is missing; 4 to 5 s: and more"
    assert (short.error.code, len(short.segment_label_annotations)) == (3, 1)
    assert (lost.error.code, lost.error.message, lost.input_uri) == (14, "no permission", "none.mp4")
    assert odd.input_uri == "caf\\udce9.mp4"
    assert not unsure.segment_label_annotations


@pytest.mark.parametrize("format", FORMATS)
def test_videos_are_those_of_the_labels(format: str, tmp_path: Path) -> None:
    videos = list(read_labels(str(make_labels(tmp_path / "labels", format))))
    assert [video.segments for video in videos] == [v.segments for v in (LONG, SHORT, UNSURE, BYTES)] + [()]
    assert [len(video.failures) for video in videos] == [0, 2, 0, 1, 1]
    assert [video.remark for video in videos] == ["", "390 of 720 frames", "", "", ""]
    name = BYTES.video if format == "jsonl" else "caf\\udce9.mp4"
    assert [video.video for video in videos] == ["gym/long.mp4", "../short.mp4", "unsure.mp4", name, "none.mp4"]


def test_columns_of_later_versions_are_passed_over(tmp_path: Path) -> None:
    file = make_labels(tmp_path / "labels") / "labels-00000-of-00002.jsonl"
    lines = [json.dumps({**json.loads(line), "later": 1}) for line in file.read_text().splitlines()]
    videos = [*read_labels(str(tmp_path / "labels"))]
    file.write_text("\n".join(lines) + "\n")
    assert [*read_labels(str(tmp_path / "labels"))] == videos


def test_one_file_after_another_is_read(tmp_path: Path) -> None:
    make_labels(tmp_path / "labels")
    (tmp_path / "labels" / "labels-00001-of-00002.jsonl").unlink()
    videos = read_labels(str(tmp_path / "labels"))
    assert [next(videos).video for _ in range(2)] == ["gym/long.mp4", "../short.mp4"]


def test_an_unfinished_export_is_resumed(tmp_path: Path) -> None:
    labels = make_labels(tmp_path / "labels")
    last = labels / "labels-00001-of-00002.jsonl"
    whole = last.read_bytes()
    last.write_bytes(whole[:-20])
    code, _, error = export(labels, tmp_path / "out")
    assert code == 2 and error.startswith(f"error: {last} is damaged (") and error.count("\n") == 1
    assert "run the same har label command again" in error
    last.write_bytes(whole)
    summary = (labels / "summary.json").read_text()
    (labels / "summary.json").write_text(summary + "\n")  # as if other labels had been made since
    code, _, error = export(labels, tmp_path / "out")
    assert code == 2 and "out is not empty (found " in error
    (labels / "summary.json").write_text(summary)
    assert export(labels, tmp_path / "out")[0] == export(labels, tmp_path / "fresh")[0] == 0
    assert contents(tmp_path / "out") == contents(tmp_path / "fresh")
    code, _, error = export(labels, tmp_path / "out")
    assert code == 2 and "out is not empty (found %2E%2E, caf%ED%B3%A9.mp4.json, gym)" in error


def test_folders_that_cannot_be_used(tmp_path: Path) -> None:
    labels = make_labels(tmp_path / "labels")
    code, _, error = export(labels, labels / "out")
    assert code == 2 and f"--output {labels / 'out'} lies in --labels {labels}" in error
    assert not (labels / "out").exists()
    code, _, error = export(tmp_path / "label", tmp_path / "out")
    assert (code, error) == (
        2, f"error: no complete labels in {tmp_path / 'label'}: there is no such folder; did you mean {labels}?\n"
    )  # fmt: skip


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("summary.json", None, "no complete labels in "),
        ("summary.json", "{}", "summary.json is damaged ("),
        ("summary.json", '{"files": {"labels": ["../x.jsonl"]}}', "summary.json is damaged (files.labels is"),
        ("failures.jsonl", None, "failures.jsonl is missing"),
        ("failures.jsonl", '{"video": 1}\n', "failures.jsonl is damaged ("),
        ("labels-00000-of-00002.jsonl", None, "labels-00000-of-00002.jsonl is missing"),
        ("labels-00000-of-00002.jsonl", '{"video": "a"}\n', "labels-00000-of-00002.jsonl is damaged ("),
        ("labels-00000-of-00002.jsonl", "[]\n", "labels-00000-of-00002.jsonl is damaged ("),
        ("labels-00000-of-00002.jsonl", "", "have 2 segments, but summary.json counts 7"),  # cut at the end of a line
        (
            "labels-00000-of-00002.jsonl",
            OTHERS_ROW,
            "(its labels are of model beef, summary.json is of 00ff)",
        ),
        ("failures.jsonl", "", "have 0 failures, but summary.json counts 4"),
    ],
)
def test_labels_that_cannot_be_read(name: str, text: str | None, said: str, tmp_path: Path) -> None:
    labels = make_labels(tmp_path / "labels")
    summary = json.loads((labels / "summary.json").read_text())
    counts = {"counts": {"listed": 5}, "segments_by_label": {"Run": 4, "Jump, high": 3}}
    counts |= {"failures_by_reason": {"VideoDecodeError": 4}, "model": {"fingerprint": "00ff"}}
    (labels / "summary.json").write_text(json.dumps({**summary, **counts}))
    (labels / name).unlink() if text is None else (labels / name).write_text(text)
    code, _, error = export(labels, tmp_path / "out")
    assert code == 2 and said in error and error.count("\n") == 1
