"""Certificates: the TLS context for a connection, and what it means when a site's certificate can't be checked."""

import ssl

_INCOMPLETE = (2, 20, 21)
"""OpenSSL's codes for a chain that doesn't lead to a known authority."""
_SELF_SIGNED = (18, 19)
_EXPIRED = 10
_OTHER_HOST = 62


def context(insecure: bool) -> ssl.SSLContext:
    """The TLS settings of connections.

    Args:
        insecure: whether to skip the check of certificates.
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
            "remember the missing one), or this machine's list of authorities is out of date"
        )
    elif error.verify_code in _SELF_SIGNED:
        why = f"the certificate of {host} isn't signed by anybody this machine trusts (self-signed, or by a proxy)"
    elif error.verify_code == _EXPIRED:
        why = f"the certificate of {host} has expired (or this machine's clock is wrong)"
    elif error.verify_code == _OTHER_HOST:
        why = f"the site sent a certificate that isn't for {host}"
    else:
        why = f"the certificate of {host} can't be checked ({error.verify_message})"
    return (
        f"{why}. Somebody in between could send other files. Give the missing certificate in a file named by "
        "SSL_CERT_FILE, download the archive with a browser and pass it as --archive FILE, or add --insecure to "
        "download without this check"
    )
