-- When the key of a poll's answers was destroyed, 0 while it is there: from then
-- on nobody can read any of them.
alter table polls add column key_gone bigint not null default 0;
create index polls_keys on polls (closed_at) where state = 'closed' and counted = 1 and key_gone = 0;
