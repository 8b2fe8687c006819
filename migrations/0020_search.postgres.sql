-- What can be found by words: what modules show to everybody, and nothing that
-- depends on a vote. A greater id is of something newer.
create table search_items (
  id bigint primary key,
  module text not null,
  ref text not null,
  path text not null,
  title text not null,
  -- Plain words, as far as is needed to show where something was found.
  text text not null,
  sphere text not null,
  territory text not null,
  state text not null,
  at bigint not null,
  lang text not null,
  unique (module, ref)
);
-- By which terms an item is found.
create table search_terms (
  item bigint primary key,
  terms tsvector not null
);
-- What waits to be sorted in is read at each search, so it is kept short.
create index search_terms_found on search_terms using gin (terms) with (fastupdate = on, gin_pending_list_limit = 256);
-- What is still to be gone through: a source of items, a part of it, and what of
-- that was taken in last.
create table search_work (
  source text not null,
  part text not null,
  after bigint not null,
  primary key (source, part)
);
-- What was there before anything could be found.
insert into search_work (source, part, after) values ('posts', '', 0), ('people', '', 0);
