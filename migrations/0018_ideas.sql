-- Ideas of development: what somebody sees wrong, what should be done, and what
-- became of it. closes_at is the end of gathering and of rating as planned,
-- closed_at when both ended; 0 while there is none.
create table ideas (
  id bigint primary key,
  author bigint not null,
  state text not null check (state in ('new', 'gathering', 'answering', 'accepted', 'refused', 'working', 'done', 'expired', 'merged', 'withdrawn')),
  title text not null,
  problem text not null,
  solution text not null,
  cost text not null,
  place text not null,
  sphere text not null,
  territory text not null,
  -- Address of another city's idea that this one takes up.
  origin text not null,
  need integer not null default 0,
  closes_at bigint not null default 0,
  closed_at bigint not null default 0,
  answer_due bigint not null default 0,
  -- The ballot box of the ratings; their key is gone since key_gone.
  box text not null default '',
  counted smallint not null default 0 check (counted in (0, 1)),
  key_gone bigint not null default 0,
  merged_into bigint references ideas (id),
  -- The post that tells the fediverse: 0 before it, -1 where there is to be none.
  post bigint not null default 0,
  -- The lower bound that the list is sorted by, in billionths; worked out anew
  -- from idea_stances with each of them.
  score bigint not null default 0,
  -- A moderator took its text out of sight.
  hidden smallint not null default 0 check (hidden in (0, 1)),
  created bigint not null,
  changed bigint not null,
  check (merged_into is null or merged_into <> id),
  check ((state = 'merged') = (merged_into is not null))
);
create index ideas_state on ideas (state, id);
create index ideas_score on ideas (score, id);
create index ideas_author on ideas (author, state);
create index ideas_due on ideas (closes_at) where state = 'gathering';
create index ideas_uncounted on ideas (closes_at) where box <> '' and counted = 0;
create index ideas_untold on ideas (id) where post = 0 and state in ('gathering', 'answering');
-- Who is for an idea and who against: one row a person, known by a keyed hash
-- alone, the same in every idea, so that a merge counts nobody twice. No time,
-- no account: only the numbers are shown.
create table idea_stances (
  idea bigint not null references ideas (id),
  person bytea not null,
  side smallint not null check (side in (0, 1)),
  primary key (idea, person)
);
-- What became of an idea, step by step. by_handle is '' for the clock.
create table idea_steps (
  id bigint primary key,
  idea bigint not null references ideas (id),
  stage text not null,
  at bigint not null,
  by_handle text not null,
  role text not null check (role in ('author', 'moderator', 'officer', 'operator', 'clock')),
  reason text not null
);
create index idea_steps_idea on idea_steps (idea, id);
-- Arguments are said in the open, under one's own name.
create table idea_arguments (
  id bigint primary key,
  idea bigint not null references ideas (id),
  account bigint not null,
  side smallint not null check (side in (0, 1)),
  text text not null,
  -- Why a moderator took it out of sight, '' while it is shown.
  removed text not null default '',
  created bigint not null
);
create index idea_arguments_idea on idea_arguments (idea, id);
create index idea_arguments_account on idea_arguments (account, id);
-- Pictures; one without an idea was uploaded with a form that is not sent yet.
create table idea_pictures (
  name text primary key,
  account bigint not null,
  idea bigint references ideas (id),
  place integer not null,
  alt text not null,
  width integer not null,
  height integer not null,
  created bigint not null
);
create index idea_pictures_idea on idea_pictures (idea, place) where idea is not null;
create index idea_pictures_loose on idea_pictures (created) where idea is null;
