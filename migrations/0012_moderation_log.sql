-- What moderators decided, as everybody may read it. Nothing in it says who
-- reported. One decision may take several measures: a row each, with the id of
-- the first as its case, since each can be lifted by itself.
create table moderation_log (
  id bigint primary key,
  decision bigint not null,
  report bigint,
  about bigint not null,
  -- The post that a measure is about, null for one about an account.
  post bigint,
  -- Where the account is at home; '' for ours.
  host text not null,
  act text not null check (act in ('dismiss', 'forward', 'hide', 'mark', 'warn', 'limit', 'suspend', 'lift')),
  rule text not null,
  reason text not null,
  moderator text not null,
  -- The measure that a lift takes back.
  lifts bigint,
  at bigint not null,
  check ((act = 'lift') = (lifts is not null))
);
create index moderation_log_about on moderation_log (about, id);
create index moderation_log_report on moderation_log (report) where report is not null;
create index moderation_log_at on moderation_log (at);
create unique index moderation_log_lifts on moderation_log (lifts) where lifts is not null;
-- Accounts whose posts stand before their followers alone.
create table limited_actors (
  actor bigint primary key references actors (id) on delete cascade,
  at bigint not null
);
-- The warnings that moderators put before posts: an edit does not take them off.
create table post_warnings (
  post bigint primary key references posts (id) on delete cascade,
  text text not null,
  -- What the post was before.
  sensitive smallint not null check (sensitive in (0, 1)),
  summary text not null,
  at bigint not null
);
create index reports_about on reports (about, id);
create index reports_created on reports (created);
