-- What people define: flows with their draft, the versions published of them, limits; and the way out to mal.flows.
-- Ids compare byte by byte (collate "C"): they are looked up, never read in order by people.

create table automation_flows (
    id             text collate "C" primary key,
    user_id        text,
    workspace_id   text,
    name           text not null,
    description    text,
    is_active      boolean not null default false,
    trigger_type   text not null check (trigger_type in ('event', 'schedule', 'manual')),
    status         text not null default 'draft' check (status in ('draft', 'published', 'paused', 'archived')),
    -- Every change of the draft counts up, for optimistic locking; no number of a version.
    revision       integer not null default 1,
    latest_version integer not null default 0,
    -- json, not jsonb, for what people write: it keeps the order of their keys.
    settings       json not null default '{}',
    -- [{"status", "atMs"}], as the head on mal.flows has it.
    statuses       json not null default '[]',
    created_at     timestamptz not null default now(),
    updated_at     timestamptz not null default now(),
    -- A deleted flow is hidden, not gone: its history refers to it.
    deleted_at     timestamptz
);
create index automation_flows_user on automation_flows using hash (user_id);
create index automation_flows_workspace on automation_flows using hash (workspace_id);

create table automation_nodes (
    flow_id  text collate "C" not null references automation_flows (id),
    id       text collate "C" not null,
    ordinal  integer not null,
    ref      text,
    type     text not null check (type in ('trigger', 'condition', 'action')),
    subtype  text not null,
    config   json not null default '{}',
    options  json not null default '{}',
    position json not null default '{"x": 0, "y": 0}',
    primary key (flow_id, id)
);
create index automation_nodes_id on automation_nodes (id);

create table automation_edges (
    flow_id         text collate "C" not null references automation_flows (id),
    id              text collate "C" not null,
    -- The order of a flow's edges is part of its meaning.
    ordinal         integer not null,
    source_node_id  text collate "C" not null,
    target_node_id  text collate "C" not null,
    condition_label text,
    primary key (flow_id, id)
);
create index automation_edges_id on automation_edges (id);

create table automation_flow_versions (
    flow_id           text collate "C" not null references automation_flows (id),
    version           integer not null check (version >= 1),
    policy            text not null check (policy in ('pin', 'migrate', 'exit')),
    effective_from_ms bigint not null,
    -- The record flowId/version of mal.flows, whole.
    definition        json not null,
    published_by      text,
    published_at      timestamptz not null default now(),
    -- When its record on mal.flows was tombstoned; the row stays.
    retired_at        timestamptz,
    primary key (flow_id, version)
);

-- Written in the transaction of the change, sent to mal.flows in the order of id, deleted once Kafka has it.
create table automation_outbox (
    id         bigint generated always as identity primary key,
    key        text not null,
    value      text,
    created_at timestamptz not null default now()
);

create table automation_limits (
    kind                      text not null check (kind in ('workspace', 'user')),
    id                        text not null,
    max_actions_per_execution integer check (max_actions_per_execution between 1 and 10000),
    max_external_writes       integer check (max_external_writes between 1 and 10000),
    max_contact_actions       integer check (max_contact_actions between 1 and 10000),
    holdout                   json,
    messages                  json,
    updated_at                timestamptz not null default now(),
    primary key (kind, id)
);

-- Who changed what, append only.
create table automation_changes (
    number  bigint generated always as identity primary key,
    at      timestamptz not null default now(),
    actor   text,
    action  text not null,
    subject text not null,
    details json not null default '{}'
);
create index automation_changes_subject on automation_changes using hash (subject);
