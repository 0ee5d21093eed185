"""Subtitle tracks, read by a strict parser, and their names."""

import os
import posixpath
import re
from collections.abc import Sequence

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pipelines.labelling.subtitles import subtitle_name, webvtt
from pipelines.labelling.types import LabelledVideo, Segment

ANY_TEXT = st.text(st.characters())  # including lone surrogates
ODD_IDS = st.text(st.sampled_from("ab/.%\\:-2EF5~\0é\ud800\udce9 ")) | st.lists(
    st.sampled_from(
        ["a", "", ".", "..", "a.vtt", ".vtt", "%2E", "%", "gs:", "x" * 300, "é" * 150, "x" * 196, "x" * 197]
    )
).map("/".join)
IDS = ANY_TEXT | ODD_IDS

CUE = re.compile(r"(\d\d+):([0-5]\d):([0-5]\d)\.(\d{3}) --> (\d\d+):([0-5]\d):([0-5]\d)\.(\d{3})")
ENTITIES = {"&amp;": "&", "&lt;": "<", "&gt;": ">"}


def parse(text: str) -> list[tuple[int, int, str]]:
    """Start and end in milliseconds and text of the cues; refuses everything that isn't needed here."""
    text.encode()
    assert text.endswith("\n")
    assert "\r" not in text
    header, *blocks = text[:-1].split("\n\n")
    assert header == "WEBVTT"
    cues = []
    for block in blocks:
        timing, payload = block.split("\n")
        match = CUE.fullmatch(timing)
        assert match
        h, m, s, ms, *end = map(int, match.groups())
        times = ((h * 60 + m) * 60 + s) * 1000 + ms, ((end[0] * 60 + end[1]) * 60 + end[2]) * 1000 + end[3]
        assert times[0] < times[1]
        assert not cues or cues[-1][1] <= times[0]
        assert payload == payload.strip() != ""
        assert not re.search("[<>]|&(?!amp;|lt;|gt;)", payload)
        cues.append((*times, re.sub("&(amp|lt|gt);", lambda entity: ENTITIES[entity[0]], payload)))
    return cues


def track(*segments: Segment) -> str:
    return webvtt(LabelledVideo("v", "/v", segments[-1].end_s if segments else 0.0, False, segments))


def say(start_s: float, end_s: float, label: str = "Run", score: float = 0.5) -> Segment:
    return Segment(start_s, end_s, label, score, ((label, score),))


def test_a_track_by_hand() -> None:
    hours = 100 * 3600 + 59 * 60 + 59.999
    assert track(say(0, 2.5, "Rope & <i>Jump</i>", 0.874), say(2.5, hours, "unknown", 0.05)) == (
        "WEBVTT\n"
        "\n"
        "00:00:00.000 --> 00:00:02.500\n"
        "Rope &amp; &lt;i&gt;Jump&lt;/i&gt; 87 %\n"
        "\n"
        "00:00:02.500 --> 100:59:59.999\n"
        "unknown 5 %\n"
    )


@pytest.mark.parametrize(
    ("label", "shown"),
    [
        ("a\n\n00:00:00.000 --> 00:00:01.000\nb", "a 00:00:00.000 --> 00:00:01.000 b 50 %"),
        ("a\r\nb\u2028c\x85d", "a b c d 50 %"),
        ("&lt;", "&lt; 50 %"),
        ("", "50 %"),
        ("caf\udce9", r"caf\udce9 50 %"),
        ("跳绳", "跳绳 50 %"),
    ],
)
def test_labels_cannot_break_a_track(label: str, shown: str) -> None:
    assert parse(track(say(0, 1, label))) == [(0, 1000, shown)]


@given(st.lists(st.tuples(st.integers(0, 10**10), ANY_TEXT, st.floats(0, 1)), max_size=5))
def test_every_segment_has_its_cue(cues: Sequence[tuple[int, str, float]]) -> None:
    start, segments = 0, []
    for length_ms, label, score in cues:
        segments.append(say(start / 1000, (start + length_ms) / 1000, label, score))
        start += length_ms
    found = parse(track(*segments))
    expected = [s for s in segments if s.start_s < s.end_s]
    assert [(a, b) for a, b, _ in found] == [(round(s.start_s * 1000), round(s.end_s * 1000)) for s in expected]
    for (_, _, text), segment in zip(found, expected, strict=True):
        percent = re.fullmatch(r".*?(\d+) %", text)
        assert percent
        assert int(percent[1]) == pytest.approx(100 * segment.score, abs=0.5)


@pytest.mark.parametrize(
    ("video_id", "name"),
    [
        ("a/b/clip.mp4", "a/b/clip.mp4.vtt"),
        ("clip", "clip.vtt"),
        ("Ünïcode & spaces (1).mp4", "Ünïcode & spaces (1).mp4.vtt"),
        ("/etc/passwd", "%/etc/passwd.vtt"),
        ("../../x", "%2E%2E/%2E%2E/x.vtt"),
        ("a/./b/..", "a/%2E/b/%2E%2E.vtt"),
        ("gs://bucket/x.mp4", "gs:/%/bucket/x.mp4.vtt"),
        ("", "%.vtt"),
        ("a//b/", "a/%/b/%.vtt"),
        ("%2E%2E/x", "%252E%252E/x.vtt"),
        (r"..\x", "..%5Cx.vtt"),
        ("a\0\n", "a%00%0A.vtt"),
        ("caf\udce9", "caf%ED%B3%A9.vtt"),
        ("a.vtt/b.vtt", "a%2Evtt/b.vtt.vtt"),
        ("...", "....vtt"),
    ],
)
def test_names(video_id: str, name: str) -> None:
    assert subtitle_name(video_id) == f"subtitles/{name}"


@given(IDS)
@example("\udced\udca0\udc80")
def test_names_are_safe(video_id: str) -> None:
    name = subtitle_name(video_id)
    assert posixpath.normpath(name) == name
    folder, *parts = name.split("/")
    assert folder == "subtitles"
    assert parts[-1].endswith(".vtt")
    assert not any(part.endswith(".vtt") for part in parts[:-1]), "or it could be a track's name"
    assert all(len(os.fsencode(part)) <= 202 for part in parts)
    assert not re.search("[\\\\\x00-\x1f\x7f\ud800-\udfff]|://", name)


@given(st.sets(IDS, max_size=20))
@example({"\ud800", "\udced\udca0\udc80", "%ED%A0%80"})
@example({"", "%", "%25"})
@example({"a.vtt/b", "a%2Evtt/b", "a"})
@example({"x" * 300, "x" * 301, subtitle_name("x" * 300).removeprefix("subtitles/").removesuffix(".vtt")})
def test_no_two_ids_have_one_name(ids: set[str]) -> None:
    assert len({subtitle_name(video_id) for video_id in ids}) == len(ids)
