-- Units of the KATOTTG codifier, with the country above them. A code is never
-- deleted: what the codifier dropped is marked closed, because entitlements
-- and polls may still name it.
create table territories (
  code text primary key,
  parent text references territories (code),
  category text not null check (category in ('N', 'O', 'K', 'P', 'H', 'M', 'T', 'X', 'C', 'B')),
  closed_at bigint,
  check (parent is not null or category = 'N')
);

create index territories_parent on territories (parent);

-- Names change while the code stays, so a name holds from a moment on.
create table territory_names (
  code text not null references territories (code),
  valid_from bigint not null,
  name_uk text not null,
  name_en text not null,
  primary key (code, valid_from)
);

-- One row a change of the codifier; the newest id is the version by which a
-- running server notices that somebody imported beside it.
create table territory_imports (
  id bigint primary key,
  at bigint not null,
  source text not null,
  units bigint not null,
  added bigint not null,
  renamed bigint not null,
  changed bigint not null,
  closed bigint not null
);
