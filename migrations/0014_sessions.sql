-- Who is signed in. The key is the SHA-256 of the cookie, so a stolen table
-- opens no session. "used" is a day, not a moment: nobody can read from it
-- when a person was here.
create table sessions (
  token bytea primary key,
  account bigint not null,
  generation integer not null,
  created bigint not null,
  used bigint not null,
  expires bigint not null
);
create index sessions_account on sessions (account);
create index sessions_expires on sessions (expires);
