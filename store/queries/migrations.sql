-- name: lock
select pg_advisory_lock(hashtextextended('automation_migrations', 0));

-- name: create_table
create table if not exists automation_migrations (
    number     integer primary key,
    name       text not null,
    checksum   text not null,
    applied_at timestamptz not null default now()
);

-- name: has_table
select to_regclass('automation_migrations') is not null;

-- name: applied
select number, name, checksum, applied_at from automation_migrations order by number;

-- name: record
insert into automation_migrations (number, name, checksum) values ($1, $2, $3);
