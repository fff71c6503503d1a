-- name: get
select * from automation_limits where kind = $1 and id = $2;

-- name: all
select * from automation_limits order by kind, id;

-- name: set
insert into automation_limits as mine (
    kind, id, max_actions_per_execution, max_external_writes, max_contact_actions, holdout, messages
)
values ($1, $2, $3, $4, $5, $6, $7)
on conflict (kind, id) do update
set max_actions_per_execution = coalesce(excluded.max_actions_per_execution, mine.max_actions_per_execution),
    max_external_writes = coalesce(excluded.max_external_writes, mine.max_external_writes),
    max_contact_actions = coalesce(excluded.max_contact_actions, mine.max_contact_actions),
    holdout = coalesce(excluded.holdout, mine.holdout),
    messages = coalesce(excluded.messages, mine.messages),
    updated_at = now()
returning *;
