-- name: get
select * from automation_flows where id = $1 and deleted_at is null;

-- name: lock
select * from automation_flows where id = $1 and deleted_at is null for update;

-- name: lock_any
select * from automation_flows where id = $1 for update;

-- name: list_for_user
select * from automation_flows
where deleted_at is null and user_id = $1 and ($2::text is null or workspace_id = $2)
order by created_at, id;

-- name: list
select * from automation_flows
where deleted_at is null
  and ($1::text is null or user_id = $1)
  and ($2::text is null or workspace_id = $2)
  and ($3::text is null or status = $3)
order by created_at, id;

-- name: find_by_name
select id from automation_flows
where deleted_at is null and name = $1
  and workspace_id is not distinct from $3
  and (workspace_id is not null or user_id is not distinct from $2)
order by created_at, id;

-- name: find_anywhere
select * from automation_flows where deleted_at is null and (id = $1 or name = $1) order by id = $1 desc, created_at, id;

-- name: names
select id, name from automation_flows where id = any($1::text[]);

-- name: lock_apply
select pg_advisory_xact_lock(hashtextextended('automation_apply', 0));

-- name: insert
insert into automation_flows (id, user_id, workspace_id, name, description, trigger_type, settings)
values ($1, $2, $3, $4, $5, $6, $7::text::json)
on conflict (id) do nothing
returning *;

-- name: update
update automation_flows
set name = $2, description = $3, trigger_type = $4, settings = $5::text::json,
    revision = revision + 1, updated_at = now(), deleted_at = null
where id = $1
returning *;

-- name: touch
update automation_flows set revision = revision + 1, updated_at = now()
where id = $1 and deleted_at is null
returning id;

-- name: set_published
update automation_flows
set status = $2, is_active = $2 = 'published', latest_version = $3, statuses = $4::text::json, updated_at = now()
where id = $1
returning *;

-- name: delete
update automation_flows set deleted_at = now(), revision = revision + 1, updated_at = now() where id = $1;

-- name: nodes
select * from automation_nodes where flow_id = $1 order by ordinal, id;

-- name: edges
select * from automation_edges where flow_id = $1 order by ordinal, id;

-- name: save_node
insert into automation_nodes (flow_id, id, ordinal, ref, type, subtype, config, options, position)
select $1, $2, coalesce(max(ordinal) + 1, 0), $3, $4, $5, $6::text::json, $7::text::json, $8::text::json
from automation_nodes where flow_id = $1
on conflict (flow_id, id) do update
set ref = excluded.ref, type = excluded.type, subtype = excluded.subtype, config = excluded.config,
    options = excluded.options, position = excluded.position;

-- name: save_edge
insert into automation_edges (flow_id, id, ordinal, source_node_id, target_node_id, condition_label)
select $1, $2, coalesce(max(ordinal) + 1, 0), $3, $4, $5
from automation_edges where flow_id = $1
on conflict (flow_id, id) do update
set source_node_id = excluded.source_node_id, target_node_id = excluded.target_node_id,
    condition_label = excluded.condition_label;

-- name: insert_node
insert into automation_nodes (flow_id, id, ordinal, ref, type, subtype, config, options, position)
values ($1, $2, $3, $4, $5, $6, $7::text::json, $8::text::json, $9::text::json);

-- name: insert_edge
insert into automation_edges (flow_id, id, ordinal, source_node_id, target_node_id, condition_label)
values ($1, $2, $3, $4, $5, $6);

-- name: clear_nodes
delete from automation_nodes where flow_id = $1;

-- name: clear_edges
delete from automation_edges where flow_id = $1;

-- name: flows_of_node
select flow_id from automation_nodes where id = $1;

-- name: flows_of_edge
select flow_id from automation_edges where id = $1;

-- name: delete_node
delete from automation_nodes where flow_id = $1 and id = $2;

-- name: delete_edges_of_node
delete from automation_edges where flow_id = $1 and (source_node_id = $2 or target_node_id = $2);

-- name: delete_edge
delete from automation_edges where flow_id = $1 and id = $2;

-- name: record_change
insert into automation_changes (actor, action, subject, details) values ($1, $2, $3, $4::text::json);
