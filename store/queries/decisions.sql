-- name: of_execution
-- What held an execution back; the first, where its event came several times.
select * from automation_decisions where execution_id = $1 order by at, feed_partition, feed_offset limit 1;

-- name: list
select * from automation_decisions
where ($1::text[] is null or flow_id = any($1))
  and ($2::text is null or left(subject_id, 200) = left($2, 200) and subject_id = $2)
  and ($3::text is null or reason = $3)
  and ($4::timestamptz is null or at >= $4)
order by at desc, feed_partition, feed_offset desc
limit $5;

-- name: knows_subject
select exists (select from automation_executions where left(subject_id, 200) = left($1::text, 200) and subject_id = $1)
    or exists (select from automation_decisions where left(subject_id, 200) = left($1::text, 200) and subject_id = $1);
