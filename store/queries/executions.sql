-- name: list
select * from automation_executions
where ($1::text[] is null or flow_id = any($1))
  and ($2::text is null or left(subject_id, 200) = left($2, 200) and subject_id = $2)
  and ($3::text is null or status = $3)
  and ($4::timestamptz is null or started_at >= $4)
order by started_at desc, id
limit $5;

-- name: get
select * from automation_executions where id = $1;

-- name: steps
select * from automation_execution_steps where execution_id = $1 and execution_started_at = $2 order by ordinal;

-- name: answers
select * from automation_command_results where command_id = any($1::text[]) order by command_id, attempt;

-- name: ids_from
select id from automation_executions where id >= $1 and id < $2 order by id limit $3;
