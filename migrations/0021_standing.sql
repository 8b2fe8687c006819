-- Closed polls that statuses are judged by, once who took part was noted. epoch
-- is the month's turn that took the notes into the counters (0: none yet);
-- in_whole and in_sphere that at which the answers went into a bucket of the
-- whole territory and of the sphere: 0 while they wait, -1 if they never will.
create table status_polls (
  poll bigint primary key,
  sphere integer not null check (sphere between 0 and 20),
  closed_at bigint not null,
  asked text not null,
  epoch bigint not null default 0,
  in_whole bigint not null,
  in_sphere bigint not null
);
-- Who was on the register, took part and changed, until the next month's turn.
-- Sealed, and keyed by a hash under the city key: no roll for whoever has the
-- database alone.
create table status_notes (
  poll bigint not null,
  part integer not null,
  sealed bytea not null,
  primary key (poll, part)
);
-- The same added up for a month, by sphere: no poll can be told from it.
create table status_months (
  epoch bigint not null,
  part integer not null,
  sealed bytea not null,
  primary key (part, epoch)
);
-- Whether more than half of the own answers matched the majority's, yes or no,
-- in the newest bucket of each scope. Never a count, never a poll.
create table status_agreement (
  scope integer not null check (scope between 0 and 20),
  part integer not null,
  epoch bigint not null,
  sealed bytea not null,
  primary key (part, scope)
);
-- The month's turns. Public levels are those of the newest one that is done;
-- report counts people by level and district.
create table status_epochs (
  epoch bigint primary key,
  done_at bigint not null default 0,
  facts smallint not null default 0 check (facts in (0, 1)),
  formula text not null,
  report text not null default ''
);
-- What each person held, from which turn until which (0: still). failing is the
-- first turn at which the rules were not met. told says whether its holder has
-- heard of the beginning and of the end.
create table standings (
  id bigint primary key,
  account bigint not null,
  level integer not null check (level between 2 and 4),
  scope integer not null check (scope between 0 and 20),
  since bigint not null,
  until bigint not null default 0,
  failing bigint not null default 0,
  told smallint not null default 0 check (told in (0, 1, 2, 3))
);
create index standings_account on standings (account, id);
create unique index standings_held on standings (account, level, scope) where until = 0;
create index standings_level on standings (level, account) where until = 0;
-- Formulas, each with the turn from which it holds and the reason.
create table status_formulas (
  id bigint primary key,
  holds_from bigint not null,
  formula text not null,
  author text not null,
  reason text not null,
  at bigint not null
);
-- Months that a resident asked to leave out. Why is not asked: illness, service
-- and displacement are nobody's business.
create table status_freezes (
  id bigint primary key,
  account bigint not null,
  valid_from bigint not null,
  valid_until bigint not null default 0
);
create index status_freezes_account on status_freezes (account, valid_from);
create unique index status_freezes_one_open on status_freezes (account) where valid_until = 0;
-- Who shows the status on the own profile: nobody does by default.
create table status_shown (
  account bigint primary key,
  at bigint not null
);
