-- Primaries: an assessment of people who would take an office. What anybody
-- answered lies in the ballot box and nowhere else.
create table primaries (
  id bigint primary key,
  office text not null check (office <> ''),
  -- 1: people elect the office's holder, 0: somebody appoints them.
  elected smallint not null check (elected in (0, 1)),
  territory text not null,
  -- '' for an office of no one sphere.
  sphere text not null,
  about text not null,
  -- JSON lists: ids of what is assessed, and the questionnaire.
  competences text not null,
  questions text not null,
  -- 1: pages add the line on martial law.
  martial smallint not null check (martial in (0, 1)),
  nomination bigint not null,
  programme bigint not null,
  vote bigint not null,
  closes bigint not null,
  -- Why it was called off before the vote; '' while it was not.
  cancelled text not null,
  -- Random, so that nobody can choose a place in the order that a viewer sees.
  seed text not null,
  by_handle text not null,
  created bigint not null,
  check (nomination < programme and programme < vote and vote < closes)
);
create index primaries_order on primaries (closes, id);
create index primaries_place on primaries (territory, closes);
-- Who was proposed. Nobody but the person and whoever proposed them sees it before
-- the person agrees (consented is when), and it is public once a moderator admits it.
create table primary_nominees (
  id bigint primary key,
  contest bigint not null references primaries (id),
  account bigint not null,
  by_account bigint not null,
  state text not null check (state in ('asked', 'declined', 'checking', 'admitted', 'refused', 'withdrawn')),
  name text not null,
  -- JSON: what the person writes of themselves.
  card text not null,
  consented bigint not null,
  -- A moderator's decision: who, why, when.
  decided_by text not null,
  reason text not null,
  decided bigint not null,
  created bigint not null,
  unique (contest, account),
  check (state in ('asked', 'declined') or consented > 0)
);
create index primary_nominees_account on primary_nominees (account, state);
-- A round: a vote on those who had been admitted when it opened.
create table primary_rounds (
  contest bigint not null references primaries (id),
  number smallint not null check (number in (1, 2)),
  -- The vote's id; '' if nobody was there to assess.
  poll text not null,
  -- JSON list of nominees, in the order of the vote's questions.
  nominees text not null,
  opens bigint not null,
  closes bigint not null,
  primary key (contest, number)
);
create unique index primary_rounds_poll on primary_rounds (poll) where poll <> '';
-- Consent to the processing of political views, asked for before the vote. The day
-- is kept and not the moment: it is no sign of when, how or whether somebody voted.
create table primary_consents (
  contest bigint not null references primaries (id),
  account bigint not null,
  given_on bigint not null,
  withdrawn_on bigint not null,
  primary key (contest, account)
);
-- Questions of residents to all participants, and the answers.
create table primary_questions (
  id bigint primary key,
  contest bigint not null references primaries (id),
  account bigint not null,
  body text not null check (body <> ''),
  -- Why a moderator took it down; '' while it stands.
  hidden text not null,
  created bigint not null
);
create index primary_questions_contest on primary_questions (contest, id);
create table primary_answers (
  question bigint not null references primary_questions (id),
  nominee bigint not null references primary_nominees (id),
  body text not null check (body <> ''),
  created bigint not null,
  primary key (question, nominee)
);
