"""Answers that no store gives: pages of a network that asks to sign in, and other bytes than were asked for."""

import errno
import os
import re

import pytest

from pipelines import files
from pipelines.core.errors import OutputError, UsageError
from pipelines.files.s3 import objects
from tests.support.fault_proxy import Fault, is_listing
from tests.support.store_tools import Place, TheError, is_content
from tests.support.store_tools import here as here
from tests.support.store_tools import place as place
from tests.support.store_tools import the_error as the_error

pytestmark = [pytest.mark.server, pytest.mark.usefixtures("here")]
NO_STORE = "what answered .*is no store"


def test_a_page_is_not_taken_for_the_answer_of_a_store(place: Place, the_error: TheError) -> None:
    """boto3 takes it for an empty listing, for a file without content, or for a file that was written."""
    root = f"{place.root}/page"
    place.server.put(f"{root}/A/a.mp4", b"a")
    with place.proxy.faulty(lambda *request: Fault(page=True)):
        for call in (
            files.list_tree,
            files.list_folder,
            files.list_names,
            files.is_folder,
            files.exists,
            files.read_bytes,
        ):
            with pytest.raises(OSError, match=NO_STORE):
                call(f"{root}/A/a.mp4")
        with pytest.raises(UsageError, match=rf"cannot use {root}: .*{NO_STORE}.*Check the network"):
            files.check_stores(root)
        with pytest.raises(OutputError, match=rf"cannot write {root}/b: .*{NO_STORE}"):
            files.write_text(f"{root}/b", "text", root)
    with place.proxy.faulty(lambda *request: Fault(page=True) if is_listing(*request) else None):
        code, error = the_error("pipelines.preprocess", "--input", root, "--output", f"{place.root}/of-page")
    assert code == 2 and re.search(NO_STORE, error), error
    content = Fault(page=True)
    with place.proxy.faulty(lambda *request: content if is_content(*request) and "a.mp4" in request[1] else None):
        with pytest.raises(OSError, match=f"{NO_STORE}|the store sent [0-9]+ bytes instead of 1 ") as caught:
            files.read_bytes(f"{root}/A/a.mp4")
        assert caught.value.filename == f"{root}/A/a.mp4"


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        (
            Fault(shift=100),
            r"the store sent bytes 100-1099/1100 instead of those from 0 on\. Check the network and any pr",
        ),
        (
            Fault(whole=True),
            r"the store sent 5,000 bytes instead of 1,000 \(from byte 0 on\): it ignores ranges\. Check",
        ),
    ],
)
def test_other_bytes_than_those_asked_for_are_not_read(place: Place, fault: Fault, reason: str) -> None:
    uri, data = f"{place.root}/other", os.urandom(5000)
    place.server.put(uri, data)
    with place.proxy.faulty(lambda *request: fault if is_content(*request) else None):
        place.proxy.requests.clear()
        with pytest.raises(OSError, match=reason) as caught:
            files.open_read(uri, 1000).read()
        assert caught.value.filename == uri and caught.value.errno == errno.EIO
        assert len([request for request in place.proxy.requests if is_content(*request)]) == 1
        with files.open_read(uri) if fault.whole else open(os.devnull, "rb") as file:
            assert file.read() == (data if fault.whole else b"")  # in one piece, everything is what was asked for
    with files.open_read(uri, 1000) as file:
        assert file.read() == data


def test_a_file_in_an_archive_is_named_as_such(place: Place) -> None:
    if place.root.startswith("gs"):
        pytest.skip("Google's archive classes are read like any other")
    objects._client().put_object(Bucket="bucket", Key="cold", Body=b"x", StorageClass="GLACIER")
    with pytest.raises(OSError, match=r"^\[Errno 16\] it lies in an archive .*Restore it first: 's3://bucket/cold'$"):
        files.read_bytes("s3://bucket/cold")
