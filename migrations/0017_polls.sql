-- A vote that another module asks for has that module's name: its page is there,
-- and the lists of polls leave it out.
alter table polls add column module text not null default '';
-- How many days after the close an official answer is due; 0: none was promised.
alter table polls add column answer_days integer not null default 0;
-- Rounds of a poll that is asked again in the same words: the first one's poll_id.
alter table polls add column series text not null default '';
create index polls_series on polls (series, id) where series <> '';
-- Official answers to what residents said in a poll. Each is kept as it was given.
create table poll_answers (
  id bigint primary key,
  poll bigint not null references polls (id),
  body text not null,
  author text not null,
  at bigint not null
);
create index poll_answers_poll on poll_answers (poll, id);
-- What residents propose in a poll beside its options.
create table poll_proposals (
  id bigint primary key,
  poll bigint not null references polls (id),
  account bigint not null,
  body text not null,
  folded text not null,
  state text not null default 'open' check (state in ('open', 'taken', 'hidden')),
  reason text not null default '',
  at bigint not null,
  unique (poll, folded)
);
-- Who supports a proposal, so that nobody does twice; only the number is shown.
create table poll_proposal_supports (
  proposal bigint not null references poll_proposals (id),
  account bigint not null,
  primary key (proposal, account)
);
