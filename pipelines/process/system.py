"""The systems that this software runs on. This module imports nothing unless it refuses one."""

import sys

_WSL = "https://learn.microsoft.com/windows/wsl"


def check() -> None:
    """Refuses Windows, where Python has no `fcntl` and no `resource`, and child processes inherit no sockets.

    Raises:
        SystemExit: one of the tools is starting on Windows; the reason is printed to stderr.
        ImportError: another program is importing this software on Windows.
    """
    if sys.platform != "win32":
        return
    reason = f"har-pipelines runs on Linux and macOS, not on Windows. Use it in WSL ({_WSL})"
    if _is_tool(sys.argv[0] if sys.argv else ""):
        from pipelines.core.errors import EXIT_USAGE

        print(f"error: {reason}", file=sys.stderr)
        raise SystemExit(EXIT_USAGE)
    raise ImportError(reason)


def _is_tool(program: str) -> bool:
    """Whether Python is about to run one of our tools: `python -m`, or the `har` script that pip installs."""
    return program == "-m" or program.replace("\\", "/").rpartition("/")[2].startswith("har")
