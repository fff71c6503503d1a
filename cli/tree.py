"""All commands as one table (contract.md section 7): where each lives, and what a list says of it."""

from __future__ import annotations

from collections.abc import Mapping

from cli.lazy import Command, Entry, Group, Later

FLOWS: Mapping[str, Entry] = {
    "list": Command("cli.flows.list", "List the flows with status and version."),
    "show": Command("cli.flows.show", "Show one flow with its nodes and edges."),
    "validate": Command("cli.flows.validate", "Check flow files; needs no service."),
    "apply": Command("cli.flows.apply", "Create or update flows from files, and publish them."),
    "export": Command("cli.flows.export", "Write a flow as a flow file."),
    "diff": Command("cli.flows.diff", "Show what a publish would change, or two versions differ in."),
    "publish": Command("cli.flows.publish", "Freeze the draft of a flow as its next version."),
    "pause": Command("cli.flows.pause", "Hold what a flow matches, and what runs of it."),
    "resume": Command("cli.flows.resume", "End a pause, and take what it held from the log again."),
    "archive": Command("cli.flows.archive", "End a flow and what runs of it."),
}

EXECUTIONS: Mapping[str, Entry] = {
    "list": Command("cli.executions.list", "List executions, newest first."),
    "show": Command("cli.executions.show", "Tell the story of one execution, step by step."),
    "explain": Later(),
    "pause": Command("cli.executions.pause", "Hold one execution before its next node."),
    "resume": Command("cli.executions.resume", "Run what a pause of one execution held."),
    "cancel": Command("cli.executions.cancel", "End one execution at once."),
    "retry": Command("cli.executions.retry", "Go on from the failed nodes of one execution."),
}

DECISIONS: Mapping[str, Entry] = {
    "list": Command("cli.decisions.list", "List what was held back, and why, newest first."),
}

DEAD_LETTERS: Mapping[str, Entry] = {
    "list": Command("cli.dead_letters.list", "List records that could not be read."),
    "show": Command("cli.dead_letters.show", "Show one such record with its bytes and headers."),
    "redrive": Command("cli.dead_letters.redrive", "Put records back on the topic they came from."),
}

LIMITS: Mapping[str, Entry] = {
    "show": Command("cli.limits.show", "Show what one execution may do."),
    "set": Command("cli.limits.set", "Set what one execution may do."),
}

COMMANDS: Mapping[str, Entry] = {
    "up": Command("cli.up", "Run everything on this machine until Ctrl-C."),
    "worker": Command("cli.worker", "Run the engine: events in, commands out."),
    "audit": Command("cli.audit", "Run the writer of what happened into Postgres."),
    "api": Later(),
    "simulate": Command("cli.simulate", "Run stand-ins of the six TAP systems."),
    "topics": Group("Kafka topics.", {"create": Command("cli.topics", "Create the topics that are missing.")}),
    "db": Group("The Postgres database.", {"migrate": Command("cli.db", "Bring the tables up to date.")}),
    "flows": Group("Flows: check, store, publish, archive.", FLOWS),
    "emit": Command("cli.emit", "Put events on the topics of their types."),
    "trigger": Command("cli.trigger", "Start a published flow by hand."),
    "replay": Later(),
    "archive": Later(),
    "executions": Group("Executions: what ran, and how it went.", EXECUTIONS),
    "decisions": Group("Decisions: what was held back, and why.", DECISIONS),
    "dead-letters": Group("Records that could not be read.", DEAD_LETTERS),
    "limits": Group("How much one execution may do.", LIMITS),
    "keys": Later(),
    "doctor": Command("cli.doctor", "Check Kafka, Postgres, who is at work, and settings."),
}
