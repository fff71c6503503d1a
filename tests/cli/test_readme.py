"""What the README has people try is what works."""

from __future__ import annotations

import re
from pathlib import Path

from cli.event_lines import read_lines
from tests.cli.conftest import run_mal
from tests.golden.test_examples import published
from tests.support.driver import FlowDriver

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_the_flow_in_ten_lines_is_valid_and_warns_of_what_the_text_says() -> None:
    [flow] = re.findall(r"```yaml\n(.*?)```", README, re.DOTALL)
    answer = run_mal("flows", "validate", "-", stdin=flow)
    assert answer.exit_code == 0, answer.output
    assert 'nothing follows its outcome "false"' in answer.stdout


def test_the_event_of_the_examples_starts_one_of_them() -> None:
    [event] = read_lines((ROOT / "examples/event.json").read_bytes())
    driver = FlowDriver(published(ROOT / "examples/playlist-success.yaml"))
    driver.send(event)
    assert [one["subject"]["id"] for one in driver.executions] == ["contact_789"]


def test_every_file_that_it_links_to_is_there() -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", README):
        assert (ROOT / target).exists(), target
