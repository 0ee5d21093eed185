"""Secrets that somebody put into an address: kept out of messages, records and files."""

import re

from pipelines.core.errors import UsageError

_HIDDEN = "***"
# What stands before `@`, slashes included, as AWS's secrets have some; but not a port, as in `host:9000/a@b`.
_USER = re.compile(r"(?<=://)(?:[^\s/@:]*:(?!\d+(?:[/\s]|$))[^\s@]*|[^\s/@:]+)@")
_PARAMETER = re.compile(
    r"(?i)([?&][\w.-]*(?:sig|signature|token|secret|passw|pwd|credential|accesskey|api[_-]?key)[\w.-]*=)[^&\s'\"]+"
)


def redact(text: str) -> str:
    """The same without what stands before `@` in addresses, and without the values of parameters that are secrets."""
    return _PARAMETER.sub(rf"\1{_HIDDEN}", _USER.sub(f"{_HIDDEN}@", text))


def refuse_secrets(address: str, where: str = "") -> None:
    """Refuses an address with a secret in it, which would end up in every record of what lies there.

    Args:
        address: of a store, or a local path.
        where: what names it, for the message.

    Raises:
        UsageError: it has one; the message doesn't show it.
    """
    if "://" in address and (shown := redact(address)) != address:
        raise UsageError(
            f"{where and where + ': '}{shown}: an address holds no user, key or token. Write it without, and give "
            "credentials in the environment or a file of the store's own (docs/deploy.md names them)"
        )
