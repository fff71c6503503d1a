"""What happens after an assignment: the host takes the shards over, then all inputs are sought, then work begins.

Faust's own recovery is not used. It reads changelogs through the worker's consumer, one event at a time, swallows
what goes wrong in between, and waits out pauses for the markers of transactions (docs/adr/0001).
"""

from __future__ import annotations

from aiokafka.errors import IllegalStateError
from faust.tables.manager import TableManager
from faust.tables.recovery import RebalanceAgain, Recovery, ServiceStopped
from mode import Service

from streams.batching.hosted import HostedApp


class ShardRecovery(Recovery):
    """Hands an assignment to the host, and lets Faust go on when its tables are restored."""

    app: HostedApp

    @Service.task
    async def _restart_recovery(self) -> None:
        while not self.should_stop:
            if await self.wait_for_stopped(self.signal_recovery_start.wait()):
                return
            self.signal_recovery_start.clear()
            generation = self._generation_id
            try:
                self._set_recovery_started()
                await self._wait(self.app.host.restore(self.app.consumer.assignment(), generation))
                await self._wait(self.on_recovery_completed(generation))
            except (RebalanceAgain, IllegalStateError):
                continue  # another assignment has come: its signal is set
            except ServiceStopped:
                return
            except Exception as error:  # noqa: BLE001 -- whatever it is, the tables are not what the changelogs say
                self.app.host.fail("the shards of a new assignment could not be restored", error)

    @Service.task
    async def _slurp_changelogs(self) -> None:
        """Read nothing: the worker's consumer never fetches a changelog."""


class BatchTableManager(TableManager):
    """Faust's registry of tables, with our recovery."""

    @property
    def recovery(self) -> Recovery:
        """The recovery service of this app."""
        if self._recovery is None:
            self._recovery = ShardRecovery(self.app, self, beacon=self.beacon, loop=self.loop)
        return self._recovery
