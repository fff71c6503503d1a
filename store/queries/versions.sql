-- name: definition
select definition from automation_flow_versions where flow_id = $1 and version = $2;

-- name: insert
insert into automation_flow_versions (flow_id, version, policy, effective_from_ms, definition, published_by)
values ($1, $2, $3, $4, $5::text::json, $6);

-- name: heads
select version, policy, effective_from_ms from automation_flow_versions
where flow_id = $1 and retired_at is null
order by version;

-- name: superseded
-- Versions that stand although a newer one was put into force before a moment, and when that was.
select flow_id, version, superseded_at_ms
from (
    select
        flow_id, version, retired_at,
        lead(effective_from_ms) over (partition by flow_id order by version) as superseded_at_ms
    from automation_flow_versions
) as followed
where retired_at is null and superseded_at_ms < $1
order by superseded_at_ms, flow_id, version;

-- name: is_running
-- What still runs on older versions moves to one that was published to have them migrate.
select exists (
    select from automation_executions
    where flow_id = $1 and status in ('running', 'paused') and (
        flow_version = $2
        or flow_version < $2 and (
            select policy from automation_flow_versions where flow_id = $1 and version = $2
        ) = 'migrate'
    )
);

-- name: can_be_retried
-- What failed on a version goes on with it, or from it, where somebody retries it.
select exists (
    select from automation_executions
    where flow_id = $1 and flow_version = $2 and status in ('failed', 'partial') and end_reason = 'completed'
      and finished_at > $3
);

-- name: has_started
select exists (
    select from automation_executions where flow_id = $1 and flow_version = $2 and started_at > $3
);

-- name: standing_at
-- How many executions wait at each node, as far as the audit has written.
select wait ->> 'nodeId' as node_id, count(distinct id) as waiting
from automation_executions, jsonb_array_elements(waiting) as wait
where flow_id = $1 and status in ('running', 'paused')
group by 1 order by 1;

-- name: running
-- How many executions run on each version, as far as the audit has written.
select flow_version as version, count(*) as running from automation_executions
where flow_id = $1 and status in ('running', 'paused')
group by flow_version order by flow_version;

-- name: retire
update automation_flow_versions set retired_at = now()
where flow_id = $1 and version = $2 and retired_at is null
returning version;

-- name: all_standing
select flow_id, version, definition from automation_flow_versions
where retired_at is null order by flow_id, version;

-- name: published_flows
select * from automation_flows where latest_version > 0 order by id;

-- name: standing
select definition from automation_flow_versions where flow_id = $1 and version = $2 and retired_at is null;

-- name: keep
-- Held by whoever publishes a flow that needs a version of another: that version must not be retired meanwhile.
select pg_advisory_xact_lock_shared(hashtextextended('automation_sub_flows', 0));

-- name: let_go
select pg_advisory_xact_lock(hashtextextended('automation_sub_flows', 0));

-- name: is_needed
-- Whether a version that stands names this one as the version of a sub-flow.
select exists (
    select from automation_flow_versions as caller, json_array_elements(caller.definition -> 'nodes') as node
    where caller.retired_at is null
      and node -> 'config' ->> 'flowId' = $1 and node -> 'config' ->> 'version' = $2::int::text
);
