"""The datasets that can be downloaded by name: where they are, and what they should contain."""

import posixpath
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import unquote, urlsplit

OTHER = "other"
_UCF = "https://www.crcv.ucf.edu/data"
_HMDB = "http://serre-lab.clps.brown.edu/wp-content/uploads/2013/10"


@dataclass(frozen=True)
class Source:
    """An archive.

    Attributes:
        url: its address.
        folder: name of the folder for its content, in the output folder.
        size_bytes: its size as public scripts give it; 0 if unknown.
    """

    url: str
    folder: str
    size_bytes: int = 0

    @property
    def file_name(self) -> str:
        """The last part of its address."""
        return file_name(self.url)


@dataclass(frozen=True)
class Dataset:
    """The known facts about a dataset; empty or 0 where unknown.

    Attributes:
        name: value of `--dataset`.
        title: its usual name.
        videos: the archive of its videos.
        lists: the archive of its official split lists, if there are any.
        lists_pattern: pattern of the files of the first split in the folder of the lists, for `--split-file`.
        classes: names of its classes.
        groups: number of groups in each class, `_gNN_` in the names of videos; 0 if it has none.
        num_videos: number of videos in its archive.
        page_videos: number of videos according to its web page, if that differs.
        prefixes: classes whose files use another name, with that name.
        remedy: what to do if its site no longer answers; a sentence, or empty.
    """

    name: str
    title: str
    videos: Source
    lists: Source | None = None
    lists_pattern: str = ""
    classes: tuple[str, ...] = ()
    groups: int = 0
    num_videos: int = 0
    page_videos: int = 0
    prefixes: Mapping[str, str] = field(default_factory=dict)
    remedy: str = ""


def _names(text: str) -> tuple[str, ...]:
    return tuple(text.split())


UCF50 = Dataset(
    "ucf50", "UCF50", Source(f"{_UCF}/UCF50.rar", "UCF50", 3_233_554_570),
    groups=25, num_videos=6_681, page_videos=6_676, prefixes={"Billiards": "Billards"},
    classes=_names(
        "BaseballPitch Basketball BenchPress Biking Billiards BreastStroke CleanAndJerk Diving Drumming Fencing "
        "GolfSwing HighJump HorseRace HorseRiding HulaHoop JavelinThrow JugglingBalls JumpRope JumpingJack Kayaking "
        "Lunges MilitaryParade Mixing Nunchucks PizzaTossing PlayingGuitar PlayingPiano PlayingTabla PlayingViolin "
        "PoleVault PommelHorse PullUps Punch PushUps RockClimbingIndoor RopeClimbing Rowing SalsaSpin SkateBoarding "
        "Skiing Skijet SoccerJuggling Swing TaiChi TennisSwing ThrowDiscus TrampolineJumping VolleyballSpiking "
        "WalkingWithDog YoYo"
    ),
)  # fmt: skip
UCF101 = Dataset(
    "ucf101", "UCF101", Source(f"{_UCF}/UCF101/UCF101.rar", "UCF101", 6_932_971_618),
    Source(f"{_UCF}/UCF101/UCF101TrainTestSplits-RecognitionTask.zip", "ucfTrainTestlist"), "*list01.txt",
    groups=25, num_videos=13_320, prefixes={"HandstandPushups": "HandStandPushups"},
    classes=_names(
        "ApplyEyeMakeup ApplyLipstick Archery BabyCrawling BalanceBeam BandMarching BaseballPitch Basketball "
        "BasketballDunk BenchPress Biking Billiards BlowDryHair BlowingCandles BodyWeightSquats Bowling "
        "BoxingPunchingBag BoxingSpeedBag BreastStroke BrushingTeeth CleanAndJerk CliffDiving CricketBowling "
        "CricketShot CuttingInKitchen Diving Drumming Fencing FieldHockeyPenalty FloorGymnastics FrisbeeCatch "
        "FrontCrawl GolfSwing Haircut HammerThrow Hammering HandstandPushups HandstandWalking HeadMassage HighJump "
        "HorseRace HorseRiding HulaHoop IceDancing JavelinThrow JugglingBalls JumpRope JumpingJack Kayaking Knitting "
        "LongJump Lunges MilitaryParade Mixing MoppingFloor Nunchucks ParallelBars PizzaTossing PlayingCello "
        "PlayingDaf PlayingDhol PlayingFlute PlayingGuitar PlayingPiano PlayingSitar PlayingTabla PlayingViolin "
        "PoleVault PommelHorse PullUps Punch PushUps Rafting RockClimbingIndoor RopeClimbing Rowing SalsaSpin "
        "ShavingBeard Shotput SkateBoarding Skiing Skijet SkyDiving SoccerJuggling SoccerPenalty StillRings "
        "SumoWrestling Surfing Swing TableTennisShot TaiChi TennisSwing ThrowDiscus TrampolineJumping Typing "
        "UnevenBars VolleyballSpiking WalkingWithDog WallPushups WritingOnBoard YoYo"
    ),
)  # fmt: skip
HMDB51 = Dataset(
    "hmdb51", "HMDB51", Source(f"{_HMDB}/hmdb51_org.rar", "HMDB51"),
    Source(f"{_HMDB}/test_train_splits.rar", "testTrainMulti_7030_splits"), "*_test_split1.txt",
    num_videos=6_766,
    remedy="The site of HMDB51 is reported to be gone since 2025: get hmdb51_org.rar and test_train_splits.rar from a "
    "copy, put them into one folder, and pass the first one as --archive FILE",
    classes=_names(
        "brush_hair cartwheel catch chew clap climb climb_stairs dive draw_sword dribble drink eat fall_floor fencing "
        "flic_flac golf handstand hit hug jump kick kick_ball kiss laugh pick pour pullup punch push pushup ride_bike "
        "ride_horse run shake_hands shoot_ball shoot_bow shoot_gun sit situp smile smoke somersault stand "
        "swing_baseball sword sword_exercise talk throw turn walk wave"
    ),
)  # fmt: skip
DATASETS = {dataset.name: dataset for dataset in (UCF50, UCF101, HMDB51)}


def file_name(url: str) -> str:
    """The last part of an address's path."""
    return posixpath.basename(unquote(urlsplit(url).path))


def called(name: str) -> Dataset | None:
    """The dataset whose archive has this file name, ignoring case."""
    return next((d for d in DATASETS.values() if d.videos.file_name.lower() == name.lower()), None)


def other(url: str, name: str) -> Dataset:
    """A dataset of which only the address and the name of its archive are known."""
    stem = name
    while (head := posixpath.splitext(stem)) and head[1].lower() in (
        *(".rar", ".zip", ".tar", ".gz", ".tgz", ".xz", ".txz", ".bz2", ".tbz2"),
    ):
        stem = head[0]
    return Dataset(OTHER, stem, Source(url, stem))
