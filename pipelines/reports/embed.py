"""Pages and tables within a notebook."""

from html import escape

_HEIGHT_PX = 620


def framed(page: str, height_px: int = _HEIGHT_PX) -> str:
    """A whole page in a frame of its own, so that neither its styles nor those of the notebook change the other.

    The frame runs the page's own scripts, but keeps them away from the notebook.
    """
    return (
        f'<iframe srcdoc="{escape(page, quote=True)}" sandbox="allow-scripts" width="100%" height="{height_px}" '
        'style="border: 1px solid #8884; border-radius: 8px; resize: vertical"></iframe>'
    )
