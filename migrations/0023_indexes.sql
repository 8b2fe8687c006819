-- What a deleted post leaves behind is found by the post, and who waits for
-- approval among everybody who has an account.
create index bookmarks_post on bookmarks (post);
create index pins_post on pins (post);
create index poll_visits_post on poll_visits (post);
create index accounts_waiting on accounts (created) where approved_at is null;
-- The few of our posts among all that we have heard, for the numbers of NodeInfo.
create index posts_local on posts (deleted, reply_uri) where local = 1;
