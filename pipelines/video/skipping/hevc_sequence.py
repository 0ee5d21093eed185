"""Picture order counts of HEVC, and the pictures that decoders keep as references."""

from bisect import bisect_left
from collections.abc import Callable, Collection

from pipelines.video.skipping.bits import NoPlan
from pipelines.video.skipping.hevc_headers import IDR, LEADING, SKIPPED_LEADING, STARTS


class Sequence:
    """The pictures of a video in decoding order.

    Attributes:
        orders: for each picture, the position of its IDR picture (-1 where there is none), and its order count.
        is_start: for each picture, whether decoding may begin with it.
    """

    def __init__(self) -> None:
        self.orders: list[tuple[int, int]] = []
        self.is_start: list[bool] = []
        self._kinds: list[int] = []
        self._idr = -1
        self._starts: list[int] = []  # positions of the pictures with which decoding may begin
        self._setters: list[int] = []  # positions of the pictures to which the order counts of later ones are relative
        self._half = 0

    def add(self, kind: int, temporal_layer: int, low_order: int, order_bits: int) -> None:
        """Adds the next picture, whose header holds only the low bits of its order count (8.3.1).

        Raises:
            NoPlan: it isn't one of the ordinary cases.
        """
        position = len(self.orders)
        order = 0
        if kind in IDR:
            self._idr = position
        else:  # the count is the nearest to that of the last setter
            self._half = 1 << (order_bits - 1)
            lowest = (self.orders[self._setters[-1]][1] if self._setters else 0) - self._half + 1
            order = lowest + (low_order - lowest) % (2 * self._half)
        starts = kind in STARTS
        if starts:
            if position and kind < IDR.start:
                raise NoPlan("a broken link")
            self._starts.append(position)
        elif not self._starts:
            raise NoPlan("the first picture isn't one with which decoding can begin")
        elif kind in SKIPPED_LEADING and self._starts[-1] in (0, self._idr):
            raise NoPlan("a picture that isn't shown")
        # Types of pictures to which none of the same temporal layer refers are even, and below those of starts.
        if temporal_layer == 0 and kind not in LEADING and (starts or kind % 2):
            self._setters.append(position)
        self.orders.append((self._idr, order))
        self.is_start.append(starts)
        self._kinds.append(kind)

    def needs(
        self, deltas_of: Callable[[int], tuple[int, ...]], wanted: Collection[int] | None
    ) -> list[tuple[int, ...]]:
        """The positions of those pictures that each picture needs.

        Args:
            deltas_of: gives the reference picture set of the picture at a position: differences of order counts.
            wanted: positions of the only pictures that will be asked for; what the others need may be left empty. None
                for all.

        Raises:
            NoPlan: a picture is missing, or the order of pictures can't be told when others are left out.
        """
        needs: list[tuple[int, ...]] = [()] * len(self.orders)
        bounds = [*self._starts, len(self.orders)]
        groups = range(len(self._starts)) if wanted is None else self._groups(wanted)
        before = -1
        references = _References(self.orders, self._setters, self._half)
        for group in groups:
            start = bounds[group]
            follows = group and group == before + 1
            if not follows:
                references.clear()
            for position in range(start, bounds[group + 1]):
                skipped = self._kinds[position] in SKIPPED_LEADING
                if skipped and not follows:
                    continue  # it refers to the group before, and isn't asked for
                if position == start:
                    deltas = () if self._kinds[start] in IDR else deltas_of(start)
                    references.begin(start, deltas)
                else:
                    needs[position] = references.follow(position, deltas_of(position), skipped)
            before = group
        return needs

    def _groups(self, wanted: Collection[int]) -> list[int]:
        """The groups to which these pictures belong, and those to which they may refer."""
        groups = set()
        for position in wanted:
            group = bisect_left(self._starts, position + 1) - 1
            groups.add(group)
            if self._kinds[position] in SKIPPED_LEADING:
                groups.add(group - 1)
        return sorted(groups)


class _References:
    """The pictures that a decoder keeps as references."""

    def __init__(self, orders: list[tuple[int, int]], setters: list[int], half: int) -> None:
        self._orders, self._setters, self._half = orders, setters, half
        self._start = 0
        self._kept: dict[int, int] = {}  # positions by order counts
        self._anchors: dict[int, int] = {}  # for each picture, the last setter that is decoded whenever the picture is

    def clear(self) -> None:
        """Forgets all pictures."""
        self._kept = {}

    def begin(self, position: int, deltas: tuple[int, ...]) -> None:
        """Goes on to a picture with which decoding may begin. Of its references, those that are missing are ignored."""
        idr, order = self._orders[position]
        wanted = (order + delta for delta in deltas)
        self._kept = {} if position == idr else {count: self._kept[count] for count in wanted if count in self._kept}
        self._kept[order] = self._start = self._anchors[position] = position

    def follow(self, position: int, deltas: tuple[int, ...], skipped: bool) -> tuple[int, ...]:
        """Goes on to any other picture, and returns what it needs."""
        order = self._orders[position][1]
        try:
            self._kept = {order + delta: self._kept[order + delta] for delta in deltas}
        except KeyError:
            raise NoPlan("a picture that refers to a missing one") from None
        needs = {self._start, *self._kept.values()}
        if skipped and min(needs) == self._start:
            # Decoders skip it where they began with its start: then they must begin before.
            needs.add(self._setters[bisect_left(self._setters, self._start) - 1])
        anchors = [self._anchors[need] for need in needs]
        if min(needs) < self._start:  # then decoding doesn't begin with the start
            before = max(self._anchors[need] for need in needs if need < self._start)
            self._check(self._orders[self._start][1], before, self._start)
        anchor = max(anchors)
        self._check(order, anchor, position)
        place = bisect_left(self._setters, position)
        is_setter = place < len(self._setters) and self._setters[place] == position
        self._anchors[position] = position if is_setter else anchor
        self._kept[order] = position
        return tuple(sorted(needs))

    def _check(self, order: int, anchor: int, position: int) -> None:
        """Raises `NoPlan` if the order of a picture isn't found relative to every setter from the anchor on."""
        begin, end = bisect_left(self._setters, anchor), bisect_left(self._setters, position)
        for setter in self._setters[begin:end]:
            if not -self._half < order - self._orders[setter][1] <= self._half:
                raise NoPlan("order counts that can't be told when pictures are left out")
