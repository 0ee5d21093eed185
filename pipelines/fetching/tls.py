"""Certificates: the context for a connection, and what it means when a site's one can't be checked."""

import ssl

_INCOMPLETE = (2, 20, 21)
"""OpenSSL's codes for a chain that doesn't lead to a known authority."""
_SELF_SIGNED = (18, 19)
_EXPIRED = 10
_OTHER_HOST = 62


def context(insecure: bool) -> ssl.SSLContext:
    """The settings of connections.

    Args:
        insecure: whether certificates are not checked.
    """
    settings = ssl.create_default_context()
    if insecure:
        settings.check_hostname = False
        settings.verify_mode = ssl.CERT_NONE
    return settings


def explain(error: ssl.SSLCertVerificationError, host: str) -> str:
    """What a certificate that can't be checked means, and what to do, in one line."""
    if error.verify_code in _INCOMPLETE:
        why = (
            f"the certificate of {host} can't be checked: the site doesn't send the intermediate certificate between "
            "its own and an authority that this machine trusts (www.crcv.ucf.edu is known for that; browsers fetch or "
            "remember what is missing), or this machine's list of authorities is out of date"
        )
    elif error.verify_code in _SELF_SIGNED:
        why = f"the certificate of {host} is signed by nobody whom this machine trusts (self-signed, or by a proxy)"
    elif error.verify_code == _EXPIRED:
        why = f"the certificate of {host} has expired (or this machine's clock is wrong)"
    elif error.verify_code == _OTHER_HOST:
        why = f"the certificate that came is not that of {host}"
    else:
        why = f"the certificate of {host} can't be checked ({error.verify_message})"
    return (
        f"{why}. Somebody between could send other files. Give the missing certificate in a file that SSL_CERT_FILE "
        "names, download the archive with a browser and pass it as --archive FILE, or add --insecure to download "
        "without this check"
    )
