-- Officials: offices, who held them and when, what documents say of their work,
-- and the rounds in which residents grade it. What anybody answered in a round
-- lies in the ballot box and nowhere else.
create table offices (
  id bigint primary key,
  kind text not null,
  -- 1 state, 2 oblast, 3 raion, 4 community, 5 district of a city; for the order.
  level smallint not null check (level between 1 and 5),
  territory text not null,
  sphere text not null,
  title text not null check (title <> ''),
  -- The council, administration or ministry that it belongs to.
  body text not null,
  remit text not null,
  seats integer not null check (seats between 1 and 500),
  created bigint not null,
  -- 0 while the office exists.
  closed bigint not null
);
create index offices_place on offices (level, id);
create index offices_territory on offices (territory, kind);
-- People. account is the one that a moderator has linked, 0 for none.
create table office_holders (
  id bigint primary key,
  name text not null check (name <> ''),
  about text not null,
  account bigint not null,
  created bigint not null
);
create unique index office_holders_account on office_holders (account) where account <> 0;
-- Who held which seat of an office: from the first day (its beginning in Kyiv)
-- to the day after the last, 0 while no end is known.
create table office_terms (
  id bigint primary key,
  office bigint not null references offices (id),
  seat integer not null check (seat >= 1),
  holder bigint not null references office_holders (id),
  from_at bigint not null,
  until_at bigint not null,
  acting smallint not null check (acting in (0, 1)),
  source text not null check (source <> ''),
  ended text not null,
  created bigint not null,
  check (until_at = 0 or until_at > from_at)
);
create index office_terms_office on office_terms (office, seat, from_at);
create index office_terms_holder on office_terms (holder);
-- At most one of a seat is without an end; that dated ones do not overlap is
-- checked in the change that adds one, which holds the office.
create unique index office_terms_open on office_terms (office, seat) where until_at = 0;
-- What a document says. A corrected one stays, and names what replaced it.
create table indicators (
  id bigint primary key,
  term bigint not null references office_terms (id),
  kind text not null,
  name text not null,
  -- '' for the usual one of its kind.
  definition text not null,
  unit text not null,
  baseline text not null,
  target text not null,
  value text not null check (value <> ''),
  from_at bigint not null,
  until_at bigint not null,
  source text not null check (source <> ''),
  source_url text not null,
  source_at bigint not null,
  created bigint not null,
  replaced bigint not null,
  check (until_at > from_at)
);
create index indicators_term on indicators (term, id);
-- What an official said in public, and what was asked to be put right.
create table official_replies (
  id bigint primary key,
  term bigint not null references office_terms (id),
  kind text not null check (kind in ('reply', 'correction')),
  -- What it is about: an indicator or a round; 0 for neither.
  indicator bigint not null,
  round bigint not null,
  body text not null check (body <> ''),
  -- How a moderator knows it; '' where the official's own account wrote it.
  document text not null,
  account bigint not null,
  due bigint not null,
  state text not null check (state in ('said', 'open', 'accepted', 'refused')),
  answer text not null,
  answered bigint not null,
  created bigint not null,
  check (document <> '' or account <> 0)
);
create index official_replies_term on official_replies (term, id);
create index official_replies_due on official_replies (due) where state = 'open';
-- A round of grades: a vote, one a term and quarter.
create table official_rounds (
  id bigint primary key,
  term bigint not null references office_terms (id),
  quarter text not null,
  poll text not null unique,
  opens bigint not null,
  closes bigint not null,
  -- 0 nothing, 1 its opening, 2 its close too has been told to followers.
  told smallint not null check (told in (0, 1, 2)),
  unique (term, quarter)
);
create index official_rounds_told on official_rounds (closes) where told < 2;
-- What changed in the register, for its pages and its feed.
create table official_changes (
  id bigint primary key,
  at bigint not null,
  act text not null,
  office bigint not null references offices (id),
  -- 0 for what concerns the office alone.
  term bigint not null,
  what text not null,
  reason text not null,
  by_handle text not null
);
create index official_changes_office on official_changes (office, id);
