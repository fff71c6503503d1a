-- name: lock
select pg_advisory_xact_lock(hashtextextended('automation_outbox', 0));

-- name: add
insert into automation_outbox (key, value) values ($1, $2);

-- name: next
select id, key, value from automation_outbox order by id limit 200;

-- name: delete
delete from automation_outbox where id = any($1::bigint[]);
