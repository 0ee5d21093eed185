"""`croissant.json`: the description of a dataset that catalogues and search engines read.

Croissant 1.0 of MLCommons (https://docs.mlcommons.org/croissant/docs/croissant-spec.html) is schema.org's vocabulary
for data sets, in JSON-LD, with the files, their checksums, and the records in them. Programs that read it get the table
of all clips from the indexes; it has no words for tensors in TFRecord files, so a sentence describes the pixels.
"""

import hashlib
import json
from collections.abc import Iterator
from typing import Any

from pipelines.core.file_names import DATASET_INFO
from pipelines.dataset.info import DatasetInfo
from pipelines.dataset.readers.command import title_of
from pipelines.dataset.readers.webdataset import WEBDATASET

CROISSANT = "croissant.json"
_CONFORMS_TO = "http://mlcommons.org/croissant/1.0"
_TFRECORD, _JSON_LINES, _TAR = "application/x-tfrecord", "application/jsonlines", "application/x-tar"
_GZIP = "application/gzip"
_INDEXES, _CLIPS, _CLASSES, _SPLITS = "indexes", "clips", "classes", "splits"
_SPLIT_OF_INDEX = r"^(?:index-)?(\w+?)(?:\.jsonl)?$"
"""The split in the name of an index. It leaves a split's name as it is, since mlcroissant applies it twice."""
_COLUMNS = {
    "video_id": "path of the video without extension, relative to the input, and the seconds if the clip is a part",
    "group": "group of videos that share a source: never in two splits, unless official splits say otherwise",
    "label": "name of the class",
}
_CONTEXT = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "citeAs": "cr:citeAs",
    "column": "cr:column",
    "conformsTo": "dct:conformsTo",
    "cr": "http://mlcommons.org/croissant/",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "dct": "http://purl.org/dc/terms/",
    "equivalentProperty": "cr:equivalentProperty",
    "examples": {"@id": "cr:examples", "@type": "@json"},
    "extract": "cr:extract",
    "field": "cr:field",
    "fileObject": "cr:fileObject",
    "fileProperty": "cr:fileProperty",
    "fileSet": "cr:fileSet",
    "format": "cr:format",
    "includes": "cr:includes",
    "isLiveDataset": "cr:isLiveDataset",
    "jsonPath": "cr:jsonPath",
    "key": "cr:key",
    "md5": "cr:md5",
    "parentField": "cr:parentField",
    "path": "cr:path",
    "recordSet": "cr:recordSet",
    "references": "cr:references",
    "regex": "cr:regex",
    "repeated": "cr:repeated",
    "replace": "cr:replace",
    "samplingRate": "cr:samplingRate",
    "sc": "https://schema.org/",
    "separator": "cr:separator",
    "source": "cr:source",
    "subField": "cr:subField",
    "transform": "cr:transform",
}
"""The context that the specification prescribes."""


def croissant(info: DatasetInfo, license_: str = "") -> str:
    """The text of `croissant.json`. It holds only facts at hand: no author, citation or date is invented.

    Args:
        info: the dataset.
        license_: the licence of the videos, an SPDX identifier or an address; empty if it isn't known.
    """
    from pipelines.dataset.summary import describe_clips  # which loads a library for tables that checking doesn't need

    clips = sum(split.num_examples for split in info.splits.values())
    value = {
        "@context": _CONTEXT,
        "@type": "sc:Dataset",
        "name": title_of(info),
        "description": f"{clips:,} clips of videos of {len(info.labels):,} classes of human activity. "
        f"A clip: {describe_clips(info)}.",
        "conformsTo": _CONFORMS_TO,
        **({"license": license_} if license_ else {}),
        "distribution": list(_distribution(info)),
        "recordSet": list(_record_sets(info)),
    }
    return json.dumps(value, indent=2) + "\n"


def checksums(text: str) -> dict[str, str]:
    """SHA-256 of each file that a `croissant.json` describes, by its path in the dataset.

    Raises:
        ValueError: the text isn't such a description.
    """
    try:
        files = [item for item in json.loads(text)["distribution"] if item["@type"] == "cr:FileObject"]
        return {item["contentUrl"]: item["sha256"] for item in files}
    except (KeyError, TypeError) as error:
        raise ValueError(f"not a description of a dataset: {error!r}") from error


def file_sums(info: DatasetInfo) -> dict[str, tuple[int, str]]:
    """Size in bytes and SHA-256 of each file that the description of a dataset vouches for, by its path in it."""
    found: dict[str, tuple[int, str]] = {}
    for split in info.splits.values():
        if split.index:
            found[split.index.name] = split.index.size_bytes, split.index.sha256
        found |= {shard.name: (shard.size_bytes, shard.sha256) for shard in split.shards}
    tars = {
        f"{WEBDATASET}/{tar.name}": (tar.size_bytes, tar.sha256) for split in info.webdataset.values() for tar in split
    }
    return {**found, **tars}


def _distribution(info: DatasetInfo) -> Iterator[dict[str, Any]]:
    own = info.to_json().encode()
    sums = {DATASET_INFO: (len(own), hashlib.sha256(own).hexdigest()), **file_sums(info)}
    for path, (size, digest) in sums.items():
        yield {
            "@type": "cr:FileObject",
            "@id": path,
            "name": path,
            "contentUrl": path,
            "contentSize": f"{size} B",
            "encodingFormat": _format_of(path, info),
            "sha256": digest,
        }
    yield {
        "@type": "cr:FileSet",
        "@id": _INDEXES,
        "name": _INDEXES,
        "description": "Id, group and label of each clip: a file for each split, in the order of its records.",
        "encodingFormat": _JSON_LINES,
        "includes": "index-*.jsonl",
    }


def _format_of(path: str, info: DatasetInfo) -> str:
    if path.endswith((".tfrecord", ".tar")) and info.compression == "none":
        return _TAR if path.endswith(".tar") else _TFRECORD
    return {"json": "application/json", "jsonl": _JSON_LINES}.get(path.rpartition(".")[2], _GZIP)


def _record_sets(info: DatasetInfo) -> Iterator[dict[str, Any]]:
    yield _enumeration(_SPLITS, "cr:Split", "The splits.", list(info.splits))
    yield _enumeration(_CLASSES, "sc:Enumeration", "The classes; the position, from 0, is the id.", list(info.labels))
    split = {
        **_field(_CLIPS, "split", "split that the clip is in"),
        "source": {
            "fileSet": {"@id": _INDEXES},
            "extract": {"fileProperty": "filename"},
            "transform": {"regex": _SPLIT_OF_INDEX},
        },
        "references": {"field": {"@id": f"{_SPLITS}/name"}},
    }
    columns = [
        {
            **_field(_CLIPS, column, says),
            "source": {"fileSet": {"@id": _INDEXES}, "extract": {"column": column}},
        }
        for column, says in _COLUMNS.items()
    ]
    if info.multi_label:
        columns[-1]["description"] = "names of the classes, joined by |"
    else:
        columns[-1]["references"] = {"field": {"@id": f"{_CLASSES}/name"}}
    yield {
        "@type": "cr:RecordSet",
        "@id": _CLIPS,
        "name": _CLIPS,
        "description": "All clips, without their pixels, which the shards hold in the same order.",
        "key": {"@id": f"{_CLIPS}/video_id"},
        "field": [split, *columns],
    }


def _enumeration(name: str, kind: str, says: str, names: list[str]) -> dict[str, Any]:
    return {
        "@type": "cr:RecordSet",
        "@id": name,
        "name": name,
        "description": says,
        "dataType": kind,
        "key": {"@id": f"{name}/name"},
        "field": [_field(name, "name", "its name")],
        "data": [{f"{name}/name": item} for item in names],
    }


def _field(record_set: str, name: str, says: str) -> dict[str, Any]:
    place = f"{record_set}/{name}"
    return {"@type": "cr:Field", "@id": place, "name": place, "description": says, "dataType": "sc:Text"}
