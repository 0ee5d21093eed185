"""Keeps secrets that somebody put into an address out of messages, records and files."""

import re

from pipelines.core.errors import UsageError

_HIDDEN = "***"
# What precedes `@`, including slashes, which occur in AWS secrets; but not a port, as in `host:9000/a@b`.
_USER = re.compile(r"(?<=://)(?:[^\s/@:]*:(?!\d+(?:[/\s]|$))[^\s@]*|[^\s/@:]+)@")
_PARAMETER = re.compile(
    r"(?i)([?&][\w.-]*(?:sig|signature|token|secret|passw|pwd|credential|accesskey|api[_-]?key)[\w.-]*=)[^&\s'\"]+"
)


def redact(text: str) -> str:
    """A text without what precedes `@` in addresses, and without the values of secret parameters."""
    return _PARAMETER.sub(rf"\1{_HIDDEN}", _USER.sub(f"{_HIDDEN}@", text))


def refuse_secrets(address: str, where: str = "") -> None:
    """Refuses an address with a secret in it, which would end up in every record of the files there.

    Args:
        address: an address in a store, or a local path.
        where: what names it, for the message.

    Raises:
        UsageError: the address contains a secret; the message doesn't show it.
    """
    if "://" in address and (shown := redact(address)) != address:
        raise UsageError(
            f"{where and where + ': '}{shown}: an address must not contain a user, key or token. Remove it, and give "
            "credentials in the environment or in the store's own credentials file (see docs/how-to/object-stores.md)"
        )
