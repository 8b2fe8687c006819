-- Versions of the list of member cities, as signed by the coordinator. On the
-- coordinator its own; in a city those that it has read. Never changed.
create table trust_lists (
  version bigint primary key,
  uri text not null unique,
  digest text not null,
  raw bytea not null,
  stored bigint not null
);
-- Cross-city polls: the object as it was opened, and as it stands now. ends is
-- the close: the frozen one, or that of an early close. register and accept
-- are a city's own; register is -1 on the coordinator. resumed is the restore
-- after which the coordinator was asked; hindered is why no result is shown.
create table union_polls (
  poll text primary key,
  uri text not null unique,
  digest text not null,
  list bigint not null references trust_lists (version),
  raw bytea not null,
  latest bytea not null,
  opens bigint not null,
  ends bigint not null,
  due bigint not null,
  early bytea,
  reason text not null,
  register bigint not null,
  accept bytea,
  resumed text not null,
  settled smallint not null check (settled in (0, 1)),
  hindered text not null,
  next_try bigint not null
);
create index union_polls_unsettled on union_polls (settled, ends);
-- Member cities invited to a poll by this coordinator. register is -1 until
-- the city accepts; included is why a late statement counts after all.
create table invitations (
  poll text not null references union_polls (poll),
  member text not null,
  raw bytea not null,
  register bigint not null,
  accept bytea,
  tries integer not null,
  due bigint not null,
  included text not null,
  primary key (poll, member)
);
create index invitations_due on invitations (due);
-- Every statement that was accepted (on the coordinator) or signed (in a
-- city). A statement that comes again leaves no row. answer is the receipt.
create table statements (
  poll text not null references union_polls (poll),
  author text not null,
  sequence bigint not null,
  uri text not null,
  digest text not null,
  stage text not null check (stage in ('interim', 'final', 'correction')),
  numbers text not null,
  open text not null,
  published bigint not null,
  stored bigint not null,
  raw bytea not null,
  answer bytea,
  state text not null check (state in ('waiting', 'accepted', 'refused')),
  tries integer not null,
  due bigint not null,
  primary key (poll, author, sequence)
);
create index statements_uri on statements (uri);
create index statements_digest on statements (poll, digest);
create index statements_waiting on statements (state, due);
-- What was refused, so that the same answer is given again, and why. On the
-- coordinator what it refused; in a city what was refused of its own.
create table refusals (
  poll text not null,
  author text not null,
  digest text not null,
  fault text not null,
  reason text not null,
  raw bytea not null,
  stored bigint not null,
  primary key (poll, author, digest)
);
-- Cities whose statements do not count in a poll, with the evidence, if any.
create table exclusions (
  poll text not null references union_polls (poll),
  member text not null,
  number bigint not null,
  reason text not null,
  uri text not null,
  digest text not null,
  raw bytea,
  public smallint not null check (public in (0, 1)),
  sent smallint not null check (sent in (0, 1)),
  stored bigint not null,
  primary key (poll, member),
  unique (poll, number)
);
-- Results as signed, interim ones too. content is the digest of what one says
-- apart from its number and time, notes what is told in words. own says in a city whether its own
-- newest statement stands in it: 0 not to be told, 1 yes, 2 no.
create table union_results (
  poll text not null references union_polls (poll),
  version bigint not null,
  stage text not null check (stage in ('interim', 'preliminary', 'final')),
  uri text not null,
  raw bytea not null,
  published bigint not null,
  stored bigint not null,
  content text not null,
  notes text not null,
  own smallint not null check (own in (0, 1, 2)),
  primary key (poll, version)
);
-- Which statements a published result used, and how it showed them: line is
-- '' for a city shown by itself.
create table counted_statements (
  poll text not null,
  version bigint not null,
  author text not null,
  sequence bigint not null,
  line text not null,
  primary key (poll, version, author)
);
