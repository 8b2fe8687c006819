-- The ballot box. A row says that somebody who is on the register answered; who
-- and what, nobody can tell without the key file. No account, no time, and on
-- SQLite no order of arrival: rows lie in the order of their tags.
create table ballots (
  poll bigint not null,
  tag bytea not null,
  seq integer not null check (seq >= 0),
  sealed bytea not null,
  primary key (poll, tag)
);
-- The same for accounts elsewhere: counted apart, never part of the result.
create table guest_ballots (
  poll bigint not null,
  tag bytea not null,
  seq integer not null check (seq >= 0),
  sealed bytea not null,
  primary key (poll, tag)
);
-- The register: the voter tags of everybody who may vote, sorted, frozen at the
-- opening, many to a row. "first" is the lowest tag of its row.
create table register (
  poll bigint not null,
  first bytea not null,
  tags bytea not null,
  primary key (poll, first)
);
-- Which tags, at which sequence, the newest snapshot counted, so that the next
-- one knows how many differ and notices a ballot that is gone.
create table counted (
  poll bigint not null,
  part integer not null,
  entries bytea not null,
  primary key (poll, part)
);
create table snapshots (
  poll bigint not null,
  number integer not null,
  taken_at bigint not null,
  final smallint not null check (final in (0, 1)),
  numbers text not null,
  guests text not null,
  primary key (poll, number)
);
