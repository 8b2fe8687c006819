-- Everybody who can say something on the network: our residents, channels and
-- clubs (local = 1), and those of other servers as far as we met them.
-- kind is '' for others, else instance, news, sphere, resident or club.
create table actors (
  id bigint primary key,
  uri text not null unique,
  type text not null,
  kind text not null,
  handle text not null,
  host text not null,
  name text not null,
  summary text not null,
  url text not null,
  icon text not null,
  inbox text not null,
  shared_inbox text not null,
  outbox text not null,
  followers text not null,
  local smallint not null check (local in (0, 1)),
  open smallint not null check (open in (0, 1)),
  suspended smallint not null check (suspended in (0, 1)),
  deleted smallint not null check (deleted in (0, 1)),
  published bigint not null,
  fetched bigint not null
);
create unique index actors_own_handle on actors (handle) where local = 1;
create index actors_handle on actors (host, handle);
-- Public keys of everybody; the private half, sealed, of our own.
create table actor_keys (
  uri text primary key,
  actor bigint not null references actors (id) on delete cascade,
  kind text not null check (kind in ('rsa', 'ed25519')),
  public text not null,
  sealed bytea,
  fetched bigint not null
);
create index actor_keys_actor on actor_keys (actor);
-- Who follows whom. uri is the id of the Follow activity.
create table follows (
  id bigint primary key,
  uri text not null unique,
  follower bigint not null references actors (id) on delete cascade,
  followee bigint not null references actors (id) on delete cascade,
  state text not null check (state in ('asked', 'accepted')),
  created bigint not null,
  unique (follower, followee)
);
create index follows_followee on follows (followee, state, id);
create index follows_follower on follows (follower, state, id);
-- Limits of federation: the nearest rule of a host or its parent domain holds.
create table domains (
  host text primary key,
  rule text not null check (rule in ('block', 'allow')),
  reason text not null,
  created bigint not null
);
