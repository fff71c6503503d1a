"""Where the inputs of an assignment are read on (docs/adr/0002)."""

from __future__ import annotations

from collections.abc import Mapping

from streams.batching.host import TP


def seek_targets(positions: Mapping[TP, int], committed: Mapping[TP, int | None]) -> dict[TP, int | None]:
    """Return the offset that each input is sought to; None for its beginning.

    Args:
        positions: the next offset of an input as the restored tables have it; absent where nothing was applied.
        committed: what the group has committed of every input, None where nothing. It goes further where the last
            inputs gave nothing to commit.
    """
    targets = {
        partition: max(positions.get(partition, -1), -1 if offset is None else offset)
        for partition, offset in committed.items()
    }
    return {partition: None if offset < 0 else offset for partition, offset in targets.items()}
