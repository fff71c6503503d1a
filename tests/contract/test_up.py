"""`mal up` as the contract has it (section 7): its file, its claim on the data, and what a crash leaves."""

from __future__ import annotations

import json
import os
import signal
import stat
import time
from pathlib import Path

import psutil
import pytest

from tests.contract.flows import NOTE
from tests.contract.lab import Lab, Up, event, execution_id, flow_file, flow_id, until

pytestmark = [pytest.mark.services, pytest.mark.fault]

FLOW = flow_file("u-up", "up", {
    "start": ("email_open", {}), "wait": ("delay", {"delaySeconds": 6 * 3600}), "tag": ("tag_contact", {"tag": "t"}),
    **NOTE,
}, "start>note start>wait wait>tag")  # fmt: skip


def _parts(up: Up, command: str = "") -> list[psutil.Process]:
    """The processes of a `mal up`: those that keep files below its folder, or were started with it."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.environ().get("MAL_DATA_DIR") == str(up.folder) or str(up.folder) in " ".join(process.cmdline()):
                found.append(process)
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            continue
    return [one for one in found if one.pid != up.process.pid and (not command or one.cmdline()[-1] == command)]


def test_a_run_ends_crashes_and_goes_on(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    up = Up(folder)
    try:
        services = up.ready()
        assert services.keys() == {"kafka", "postgres", "api"}
        assert services["postgres"].startswith("postgresql://")
        assert services["api"] is None
        assert stat.S_IMODE(up.services.stat().st_mode) == 0o600
        second = up.mal("up", "--no-simulators")
        assert second.returncode == 1
        assert str(up.process.pid) in second.stderr
        assert up.services.exists()
        file = tmp_path / "flow.json"
        file.write_text(json.dumps(FLOW))
        up.rows("flows", "apply", str(file), "--publish")
        lab = Lab(up, services["kafka"], services["postgres"])

        # A worker is killed while an execution waits: its wait fires once, its partitions decide again within 20 s.
        flow = flow_id("u-up", "up")
        waiting, meanwhile, last = (event("email_open", "u-up", contactId=f"c-{number}") for number in range(3))
        lab.send(waiting)
        ids = [execution_id(flow, one, ("contact", one["payload"]["contactId"])) for one in (waiting, meanwhile, last)]
        lab.begun(ids[0])
        (worker,) = _parts(up, "worker")
        worker.send_signal(signal.SIGKILL)
        killed = time.monotonic()
        lab.send(meanwhile)
        lab.begun(ids[1], 20.0)
        lab.ended(ids[0], 20.0 - (time.monotonic() - killed) + 6)
        assert len(lab.commands(ids[0])) == 1
        assert "worker" in up.log.read_text()

        # mal up is killed: its parts end with it, and another goes on where it stopped.
        lab.send(last)
        lab.begun(ids[2])
        lab.close()
        os.kill(up.process.pid, signal.SIGKILL)
        up.process.wait()
        until(lambda: not _parts(up), 10.0, "the end of all parts")
        up = Up(folder)
        services = up.ready()
        lab = Lab(up, services["kafka"], services["postgres"])
        for execution in ids:
            assert lab.ended(execution)["status"] == "succeeded"
            assert len(lab.commands(execution)) == 1
        lab.send(waiting)
        assert lab.decision(waiting["id"])["reason"] == "duplicate_event"
        assert len(lab.story(ids[0])) == 2
        lab.close()
    finally:
        code = up.stop()
    assert code == 0
    assert not up.services.exists()
    assert not _parts(up)
