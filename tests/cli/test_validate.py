"""`mal flows validate`: every problem on stdout, no service, no driver, at once."""

from __future__ import annotations

import json
import resource
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from cli.main import app

ROOT = Path(__file__).parents[2]
EXAMPLES = sorted(str(path) for path in (ROOT / "examples").glob("*.yaml"))
WRONG = """
flow: {name: x, userId: u, colour: red}
nodes:
  - {ref: a, type: trigger, subtype: email_open, config: {campagnId: c}}
  - {ref: b, type: action, subtype: tag_contact}
edges: [{sourceNodeId: a, targetNodeId: c}]
"""


def test_the_examples_are_valid() -> None:
    answer = CliRunner().invoke(app, ["flows", "validate", *EXAMPLES, "--json"], prog_name="mal")
    assert answer.exit_code == 0
    reports = [json.loads(line) for line in answer.stdout.splitlines()]
    assert [(report["file"], report["isValid"], report["errors"]) for report in reports] == [
        (file, True, []) for file in EXAMPLES
    ]


@pytest.mark.parametrize("as_json", [True, False])
def test_every_problem_is_on_stdout_and_names_its_place(as_json: bool) -> None:
    arguments = ["flows", "validate", "-", *(["--json"] if as_json else [])]
    answer = CliRunner().invoke(app, arguments, input=WRONG, prog_name="mal")
    assert answer.exit_code == 1
    assert answer.stderr == ""
    for said in ("colour", "campagnId", "tag", "edges[0]"):
        assert said in answer.stdout
    if as_json:
        report = json.loads(answer.stdout)
        assert report.keys() == {"file", "isValid", "errors", "warnings"}
        assert report["errors"][0].keys() == {"path", "nodeId", "message"}


def test_a_file_that_cannot_be_read_is_reported_and_the_others_are_checked(tmp_path: Path) -> None:
    (tmp_path / "broken.yaml").write_text("flow: [")
    files = [str(tmp_path / "none.yaml"), str(tmp_path / "broken.yaml"), EXAMPLES[0]]
    answer = CliRunner().invoke(app, ["flows", "validate", *files, "--json"], prog_name="mal")
    assert answer.exit_code == 1
    reports = [json.loads(line) for line in answer.stdout.splitlines()]
    assert [report["isValid"] for report in reports] == [False, False, True]
    assert "cannot be read: No such file" in reports[0]["errors"][0]["message"]
    assert "is no YAML that can be read: line 1" in reports[1]["errors"][0]["message"]


def test_it_loads_no_driver_and_takes_less_than_a_second() -> None:
    code = (
        "import sys\n"
        "from cli.main import app\n"
        "try:\n"
        "    app(['flows', 'validate', *sys.argv[1:]], prog_name='mal')\n"
        "finally:\n"
        "    print(sorted(m for m in sys.modules if m in {'faust', 'aiokafka', 'asyncpg'}))\n"
    )
    # What it uses of the processor: the clock on the wall tells of others as well.
    began = _processor_seconds()
    done = subprocess.run([sys.executable, "-c", code, *EXAMPLES], capture_output=True, text=True, check=False)
    took = _processor_seconds() - began
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "[]"
    assert took < 1.0


def _processor_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
