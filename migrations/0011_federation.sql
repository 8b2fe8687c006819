-- What the network needs to know of actors beside what their pages show.
alter table actors add column moved_to text not null default '';
alter table actors add column aliases text not null default '';
alter table actors add column featured text not null default '';
alter table actors add column image text not null default '';
alter table actors add column indexable smallint not null default 0;
alter table actors add column fields text not null default '';
-- A resident who moved away at some time may not do so again at once.
alter table actors add column moved_at bigint not null default 0;
-- What is worth knowing of a peer before the next request: how it wants to be
-- signed ('' not known, 'cavage', 'rfc9421'), its last error, when it last took something.
create table peers (
  host text primary key,
  signs text not null,
  signs_until bigint not null,
  last_ok bigint not null,
  last_error text not null,
  last_failed bigint not null
);
