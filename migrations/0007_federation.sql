-- What other servers sent, until it has been worked off. seen is a hash of who
-- sent which id; afterwards nothing else stays, so that no log of votes arises.
create table inbox (
  id bigint primary key,
  seen text not null unique,
  state text not null check (state in ('new', 'done', 'refused', 'dead')),
  host text not null,
  body bytea,
  attempts smallint not null,
  due bigint not null,
  received bigint not null
);
create index inbox_due on inbox (due, id) where state = 'new';
create index inbox_received on inbox (received) where state <> 'new';
-- Who owns an object elsewhere that we made use of, and which were deleted: an
-- update by another is refused, and so is a creation that comes late.
create table heard (
  uri text not null,
  actor text not null,
  deleted smallint not null check (deleted in (0, 1)),
  at bigint not null,
  primary key (uri, actor)
);
create index heard_deleted on heard (at) where deleted = 1;
-- Objects of ours as they are served, byte by byte.
create table objects (
  uri text primary key,
  owner text not null,
  type text not null,
  raw bytea not null,
  public smallint not null check (public in (0, 1)),
  published bigint not null,
  updated bigint not null,
  deleted bigint not null
);
create index objects_owner on objects (owner, published);
-- Activities of ours: the outbox, and what is still to be sent. audience is
-- JSON and is fanned out to deliveries by a job.
create table activities (
  id bigint primary key,
  uri text not null unique,
  actor bigint not null references actors (id),
  type text not null,
  raw bytea not null,
  public smallint not null check (public in (0, 1)),
  published bigint not null,
  audience text not null,
  fanned smallint not null check (fanned in (0, 1)),
  attempts smallint not null,
  due bigint not null
);
create index activities_due on activities (due, id) where fanned = 0;
create index activities_actor on activities (actor, id) where public = 1;
create table deliveries (
  id bigint primary key,
  activity bigint not null references activities (id) on delete cascade,
  inbox text not null,
  host text not null,
  attempts smallint not null,
  due bigint not null,
  unique (activity, inbox)
);
create index deliveries_due on deliveries (host, due, id);
-- Hosts that do not answer: since when, how often, and when to ask again.
create table hosts (
  host text primary key,
  since bigint not null,
  failures integer not null,
  retry_at bigint not null
);
