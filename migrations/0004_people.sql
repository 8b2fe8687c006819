-- A sign-up waits here until its mailed link is opened; only then is there an
-- account and an actor. One whose e-mail has an account already is kept just
-- the same, so nobody can find out from outside who is registered.
create table signups (
  hash bytea primary key,
  handle text not null unique,
  kind text not null check (kind in ('resident', 'organisation')),
  name text not null,
  email_norm text not null,
  email text not null,
  password_hash text not null,
  lang text not null,
  charter_at bigint not null,
  expires bigint not null
);

-- staff_generation counts the credentials that staff issued or reset;
-- cred_generation is its value when staff last reset the password, 0 while the
-- password is the person's own. A ballot remembers the former, and only
-- credentials that are not younger may read it.
create table accounts (
  id bigint primary key,
  actor bigint not null unique,
  kind text not null check (kind in ('resident', 'organisation')),
  email_norm text not null unique,
  email text not null,
  password_hash text not null default '',
  cred_generation integer not null default 0,
  staff_generation integer not null default 0,
  lang text not null default 'uk',
  charter_at bigint not null default 0,
  created bigint not null,
  confirmed_at bigint,
  approved_at bigint,
  suspended_at bigint,
  deleted_at bigint,
  show_verified smallint not null default 0 check (show_verified in (0, 1)),
  show_territory smallint not null default 0 check (show_territory in (0, 1))
);

create table roles (
  account bigint not null references accounts (id),
  role text not null check (role in ('moderator', 'operator', 'officer')),
  scope text not null default '',
  primary key (account, role, scope)
);

-- Links sent by mail; the database knows only their hashes. One without an
-- account stands for an address that nobody has: asking for a link costs the
-- same time either way.
create table mail_tokens (
  hash bytea primary key,
  account bigint references accounts (id),
  purpose text not null check (purpose in ('reset')),
  expires bigint not null,
  used_at bigint
);

create table api_tokens (
  hash bytea primary key,
  account bigint not null references accounts (id),
  scopes text not null,
  generation integer not null,
  label text not null,
  created bigint not null,
  revoked_at bigint
);
create index api_tokens_account on api_tokens (account);

-- One person, one verified account: the primary key is a keyed hash of the
-- personal code, so the second attempt fails in the database itself.
create table persons (
  person_key bytea primary key,
  account bigint not null unique references accounts (id),
  created bigint not null
);

-- Who may vote where, from when until when. A move closes one interval and
-- opens the next; nothing is overwritten, since a poll asks about its opening.
create table entitlements (
  id bigint primary key,
  person_key bytea not null references persons (person_key),
  territory text not null,
  level integer not null check (level > 0),
  valid_from bigint not null,
  valid_until bigint,
  check (valid_until is null or valid_until >= valid_from)
);
create index entitlements_person on entitlements (person_key, valid_from);
create unique index entitlements_one_open on entitlements (person_key) where valid_until is null;

-- person_key stands here only while a second moderator is awaited.
create table verification_requests (
  id bigint primary key,
  account bigint not null references accounts (id),
  territory text not null,
  note text not null,
  created bigint not null,
  state text not null check (state in ('open', 'second', 'verified', 'refused', 'withdrawn')),
  moderator bigint,
  document text not null default '',
  reason text not null default '',
  person_key bytea,
  decided_at bigint,
  check (state = 'second' or person_key is null)
);
create unique index verification_requests_one_open on verification_requests (account) where state in ('open', 'second');
create index verification_requests_state on verification_requests (state, created);

-- Every decision about a person, which that person can read.
create table verifications (
  id bigint primary key,
  account bigint not null references accounts (id),
  provider text not null,
  document text not null,
  territory text not null,
  level integer not null,
  moderator text not null,
  second text not null default '',
  reason text not null,
  outcome text not null check (outcome in ('verified', 'refused')),
  at bigint not null
);
create index verifications_account on verifications (account, id);

-- Outgoing mail. The text is wiped once it is sent.
create table mails (
  id bigint primary key,
  to_addr text not null,
  subject text not null,
  body_text text not null,
  created bigint not null,
  sent_at bigint,
  attempts integer not null default 0,
  last_error text not null default ''
);
