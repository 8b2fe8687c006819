-- Forms that were sent and what they made, so that pressing a button twice
-- makes one thing. The key is a digest of the form's random token and of what
-- was typed; made is the post or the draft. A row goes after two days.
create table sent_forms (
  key bytea primary key,
  made bigint not null,
  at bigint not null
);
create index sent_forms_at on sent_forms (at);
