"""Where credentials for stores would come from, and whether given places can be read and written."""

import os
import posixpath
import uuid
from collections.abc import Iterator
from pathlib import Path

from pipelines import files
from pipelines.core.errors import OutputError, UsageError
from pipelines.core.reasons import first_line
from pipelines.core.secrets import redact
from pipelines.diagnosis.finding import Finding, load, split_remedy
from pipelines.process import interrupts
from pipelines.reports.text import plural

SECTION = "credentials"
PATHS = "paths"
_PROBE = b"written by pipelines.doctor, to be removed at once\n"


def check_credentials(stores: set[str]) -> Iterator[Finding]:
    """Which source the credentials for `gs://` and `s3://` would come from. The credentials are never shown.

    Args:
        stores: schemes that will be used. Only for these are network services asked.
    """
    yield check_google(dict(os.environ), Path.home())
    yield _check_s3("s3" in stores)


def check_google(environment: dict[str, str], home: Path, root: Path = Path("/")) -> Finding:
    """The first credentials that Google's libraries would find, without asking the network.

    Args:
        environment: environment variables by name.
        home: the user's home folder.
        root: folder of `sys`.
    """
    name = "gs://"
    if path := environment.get("GOOGLE_APPLICATION_CREDENTIALS"):
        value = f"the file {path} (GOOGLE_APPLICATION_CREDENTIALS)"
        if problem := _why_no_google_file(path):
            remedy = "Correct the variable, or unset it and run `gcloud auth application-default login`"
            return Finding(SECTION, name, value, problem, remedy)
        return Finding(SECTION, name, value)
    if emulator := environment.get("STORAGE_EMULATOR_HOST"):
        return Finding(SECTION, name, f"none, for the emulator at {redact(emulator)} (STORAGE_EMULATOR_HOST)")
    folder = Path(environment.get("CLOUDSDK_CONFIG") or home / ".config/gcloud")
    path = str(folder / "application_default_credentials.json")
    if os.path.exists(path):
        problem = _why_no_google_file(path)
        remedy = "Run `gcloud auth application-default login`" if problem else ""
        return Finding(SECTION, name, f"the file {path} (gcloud auth application-default login)", problem, remedy)
    try:
        on_google = (root / "sys/class/dmi/id/product_name").read_text().startswith("Google")
    except OSError:
        on_google = False
    if on_google or environment.get("GCE_METADATA_HOST"):
        return Finding(SECTION, name, "the service account of this machine (metadata server)")
    return Finding(SECTION, name, "none: only public buckets can be read")


def _why_no_google_file(path: str) -> str:
    """Why a file holds no credentials; empty if it does."""
    auth = load("google.auth", SECTION, "gs://")
    if isinstance(auth, Finding):
        return auth.problem
    from google.auth.exceptions import GoogleAuthError

    try:
        auth.load_credentials_from_file(path)
    except GoogleAuthError as error:
        return first_line(error)
    except OSError as error:
        return f"can't be read: {error.strerror}"
    return ""


def _check_s3(ask_network: bool) -> Finding:
    """The source that boto3 uses; a role of the machine is only looked for if the network may be asked."""
    name = "s3://"
    botocore = load("botocore.session", SECTION, name)
    if isinstance(botocore, Finding):
        return botocore
    from botocore.exceptions import BotoCoreError

    from pipelines.files.s3.errors import CREDENTIALS

    try:
        session = botocore.Session()
        if not ask_network:
            session.get_component("credential_provider").remove("iam-role")
        found = session.get_credentials()
        endpoint = _endpoint(dict(os.environ))
    except BotoCoreError as error:
        return Finding(SECTION, name, "none", first_line(error), f"Give credentials: {CREDENTIALS}")
    if found is None:
        unasked = "" if ask_network else "; a role of the machine was not looked for"
        return Finding(SECTION, name, f"none{unasked}{endpoint}")
    profile = f", profile {session.profile}" if session.profile else ""
    return Finding(SECTION, name, f"{_SOURCES.get(found.method, found.method)}{profile}{endpoint}")


_SOURCES = {
    "env": "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY in the environment",
    "shared-credentials-file": "the shared credentials file of AWS",
    "config-file": "the configuration file of AWS",
    "iam-role": "the role of this machine",
    "container-role": "the role of this container",
    "assume-role": "a role that is assumed",
    "assume-role-with-web-identity": "a role that is assumed with a web identity",
    "sso": "a single sign-on of AWS",
}
"""What botocore calls its sources."""


def _endpoint(environment: dict[str, str]) -> str:
    names = ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "S3_ENDPOINT")
    address = next((environment[name] for name in names if environment.get(name)), "")
    return f", at {redact(address)}" if address else ""


def check_path(uri: str) -> Finding:
    """Whether a file can be read, or a folder be listed and a file in it be written, read and removed.

    A job would create a folder that doesn't exist: then the nearest existing folder above it is tried.

    Args:
        uri: a normalised path or address.
    """
    try:
        files.check_stores(uri)
        if not files.is_local(uri):
            return _read_file(uri) if files.exists(uri) else _try_folder(uri, uri)
        if os.path.isfile(uri):
            return _read_file(uri)
        folder = uri
        while not os.path.lexists(folder):
            folder = posixpath.dirname(folder)
        return _try_folder(uri, folder)
    except (OutputError, UsageError) as error:
        return _unusable(uri, error.__cause__ or error)
    except OSError as error:
        return _unusable(uri, error)


def _unusable(uri: str, error: BaseException) -> Finding:
    reason = (isinstance(error, OSError) and error.strerror) or first_line(error)
    problem, remedy = split_remedy(reason)
    return Finding(PATHS, uri, "not usable", problem, remedy or "Give permission there, or choose another place")


def _read_file(uri: str) -> Finding:
    with files.open_read(uri) as file:
        file.read(1)
    return Finding(PATHS, uri, "a file, can be read")


def _try_folder(uri: str, folder: str) -> Finding:
    """Lists a folder; writes a file there under a temporary name first, as the jobs do; reads it and removes it."""
    names = os.listdir(folder) if files.is_local(folder) else files.list_names(folder)
    probe = files.join(folder, f".doctor-{uuid.uuid4().hex}")
    with interrupts.tidying_up():
        with files.write_atomically(probe, folder) as file:  # leaves nothing behind if it fails
            file.write(_PROBE)
        try:
            with files.open_read(probe) as file:
                came = file.read()
        finally:
            files.delete([probe])
    if came != _PROBE:
        problem = "the content read from a file there differs from what was written"
        return Finding(PATHS, uri, "not usable", problem, "Check the disk or the store")
    if uri != folder:
        return Finding(PATHS, uri, f"doesn't exist; can be made in {folder}")
    return Finding(PATHS, uri, f"can be read and written ({plural(len(names), 'entry', 'entries')})")


def schemes(uris: list[str]) -> set[str]:
    """The stores that some addresses are in: `gs`, `s3`."""
    return {uri.partition("://")[0] for uri in uris if not files.is_local(uri)}
