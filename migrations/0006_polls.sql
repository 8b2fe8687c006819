-- Polls of this instance and, with home = 0, those of the coordinator that this
-- city votes in. What stands in the frozen core never changes after the opening.
create table polls (
  id bigint primary key,
  poll_id text not null unique,
  uri text not null unique,
  home smallint not null check (home in (0, 1)),
  scope text not null check (scope in ('city', 'region', 'national')),
  territory text not null,
  sphere text not null,
  title text not null,
  body text not null,
  questions text not null,
  policy text not null check (policy in ('afterVote', 'afterClose')),
  k integer not null,
  level integer not null,
  state text not null check (state in ('gathering', 'checking', 'refused', 'open', 'closed')),
  opens_at bigint not null,
  closes_at bigint not null,
  closed_at bigint not null default 0,
  close_reason text not null default '',
  counted smallint not null default 0 check (counted in (0, 1)),
  register integer not null default 0,
  initiator bigint,
  need integer not null default 0,
  refusal text not null default '',
  created bigint not null
);
create index polls_state on polls (state, id);
create index polls_sphere on polls (sphere, state, id);
create index polls_due on polls (closes_at) where state = 'open';
-- Who supports a resident's initiative, so that nobody does twice; only the
-- number is shown.
create table supports (
  poll bigint not null references polls (id),
  account bigint not null,
  primary key (poll, account)
);
-- Inboxes through which guests have voted in a poll, so that the result reaches
-- them: the server's shared one, where it has one.
create table guest_servers (
  poll bigint not null references polls (id),
  inbox text not null,
  primary key (poll, inbox)
);
