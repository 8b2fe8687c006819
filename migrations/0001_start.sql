-- What the instance knows about itself, one row a fact: its host (which must
-- never change), the fingerprint of its key file, the codifier's version.
create table facts (
  name text primary key,
  value text not null
);
-- What people in a role did, with the reason: the log of verifications, closes
-- and federation limits that anybody may ask about. Never an answer.
create table acts (
  id bigint primary key,
  at bigint not null,
  actor text not null,
  act text not null,
  subject text not null,
  reason text not null
);
create index acts_subject on acts (subject, id);
