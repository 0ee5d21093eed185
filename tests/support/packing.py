"""Archives of the same small tree, of every kind."""

import io
import tarfile
import zipfile

from tests.support.rar_files import rar_of

KINDS = ("rar", "zip", "tar", "tar.gz", "tar.xz", "tar.bz2")


def pack(files: dict[str, bytes], kind: str, links: dict[str, str] | None = None) -> bytes:
    """An archive, of a kind in `KINDS`, of files and, for tar and ZIP, of symbolic links (name to target)."""
    if kind == "rar":
        return rar_of(files)
    out = io.BytesIO()
    if kind == "zip":
        with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, data in files.items():
                archive.writestr(zipfile.ZipInfo(name), data, zipfile.ZIP_DEFLATED)
            for name, target in (links or {}).items():
                info = zipfile.ZipInfo(name)
                info.external_attr = 0o120777 << 16
                archive.writestr(info, target)
        return out.getvalue()
    compression = kind.partition(".")[2]
    with tarfile.open(fileobj=out, mode=f"w:{compression}") as tar:  # type: ignore[call-overload]
        for name, data in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))
        for name, target in (links or {}).items():
            member = tarfile.TarInfo(name)
            member.type, member.linkname = tarfile.SYMTYPE, target
            tar.addfile(member)
    return out.getvalue()
