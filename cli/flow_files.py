"""Check a flow file: the one check that `mal flows validate` and `mal flows apply` share. Needs no service."""

from __future__ import annotations

from dataclasses import dataclass

from cli.documents import DocumentError, read_document
from cli.flows.report import Checked
from engine.files import FileCheck, FlowFile, read_flow_file
from engine.problems import problem, verdict


@dataclass(frozen=True, slots=True)
class CheckedFile:
    """What a file is worth: the report for its author, and the flow in it where nothing is wrong."""

    report: Checked
    flow_file: FlowFile | None


def check(file: str) -> CheckedFile:
    """Read and check a flow file, YAML or JSON; `-` is stdin. What is wrong, unreadable included, is in the report."""
    try:
        found = read_flow_file(read_document(file))
    except DocumentError as error:
        found = FileCheck(verdict([problem("", f"the file {error}")]))
    return CheckedFile({"file": file, **found.validation.wire()}, found.file)
