"""The feed becomes rows, each record exactly once, however it is cut, repeated or spoiled."""

from __future__ import annotations

import asyncio
import random
from typing import Any

import asyncpg
import orjson
import pytest

from store import executions, reconcile
from store.audit.log_batch import LogBatch, LogRecord
from store.audit.writing import AuditWriter, PositionGapError
from store.pool import IDLE_IN_TRANSACTION_SECONDS, Pool, create_pool
from store.statements import statement
from tests.store.records import TOPIC, answer, batch, decision, execution, log, step

TABLES = ("automation_executions", "automation_execution_steps", "automation_decisions", "automation_command_results")


async def rows(pool: Pool, *, without: tuple[str, ...] = ()) -> dict[str, list[str]]:
    """Return every row of the audit as text, in an order that is none of its own."""
    found: dict[str, list[str]] = {}
    for table in TABLES:
        read = await pool.fetch(f"select to_jsonb(each) - $1::text[] as row from {table} as each", list(without))
        found[table] = sorted(str(row["row"]) for row in read)
    return found


async def clear(pool: Pool) -> None:
    await pool.execute(f"truncate {', '.join(TABLES)}, automation_audit_positions")


async def position(pool: Pool, topic: str = TOPIC) -> int | None:
    return (await reconcile.audit_positions(pool)).get((topic, 0))


async def test_a_record_becomes_an_execution_with_its_steps(pool: Pool) -> None:
    told = execution(steps=[step("n-1", commandIds=["c-1"]), step("n-2", status="skipped", reason="limit")])
    written = await AuditWriter(pool).write_feed(batch(log([told], first=41)))
    assert (written.records, written.foreign, written.next_offset) == (1, {}, 42)
    assert await position(pool) == 42
    shown = await executions.show(pool, "x-1")
    assert shown == {
        **told, "steps": [{**told["steps"][0], "answers": []}, {**told["steps"][1], "answers": []}],
    }  # fmt: skip


async def test_later_records_of_an_execution_fold_over_earlier_ones_in_one_batch_and_over_several(pool: Pool) -> None:
    story = [
        execution(seq=1, status="running", steps=[step("n-1"), step("n-2", status="running")]),
        execution(seq=2, status="running", steps=[step("n-2", port="woken"), step("n-3", status="running")]),
        execution(seq=3, status="partial", steps=[step("n-3", status="failed"), step("n-0")]),
    ]
    writer = AuditWriter(pool)
    await writer.write_feed(batch(log(story)))
    at_once = await executions.show(pool, "x-1")
    assert at_once is not None
    assert [(each["nodeId"], each["status"]) for each in at_once["steps"]] == [
        ("n-1", "succeeded"), ("n-2", "succeeded"), ("n-3", "failed"), ("n-0", "succeeded"),
    ]  # fmt: skip
    assert (at_once["seq"], at_once["status"]) == (3, "partial")
    assert await pool.fetchval("select count(*) from automation_executions") == 1
    await clear(pool)
    for record in log(story):
        await writer.write_feed(batch([record]))
    assert await executions.show(pool, "x-1") == at_once


def _history(chance: random.Random) -> list[LogRecord]:
    """Tell of some executions side by side, decisions and spoiled records among them."""
    seqs = [0] * 6
    told: list[Any] = []
    for _ in range(40):
        what = chance.randrange(10)
        if what == 0:
            told.append(decision(f"e-{len(told)}"))
        elif what == 1:
            told.append(chance.choice([b"{", b"null", b"[]", b'{"executionId": 1}', None]))
        else:
            which = chance.randrange(len(seqs))
            seqs[which] += 1
            steps = [step(f"n-{chance.randrange(4)}", visit=chance.randrange(1, 3), output={"at": len(told)})]
            month = chance.choice((10, 11)) if seqs[which] == 0 else 10 + which % 2
            told.append(
                execution(
                    f"x-{which}", seq=seqs[which], status=chance.choice(("running", "succeeded")), steps=steps,
                    startedAt=f"2026-{month}-30T10:30:00Z",
                )
            )  # fmt: skip
    # Offsets of transaction markers and aborted records lie between.
    offsets = sorted(chance.sample(range(200), len(told)))
    return [record._replace(offset=offset) for record, offset in zip(log(told), offsets, strict=True)]


def _cuts(records: list[LogRecord], chance: random.Random) -> list[LogBatch]:
    """Cut a history into batches; some are repeated, some begin again before the last one ended."""
    batches, start = [], 0
    end = records[-1].offset + 3
    while start < end:
        until = min(end, start + chance.randrange(1, 60))
        since = max(0, start - chance.choice((0, 0, 25)))
        inside = [record for record in records if since <= record.offset < until]
        batches += [LogBatch(TOPIC, 0, since, until, inside)] * chance.choice((1, 1, 2))
        start = until
    return batches


@pytest.mark.parametrize("seed", range(12))
async def test_any_cut_into_batches_and_any_repeat_gives_the_same_rows(pool: Pool, seed: int) -> None:
    chance = random.Random(seed)
    records = _history(chance)
    writer = AuditWriter(pool)
    whole = LogBatch(TOPIC, 0, 0, records[-1].offset + 3, records)
    written = await writer.write_feed(whole)
    expected = await rows(pool)
    assert written.records + len(written.foreign) == len(records)
    await clear(pool)
    parts = [await writer.write_feed(part) for part in _cuts(records, chance)]
    assert await rows(pool) == expected
    assert await position(pool) == whole.next_offset
    assert sum(part.records for part in parts) == written.records
    assert {offset for part in parts for offset in part.foreign} == written.foreign.keys()


async def test_the_feed_read_again_from_its_start_over_what_is_there_changes_nothing(pool: Pool) -> None:
    records = _history(random.Random(99))
    writer = AuditWriter(pool)
    whole = batch(records, since=0)
    await writer.write_feed(whole)
    before = await rows(pool)
    await pool.execute("delete from automation_audit_positions")
    for part in _cuts(records, random.Random(7)):
        await writer.write_feed(part)
    assert await rows(pool) == before


async def test_two_writers_at_one_partition_write_each_record_once(pool: Pool) -> None:
    records = _history(random.Random(3))
    writers = [AuditWriter(pool), AuditWriter(pool)]
    cuts = [_cuts(records, random.Random(seed)) for seed in (1, 2)]

    async def write(writer: AuditWriter, parts: list[LogBatch]) -> int:
        done = 0
        for part in parts:
            try:
                done += (await writer.write_feed(part)).records
            except PositionGapError:  # the other is behind: read on from the position, as the audit does
                at = await position(pool) or 0
                rest = [record for record in records if at <= record.offset < part.next_offset]
                done += (await writer.write_feed(LogBatch(TOPIC, 0, at, part.next_offset, rest))).records
        return done

    done = await asyncio.gather(*(write(writer, parts) for writer, parts in zip(writers, cuts, strict=True)))
    raced = await rows(pool)
    await clear(pool)
    once = await AuditWriter(pool).write_feed(batch(records, since=0))
    assert await rows(pool) == raced
    assert sum(done) == once.records


async def test_a_batch_behind_the_position_is_refused_and_writes_nothing(pool: Pool) -> None:
    writer = AuditWriter(pool)
    await writer.write_feed(batch(log([execution("x-1")])))
    with pytest.raises(PositionGapError, match=r"mal\.executions:0 is written up to 1, the batch begins at 5; read on"):
        await writer.write_feed(batch(log([execution("x-2")], first=5)))
    assert await position(pool) == 1
    assert await executions.show(pool, "x-2") is None


async def test_offsets_without_records_move_the_position(pool: Pool) -> None:
    writer = AuditWriter(pool)
    await writer.write_feed(batch(log([execution()])))
    await writer.write_feed(LogBatch(TOPIC, 0, 1, 4, ()))
    assert await position(pool) == 4


async def test_a_nul_character_is_replaced_visibly_and_an_escaped_one_is_kept(pool: Pool) -> None:
    told = execution(
        steps=[step(output={"text": "a\0\0b", "key\0": 1, "path": "C:\\u0000", "both": "\\\\\0"})],
        subject={"type": "contact", "id": "c\0"},
    )
    written = await AuditWriter(pool).write_feed(batch(log([told])))
    assert written.foreign == {}
    shown = await executions.show(pool, "x-1")
    assert shown is not None
    assert shown["subject"]["id"] == "c�"
    assert shown["steps"][0]["output"] == {"text": "a��b", "key�": 1, "path": "C:\\u0000", "both": "\\\\�"}


@pytest.mark.parametrize(
    ("record", "why"),
    [
        (None, "it has no value"),
        (b"\xff", "it is no JSON"),
        (b'"text"', "it is no object"),
        ({"decision": "suppressed"}, "at is null"),
        ({**execution(), "seq": "1"}, "seq is a text of 1 characters, not a whole number"),
        (execution(seq=True), "seq is true"),
        (execution(seq=2**31), "seq is a number, not a whole number from 0 to 2,147,483,647"),
        (execution("x" * 201), "executionId is"),
        (execution(startedAt="2026-11-01"), "startedAt is a text of 10 characters, not a time"),
        (execution(startedAt=7), "startedAt is a number, not a time"),
        (execution(subject=None), "an execution has a subject"),
        (execution(subject="contact_1"), "subject is a text of 9 characters, not an object"),
        (execution(trigger=None), "an execution has a subject and a trigger"),
        ({**execution(), "steps": {"n-1": 1}}, "steps is"),
        (execution(steps=["n-1"]), "a step is a text of 3 characters"),
        (execution(steps=[step(commandIds="c-1")]), "commandIds is a text of 3 characters"),
        ({**execution(), "status": None}, "status is null, not text"),
    ],
)
async def test_what_is_not_ours_is_named_and_skipped_and_the_rest_goes_on(pool: Pool, record: Any, why: str) -> None:
    written = await AuditWriter(pool).write_feed(batch(log([execution("x-1"), record, execution("x-2")])))
    assert list(written.foreign) == [1]
    assert why in written.foreign[1]
    assert written.records == 2
    assert await position(pool) == 3
    assert {each["executionId"] for each in await executions.list_executions(pool)} == {"x-1", "x-2"}


async def test_a_record_that_postgres_refuses_stops_nothing(pool: Pool) -> None:
    # Nothing of ours can be so; what Postgres refuses in a release to come must not stop the audit either.
    await pool.execute("alter table automation_executions add check (origin <> 'unheard of')")
    told = [execution(f"x-{number}") for number in range(9)]
    told[4]["origin"] = "unheard of"
    written = await AuditWriter(pool).write_feed(batch(log(told)))
    assert written.records == 8
    assert list(written.foreign) == [4]
    assert written.foreign[4] == "it cannot be stored: CheckViolationError automation_executions_origin_check"
    assert await position(pool) == 9


async def test_values_without_measure_are_stored_whole(pool: Pool) -> None:
    long = "x" * 3_000_000
    told = execution(
        steps=[step("n" * 200, output={"text": long}, input={"number": 1e300})],
        subject={"type": "contact", "id": "s" * 5_000},
        trigger={"eventId": "e" * 5_000, "type": "email_open", "source": "email_engine", "timestamp": None},
    )
    held_back = decision("e" * 5_000, subject={"type": "contact", "id": "s" * 5_000}, executionId="x" * 5_000)
    written = await AuditWriter(pool).write_feed(batch(log([told, held_back])))
    assert written.foreign == {}
    shown = await executions.show(pool, "x-1")
    assert shown is not None
    assert shown["steps"][0]["output"] == {"text": long}


async def test_deeper_nesting_than_anything_of_ours_is_not_ours(pool: Pool) -> None:
    deep = orjson.dumps(execution())[:-1] + b',"more":' + b"[" * 600 + b"]" * 600 + b"}"
    written = await AuditWriter(pool).write_feed(batch(log([deep, execution("x-2")])))
    assert list(written.foreign) == [0]
    assert written.records == 1


async def test_rows_stand_in_the_partition_of_their_month_and_wild_times_in_the_default_one(pool: Pool) -> None:
    told = [
        execution("x-1", startedAt="2026-10-31T23:59:59.999Z", steps=[step()]),
        execution("x-2", startedAt="2026-11-01T01:00:00+02:00"),
        execution("x-3", startedAt="2026-11-01T00:00:00Z"),
        execution("x-4", startedAt="9999-12-31T23:59:59Z"),
        execution("x-5", startedAt="0001-01-01T00:00:00Z"),
        decision(at="2026-12-01T00:00:00Z"),
    ]
    assert (await AuditWriter(pool).write_feed(batch(log(told)))).foreign == {}
    placed = await pool.fetch("select id, tableoid::regclass::text as place from automation_executions order by id")
    assert {row["id"]: row["place"].removeprefix("automation_executions_") for row in placed} == {
        "x-1": "y2026m10", "x-2": "y2026m10", "x-3": "y2026m11", "x-4": "default", "x-5": "default",
    }  # fmt: skip
    assert await pool.fetchval("select tableoid::regclass::text from automation_execution_steps") == (
        "automation_execution_steps_y2026m10"
    )
    assert await pool.fetchval("select tableoid::regclass::text from automation_decisions") == (
        "automation_decisions_y2026m12"
    )


async def test_fields_without_a_column_are_kept(pool: Pool) -> None:
    told = execution(steps=[step(note="seen late")], tracing={"id": 1})
    await AuditWriter(pool).write_feed(batch(log([told])))
    shown = await executions.show(pool, "x-1")
    assert shown is not None
    assert (shown["timeScale"], shown["tracing"], shown["steps"][0]["note"]) == (1.0, {"id": 1}, "seen late")


async def test_the_first_answer_of_an_attempt_counts_and_stands_with_its_step(pool: Pool) -> None:
    writer = AuditWriter(pool)
    topic = "tap.command-results"
    await writer.write_feed(batch(log([execution(steps=[step(commandIds=["c-1"])])])))
    first = [answer(attempt=1, status="failed", retryable=True, error="busy"), answer(attempt=2), answer(status="no")]
    again = [answer(attempt=2, status="late"), answer("c-2", finishedAt=None, retryable=None), b"{}"]
    await writer.write_answers(batch(log(first), topic=topic))
    written = await writer.write_answers(batch(log(again, first=3), topic=topic))
    assert list(written.foreign) == [5]
    assert await position(pool, topic) == 6
    shown = await executions.show(pool, "x-1")
    assert shown is not None
    assert shown["steps"][0]["answers"] == [first[0], first[1]]
    assert await reconcile.count_answers(pool) == 3


async def test_an_execution_that_was_held_back_is_shown_as_the_decision(pool: Pool) -> None:
    told = decision(executionId="x-9")
    await AuditWriter(pool).write_feed(batch(log([told, decision(subject=None, flowId=None)])))
    assert await executions.show(pool, "x-9") == told
    assert await executions.show(pool, "x-10") is None
    assert await reconcile.count_decisions(pool) == {("suppressed", "duplicate_event"): 2}


async def test_a_message_that_is_held_within_an_execution_is_a_decision_beside_it(pool: Pool) -> None:
    held = {**decision(executionId="x-1", reason="quiet_hours", decision="held"), "nodeId": "n-1", "visit": 1}
    del held["input"]  # a timer released it
    await AuditWriter(pool).write_feed(batch(log([execution("x-1"), held])))
    shown = await executions.show(pool, "x-1")
    assert shown is not None
    assert shown["executionId"] == "x-1"
    assert "steps" in shown
    assert await reconcile.count_decisions(pool) == {("held", "quiet_hours"): 1}


async def test_who_is_frozen_in_a_transaction_holds_a_partition_for_a_bounded_time(pool: Pool) -> None:
    async with pool.acquire() as frozen:
        await frozen.execute("begin")
        await frozen.fetchval(statement("audit.lock_position"), TOPIC, 0, 0)
        async with asyncio.timeout(2 * IDLE_IN_TRANSACTION_SECONDS):
            written = await AuditWriter(pool).write_feed(batch(log([execution()])))
        assert written.records == 1
        with pytest.raises((asyncpg.PostgresError, asyncpg.InterfaceError)):
            await frozen.execute("commit")
    assert await position(pool) == 1


async def test_a_transaction_has_an_end_where_one_is_asked_for(database: str) -> None:
    bounded = await create_pool(database, max_size=1, transaction_seconds=1)
    try:
        with pytest.raises(asyncpg.PostgresError, match="transaction timeout"):
            await bounded.execute("select pg_sleep(30)")
    finally:
        await bounded.close()
