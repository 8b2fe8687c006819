-- Those who moved are few among all whom we know, and are looked for each minute.
create index actors_moved on actors (moved_at) where moved_at > 0;
