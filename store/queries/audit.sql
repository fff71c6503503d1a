-- name: positions
select partition, next_offset from automation_audit_positions where topic = $1 and partition = any($2::integer[]);

-- name: lock_position
-- Returns where the partition is, and holds its row until the transaction ends; $3 where it was never written to.
insert into automation_audit_positions as held (topic, partition, next_offset) values ($1, $2, $3)
on conflict (topic, partition) do update set updated_at = held.updated_at
returning next_offset;

-- name: move_position
update automation_audit_positions set next_offset = $3, updated_at = now() where topic = $1 and partition = $2;

-- name: start_position
insert into automation_audit_positions (topic, partition, next_offset) values ($1, $2, $3)
on conflict (topic, partition) do nothing;

-- name: replace_position
update automation_audit_positions set next_offset = $3, updated_at = now()
where topic = $1 and partition = $2 and next_offset = $4;

-- name: ensure_month
select automation_ensure_month($1, $2);

-- name: stage_executions
create temporary table if not exists stage_executions (like automation_executions) on commit delete rows;

-- name: merge_executions
insert into automation_executions as known select * from stage_executions
on conflict (id, started_at) do update set
    seq = excluded.seq,
    flow_version = excluded.flow_version,
    status = excluded.status,
    end_reason = excluded.end_reason,
    trigger = excluded.trigger,
    input = excluded.input,
    error = excluded.error,
    waiting = excluded.waiting,
    path = excluded.path,
    progress = excluded.progress,
    extra = excluded.extra,
    finished_at = excluded.finished_at
where known.seq < excluded.seq;

-- name: stage_execution_steps
create temporary table if not exists stage_execution_steps (like automation_execution_steps) on commit delete rows;

-- name: merge_execution_steps
-- ordinal stays: a step keeps the place where it first stood.
insert into automation_execution_steps as known select * from stage_execution_steps
on conflict (execution_id, node_id, visit, execution_started_at) do update set
    seq = excluded.seq,
    try = excluded.try,
    type = excluded.type,
    subtype = excluded.subtype,
    status = excluded.status,
    port = excluded.port,
    reason = excluded.reason,
    input = excluded.input,
    output = excluded.output,
    error = excluded.error,
    command_ids = excluded.command_ids,
    extra = excluded.extra,
    started_at = excluded.started_at,
    finished_at = excluded.finished_at
where known.seq < excluded.seq;

-- name: stage_decisions
create temporary table if not exists stage_decisions (like automation_decisions) on commit delete rows;

-- name: merge_decisions
insert into automation_decisions select * from stage_decisions on conflict do nothing;

-- name: stage_command_results
create temporary table if not exists stage_command_results (like automation_command_results) on commit delete rows;

-- name: merge_command_results
insert into automation_command_results select * from stage_command_results on conflict do nothing;
