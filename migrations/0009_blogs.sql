-- Posts: those of our residents and channels, and those of other servers that
-- somebody here follows, is named in, or asked to see. The id is the order of
-- arrival; for a post of ours it is also its number in its address.
create table posts (
  id bigint primary key,
  uri text not null unique,
  author bigint not null references actors (id) on delete cascade,
  local smallint not null check (local in (0, 1)),
  type text not null,
  visibility text not null check (visibility in ('public', 'unlisted', 'followers', 'direct')),
  -- What it answers: the address, and the post where we have it.
  reply_uri text not null,
  reply_to bigint,
  -- The first post of the conversation as far as we know it.
  thread bigint not null,
  title text not null,
  -- What stands before the content: a warning, or the lead of an article.
  summary text not null,
  content text not null,
  source text not null,
  lang text not null,
  url text not null,
  sensitive smallint not null check (sensitive in (0, 1)),
  -- JSON: pictures, place and time of an event, options of a poll, policies.
  card text not null,
  quote_uri text not null,
  -- '' for none; a quote is shown only while it is 'allowed'.
  quote_state text not null check (quote_state in ('', 'asked', 'allowed', 'refused', 'revoked')),
  published bigint not null,
  edited bigint not null,
  deleted bigint not null,
  -- A moderator took it out of sight.
  hidden smallint not null check (hidden in (0, 1))
);
create index posts_author on posts (author, id);
create index posts_thread on posts (thread, id);
create index posts_reply on posts (reply_to, id) where reply_to is not null;
create index posts_orphan on posts (reply_uri) where reply_uri <> '' and reply_to is null;
create index posts_public on posts (id) where visibility = 'public' and deleted = 0 and reply_uri = '';
create index posts_ours on posts (id) where visibility = 'public' and deleted = 0 and local = 1 and reply_uri = '';
create index posts_quote on posts (quote_uri, id) where quote_uri <> '';
-- What an actor put before its followers, newest first: its posts that answer
-- nobody else, and what it boosts. A page of the home timeline merges the newest
-- of those whom one follows, so nothing is copied a reader.
create table feed (
  id bigint primary key,
  actor bigint not null references actors (id) on delete cascade,
  post bigint not null references posts (id) on delete cascade,
  boost smallint not null check (boost in (0, 1)),
  -- The id of the Announce, '' for the post itself.
  uri text not null,
  -- Who may see the boost: a boost of a public post is public or unlisted.
  visibility text not null,
  unique (actor, post, boost)
);
create index feed_actor on feed (actor, id);
create index feed_post on feed (post, boost, id);
create index feed_uri on feed (uri) where uri <> '';
create table post_tags (
  tag text not null,
  post bigint not null references posts (id) on delete cascade,
  primary key (tag, post)
);
create index post_tags_post on post_tags (post);
-- Whom a post names or is addressed to.
create table post_mentions (
  actor bigint not null references actors (id) on delete cascade,
  post bigint not null references posts (id) on delete cascade,
  primary key (actor, post)
);
create index post_mentions_post on post_mentions (post);
-- Former states of an edited post; the present one is in posts.
create table post_revisions (
  post bigint not null references posts (id) on delete cascade,
  at bigint not null,
  title text not null,
  summary text not null,
  content text not null,
  card text not null,
  primary key (post, at)
);
-- Likes and reactions. emoji is '' for a like.
create table reactions (
  post bigint not null references posts (id) on delete cascade,
  actor bigint not null references actors (id) on delete cascade,
  emoji text not null,
  uri text not null,
  at bigint not null,
  primary key (post, actor, emoji)
);
create index reactions_actor on reactions (actor, at);
create index reactions_uri on reactions (uri) where uri <> '';
create table bookmarks (
  actor bigint not null references actors (id) on delete cascade,
  post bigint not null references posts (id) on delete cascade,
  at bigint not null,
  primary key (actor, post)
);
create index bookmarks_actor on bookmarks (actor, at);
-- The posts that an actor pinned to its page, ours and others'.
create table pins (
  actor bigint not null references actors (id) on delete cascade,
  post bigint not null references posts (id) on delete cascade,
  at bigint not null,
  primary key (actor, post)
);
-- Who wants nothing to do with whom (kind block, which the other side's server
-- is told), or does not want to read somebody (mute). A host in place of an
-- actor stands for everybody there.
create table shuns (
  actor bigint not null references actors (id) on delete cascade,
  kind text not null check (kind in ('block', 'mute')),
  other bigint not null,
  host text not null,
  uri text not null,
  at bigint not null,
  primary key (actor, kind, other, host)
);
create index shuns_other on shuns (other, kind);
-- What happened that concerns a resident. by is who did it; one notice a person,
-- kind and post, however often it is repeated.
create table notices (
  id bigint primary key,
  actor bigint not null references actors (id) on delete cascade,
  kind text not null,
  by_actor bigint not null references actors (id) on delete cascade,
  post bigint,
  read smallint not null check (read in (0, 1)),
  at bigint not null
);
create unique index notices_once on notices (actor, kind, by_actor, post) where post is not null;
create unique index notices_once_person on notices (actor, kind, by_actor) where post is null;
create index notices_actor on notices (actor, id);
create index notices_unread on notices (actor) where read = 0;
create index notices_post on notices (post) where post is not null;
-- Posts not yet published: drafts (due = 0) and scheduled ones.
create table drafts (
  id bigint primary key,
  actor bigint not null references actors (id) on delete cascade,
  body text not null,
  due bigint not null,
  changed bigint not null
);
create index drafts_actor on drafts (actor, id);
create index drafts_due on drafts (due) where due > 0;
-- How our residents voted in polls of other servers: that they did, so that
-- nobody is asked twice. What they chose went to the poll's server, is not kept.
create table poll_visits (
  actor bigint not null references actors (id) on delete cascade,
  post bigint not null references posts (id) on delete cascade,
  primary key (actor, post)
);
-- Leave that we gave others to quote a post of ours (FEP-044f).
create table quote_stamps (
  id bigint primary key,
  post bigint not null references posts (id) on delete cascade,
  quoting text not null,
  by_actor bigint not null references actors (id) on delete cascade,
  revoked bigint not null,
  unique (post, quoting)
);
-- Pictures that residents uploaded. name is random and the name of the file.
create table media (
  id bigint primary key,
  name text not null unique,
  actor bigint not null references actors (id) on delete cascade,
  post bigint,
  place integer not null,
  type text not null,
  width integer not null,
  height integer not null,
  bytes bigint not null,
  blurhash text not null,
  alt text not null,
  created bigint not null
);
create index media_post on media (post, place) where post is not null;
create index media_loose on media (created) where post is null;
-- Questions that our residents ask in a post. box names their ballot box; the
-- numbers come into the post when it closes and never before.
create table post_polls (
  post bigint primary key references posts (id) on delete cascade,
  box text not null,
  closes bigint not null,
  closed smallint not null check (closed in (0, 1))
);
create index post_polls_due on post_polls (closes) where closed = 0;
-- Conversations whose rest is still to be asked of other servers, and actors that
-- left whose posts are still to be erased.
create table post_wants (
  post bigint primary key,
  due bigint not null,
  attempts smallint not null
);
create index post_wants_due on post_wants (due);
create table post_erasures (
  actor bigint primary key
);
