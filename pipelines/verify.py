"""Checks a dataset, or features, by reading it again: `python -m pipelines.verify FOLDER`, see `--help`.

Every record is read: its checksums, the file's checksum and length, keys, shapes, labels, ids, groups against splits,
and the counts. Nothing that the job remembered while writing is trusted.
"""

import sys
from collections.abc import Mapping, Sequence

from pipelines import files
from pipelines.cli import tool
from pipelines.cli.parser import Parser
from pipelines.core.errors import EXIT_INVALID, EXIT_OK
from pipelines.dataset.index import count_labels
from pipelines.dataset.info import DatasetInfo, SplitInfo
from pipelines.dataset.readers.checking import other_problems, tar_pairs, tar_problem
from pipelines.dataset.readers.webdataset import WEBDATASET
from pipelines.dataset.verification import ShardCheck, check_shard, check_whole
from pipelines.featurizing.info import FeaturesInfo, FeaturesSplit
from pipelines.featurizing.verification import check_all_features, check_features_shard, holds_features
from pipelines.process.cores import num_cores

_SHOWN = 20
_DESCRIPTION = """\
Reads every record of a dataset again and checks it: checksums, keys, shapes, labels, ids, groups, splits, counts.

  python -m pipelines.verify data/ucf50

Features, of pipelines.features, are checked likewise, and compared with the dataset and the network they are of."""
_EPILOG = "exit codes: 0 all is intact; 1 it isn't: the output says what to do; 2 there is nothing to check."


def make_parser() -> Parser:
    """The parser."""
    parser = Parser("pipelines.verify", _DESCRIPTION, _EPILOG)
    parser.add_argument("dataset", metavar="FOLDER", help="dataset or features to check: a folder that "
                        "pipelines.preprocess or pipelines.features wrote")  # fmt: skip
    return parser


def run(arguments: Sequence[str]) -> int:
    """Checks a dataset or features, prints what was found and returns the exit code.

    Raises:
        UserError: there is no complete dataset, nor are there complete features.
    """
    folder = files.normalise(make_parser().parse_own(arguments)["dataset"], "the folder")
    files.check_stores(folder)
    return _verify_features(folder) if holds_features(folder) else _verify_dataset(folder)


def _verify_dataset(folder: str) -> int:
    info = DatasetInfo.read(folder)
    shards = [(name, shard) for name, split in info.splits.items() for shard in split.shards]
    # In threads: what takes most of the time, reading, hashing and decoding pictures, leaves Python to the others.
    checks = files.in_parallel(lambda item: check_shard(folder, *item, info), shards, num_cores())
    pairs = tar_pairs(info)
    of_tars = files.in_parallel(lambda pair: tar_problem(folder, *pair, info), pairs, num_cores())
    tars = {f"{WEBDATASET}/{tar.name}": found for (_, tar), found in zip(pairs, of_tars, strict=True) if found}
    problems = [*check_whole(folder, info, checks), *other_problems(folder, info)]
    _print_table(info.splits, checks)
    from pipelines.reports.text import visible

    for note in info.notes:
        print(visible(note if note.startswith("WARNING") else f"note: {note}"))
    also = f", and so are its {len(pairs)} files in {WEBDATASET}" if pairs else ""
    return _conclude(folder, checks, tars, problems, also, "pipelines.preprocess")


def _verify_features(folder: str) -> int:
    info = FeaturesInfo.read(folder)
    shards = [(name, shard) for name, split in info.splits.items() for shard in split.shards]
    checks = files.in_parallel(lambda item: check_features_shard(folder, *item, info), shards, num_cores())
    others, problems, note = check_all_features(folder, info, checks)
    _print_table(info.splits, checks)
    if note:
        print(f"note: {note}")
    also = "" if note or problems else f", and of {info.appearance} ({info.weights}) and its dataset"
    return _conclude(folder, checks, others, problems, also, "pipelines.features")


def _conclude(
    folder: str,
    checks: Sequence[ShardCheck],
    others: Mapping[str, str],
    problems: Sequence[str],
    also: str,
    maker: str,
) -> int:
    """Prints all problems, or that there are none, and returns the exit code.

    Args:
        folder: what was checked.
        checks: its shards.
        others: further problems of its files, by name.
        problems: those of no single file.
        also: what else is said where there are none.
        maker: the tool that makes the files again.
    """
    listed = [f"{check.info.name}: {problem}" for check in checks for problem in check.problems]
    listed += [*(f"{name}: {problem}" for name, problem in others.items()), *problems]
    if not listed:
        print(f"All {sum(check.num_records for check in checks)} records of {folder} are intact{also}.")
        return EXIT_OK
    for problem in listed[:_SHOWN]:
        print(f"wrong: {problem}", file=sys.stderr)
    if len(listed) > _SHOWN:
        print(f"... and {len(listed) - _SHOWN} more", file=sys.stderr)
    bad = " ".join(dict.fromkeys([*(check.info.name for check in checks if check.problems), *others]))
    first = f"remove these {'files' if others else 'shards'} from {folder} ({bad}), then " if bad else ""
    print(
        f"To fix it: {first}run the same {maker} command again; if that doesn't help, add --overwrite.",
        file=sys.stderr,
    )
    return EXIT_INVALID


def _print_table(splits: Mapping[str, SplitInfo | FeaturesSplit], checks: Sequence[ShardCheck]) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table("split", "shards", "records", "groups", "classes", "wrong")
    for name, split in splits.items():
        mine = [check for check in checks if check.split == name]
        groups = {group for check in mine for group in check.groups}
        classes = count_labels(
            (label for check in mine for label in check.labels), any(check.several for check in mine)
        )
        wrong = sum(len(check.problems) for check in mine)
        records = f"{sum(check.num_records for check in mine)} of {split.num_examples}"
        table.add_row(name, str(len(mine)), records, str(len(groups)), str(len(classes)), str(wrong or "-"))
    Console(width=None if sys.stdout.isatty() else 100).print(table)


def main() -> int:
    """Entry point of the command line."""
    tool.quiet_libraries()
    return tool.run_tool(run, sys.argv[1:])


if __name__ == "__main__":
    sys.exit(main())
