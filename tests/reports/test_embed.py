"""Pages within a notebook."""

from html.parser import HTMLParser

from pipelines.reports.embed import framed


def test_a_page_is_framed_unchanged() -> None:
    page = '<!doctype html><title>a "b" &amp; \'c\'</title><script>1 < 2 && alert("</iframe>")</script>'
    found: list[dict[str, str | None]] = []

    class Frames(HTMLParser):
        def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
            assert tag == "iframe"
            found.append(dict(attributes))

    Frames().feed(framed(page))
    assert [frame["srcdoc"] for frame in found] == [page]
    # Without allow-same-origin: the page's scripts can't reach the notebook.
    assert found[0]["sandbox"] == "allow-scripts"
