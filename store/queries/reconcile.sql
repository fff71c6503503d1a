-- name: executions
select flow_id, status, count(*) as number from automation_executions group by flow_id, status order by flow_id, status;

-- name: steps
select count(*) from automation_execution_steps;

-- name: command_ids
select command_id from automation_execution_steps, unnest(command_ids) as command_id;

-- name: decisions
select decision, reason, count(*) as number from automation_decisions group by decision, reason order by decision, reason;

-- name: answers
select count(*) from automation_command_results;

-- name: missing_executions
-- Executions that are not there, or whose row is older than a record of the feed.
select wanted.id from unnest($1::text[], $2::integer[]) as wanted(id, seq)
where not exists (select from automation_executions as known where known.id = wanted.id and known.seq >= wanted.seq);

-- name: missing_steps
select wanted.execution_id, wanted.node_id, wanted.visit
from unnest($1::text[], $2::text[], $3::integer[]) as wanted(execution_id, node_id, visit)
where not exists (
    select from automation_execution_steps as known
    where known.execution_id = wanted.execution_id and known.node_id = wanted.node_id and known.visit = wanted.visit
);

-- name: missing_decisions
select wanted.partition, wanted.place
from unnest($2::integer[], $3::bigint[]) as wanted(partition, place)
where not exists (
    select from automation_decisions as known
    where known.feed_topic = $1 and known.feed_partition = wanted.partition and known.feed_offset = wanted.place
);

-- name: positions
select topic, partition, next_offset from automation_audit_positions order by topic, partition;

-- What became of the matches of each flow. A match has the id of the execution that it starts, or would have started.
-- Decisions within an execution name a node and are no matches; neither is an event that comes again.
-- name: matches
with decided as (
    select
        flow_id, execution_id as id,
        bool_or(decision = 'suppressed' and reason <> 'duplicate_event') as is_suppressed,
        bool_or(reason = 'duplicate_event') as is_repeated
    from automation_decisions
    where flow_id is not null and execution_id is not null and decision in ('suppressed', 'held')
        and extra->>'nodeId' is null
    group by flow_id, execution_id
), started as (
    select flow_id, id, status, end_reason, waiting <> '[]' as waits from automation_executions
)
select
    flow_id,
    count(*) as matched,
    count(status) as started,
    count(*) filter (where is_suppressed or (is_repeated and status is null)) as suppressed,
    count(*) filter (where status is null and not is_suppressed and not is_repeated) as held,
    count(*) filter (where waits and end_reason is null) as waiting,
    count(*) filter (where end_reason is not null) as ended,
    count(*) filter (where status in ('running', 'paused') and not waits) as running
from started full join decided using (flow_id, id)
group by flow_id order by flow_id;

-- What does not say why it stands as it does. A message that is left out is told twice: by its step and as a decision.
-- name: unexplained
select 'execution' as what, id as which from automation_executions
    where (end_reason is null) <> (status in ('running', 'paused')) or (end_reason is null) <> (finished_at is null)
union all
select 'wait', id from automation_executions, jsonb_array_elements(waiting) as wait
    where end_reason is not null or wait->>'for' is null
        or (wait->>'until' is null and wait->>'for' <> 'child')
union all
select 'step', execution_id || ' ' || node_id from automation_execution_steps
    where (status = 'skipped' and reason is null) or (status = 'failed' and error->>'code' is null)
union all
select 'message', step.execution_id || ' ' || step.node_id
from automation_execution_steps as step full join (
    select execution_id, extra->>'nodeId' as node_id, (extra->>'visit')::integer as visit, reason
    from automation_decisions
    where decision = 'suppressed' and reason in ('capped', 'quiet_hours', 'expired') and extra ? 'nodeId'
) as decided using (execution_id, node_id, visit)
where (step.status is null or (step.status = 'skipped' and step.output->>'sent' = 'false') or decided.reason is not null)
    and step.reason is distinct from decided.reason
order by what, which;
