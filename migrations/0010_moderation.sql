-- Reports about accounts and posts, from residents and from other servers.
create table reports (
  id bigint primary key,
  -- Of the Flag that came; '' for a resident's own.
  uri text not null,
  by_actor bigint not null,
  about bigint not null references actors (id) on delete cascade,
  -- JSON: the posts' ids, and what they said when they were reported.
  posts text not null,
  comment text not null,
  -- Whether the author's server was told.
  forwarded smallint not null check (forwarded in (0, 1)),
  state text not null check (state in ('open', 'done', 'refused')),
  decision text not null,
  moderator text not null,
  created bigint not null,
  decided bigint not null
);
create index reports_state on reports (state, id);
create unique index reports_uri on reports (uri) where uri <> '';
-- Limits of federation, finer than open or shut: 'suspend' lets nothing in or
-- out, 'limit' shows its people to their followers alone, 'media' takes no
-- pictures from there, 'allow' excepts a host (and is the list of those let in
-- where only listed hosts are).
alter table domains rename to domains_before;
create table domains (
  host text primary key,
  rule text not null check (rule in ('suspend', 'limit', 'media', 'allow')),
  reason text not null,
  created bigint not null
);
insert into domains (host, rule, reason, created)
  select host, case when rule = 'block' then 'suspend' else 'allow' end, reason, created from domains_before;
drop table domains_before;
