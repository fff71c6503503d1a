-- What the engine did: a projection of mal.executions and tap.command-results, which can be built again from offset 0.
-- Ids that come from outside can be of any length, and a btree refuses more than 2,704 bytes: so hash indexes, or,
-- where many rows have the same, indexes of their beginnings (a hash index walks a longer chain of pages for each).

create table automation_executions (
    id           text collate "C" not null,
    seq          integer not null,
    flow_id      text collate "C" not null,
    flow_version integer not null,
    user_id      text,
    workspace_id text,
    subject_type text not null,
    subject_id   text not null,
    origin       text not null,
    status       text not null,
    end_reason   text,
    trigger      jsonb not null,
    input        jsonb,
    error        jsonb,
    waiting      jsonb not null,
    path         jsonb,
    progress     jsonb,
    -- Fields of the record that have no column.
    extra        jsonb,
    started_at   timestamptz not null,
    finished_at  timestamptz,
    primary key (id, started_at)
) partition by range (started_at);
create index automation_executions_flow on automation_executions (flow_id, started_at);
create index automation_executions_started on automation_executions (started_at);
create index automation_executions_subject on automation_executions (left(subject_id, 200), started_at);
create index automation_executions_open on automation_executions (flow_id, flow_version)
    where status in ('running', 'paused');
create table automation_executions_default partition of automation_executions default;

create table automation_execution_steps (
    execution_id         text collate "C" not null,
    node_id              text collate "C" not null,
    visit                integer not null,
    seq                  integer not null,
    -- Where the step first stood in the story: seq of that record * 10,000 + place in it.
    ordinal              bigint not null,
    try                  integer not null,
    type                 text not null,
    subtype              text not null,
    status               text not null,
    port                 text,
    reason               text,
    input                jsonb,
    output               jsonb,
    error                jsonb,
    command_ids          text[] not null,
    extra                jsonb,
    started_at           timestamptz,
    finished_at          timestamptz,
    -- The execution's start, which never changes: what the rows are partitioned by.
    execution_started_at timestamptz not null,
    primary key (execution_id, node_id, visit, execution_started_at)
) partition by range (execution_started_at);
create table automation_execution_steps_default partition of automation_execution_steps default;

create table automation_decisions (
    decision       text not null,
    reason         text not null,
    flow_id        text collate "C",
    execution_id   text collate "C",
    user_id        text,
    workspace_id   text,
    subject_type   text,
    subject_id     text,
    event_id       text,
    event_type     text,
    event_source   text,
    input          jsonb,
    extra          jsonb,
    at             timestamptz not null,
    -- Where it stands on the feed.
    feed_topic     text not null,
    feed_partition integer not null,
    feed_offset    bigint not null,
    primary key (feed_topic, feed_partition, feed_offset, at)
) partition by range (at);
create index automation_decisions_at on automation_decisions (at);
create index automation_decisions_event on automation_decisions using hash (event_id);
create index automation_decisions_execution on automation_decisions using hash (execution_id);
create index automation_decisions_subject on automation_decisions (left(subject_id, 200), at);
create table automation_decisions_default partition of automation_decisions default;

create table automation_command_results (
    command_id  text collate "C" not null,
    attempt     integer not null,
    status      text not null,
    retryable   boolean,
    error       jsonb,
    output      jsonb,
    extra       jsonb,
    finished_at timestamptz,
    recorded_at timestamptz not null,
    primary key (command_id, attempt)
);

-- The next record of each partition that is not written yet; moved in the transaction of the rows.
create table automation_audit_positions (
    topic       text not null,
    partition   integer not null,
    next_offset bigint not null,
    updated_at  timestamptz not null default now(),
    primary key (topic, partition)
);

-- Make the partition of a month where it is missing; false where the rows of that month stand in the default one.
-- Attached rather than created in place: readers and writers of other months are not locked out.
create function automation_ensure_month(parent text, month date) returns boolean language plpgsql as $$
declare
    child text := parent || to_char(month, '"_y"YYYY"m"MM');
begin
    perform pg_advisory_xact_lock(hashtextextended('automation_ensure_month', 0));
    if to_regclass(child) is not null then
        return true;
    end if;
    execute format('create table %I (like %I including defaults including constraints)', child, parent);
    execute format(
        'alter table %I attach partition %I for values from (%L) to (%L)',
        parent, child,
        month::timestamp at time zone 'UTC', (month + interval '1 month')::timestamp at time zone 'UTC'
    );
    return true;
exception
    when check_violation then
        return false;
end
$$;
