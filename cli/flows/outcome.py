"""How the commands that change flows answer: {id, name, version, changed} for each flow."""

from __future__ import annotations

from cli.output import field

COLUMNS = (field("id", "flow"), field("name"), field("version"), field("changed"))
ACTOR = "cli"
"""Who made a change, in the record of changes."""
