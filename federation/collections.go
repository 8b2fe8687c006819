package federation

import (
	"encoding/json"
	"math"
	"net/http"
	"strconv"

	"viche/actors"
	"viche/federation/ap"
)

const pageSize = 40

// outbox lists the public activities of an actor, newest first.
func (c *City) outbox(w http.ResponseWriter, r *http.Request, a actors.Actor) {
	ctx := r.Context()
	before, paged := pageOf(r)
	if !paged {
		var total int
		if err := c.DB.ReadBound().Row(ctx, []any{&total}, "select count(*) from activities where actor = ? and public = 1", a.ID); err != nil {
			c.fail(w, err)
			return
		}
		c.head(w, a.Outbox, total, true)
		return
	}
	until := before
	if until == 0 {
		until = math.MaxInt64
	}
	rows, err := c.DB.ReadBound().Query(ctx, `
		select id, raw from activities
		where actor = ? and public = 1 and id < ? order by id desc limit ?`, a.ID, until, pageSize)
	if err != nil {
		c.fail(w, err)
		return
	}
	defer rows.Close()
	var items []any
	var last int64
	for rows.Next() {
		var raw []byte
		if err := rows.Scan(&last, &raw); err != nil {
			c.fail(w, err)
			return
		}
		items = append(items, json.RawMessage(raw))
	}
	if err := rows.Err(); err != nil {
		c.fail(w, err)
		return
	}
	if len(items) < pageSize {
		last = 0
	}
	c.page(w, a.Outbox, before, items, last)
}

func (c *City) followers(w http.ResponseWriter, r *http.Request, a actors.Actor) {
	total, _, err := c.Book.CountFollows(r.Context(), c.DB.Read(), a.ID)
	if err != nil {
		c.fail(w, err)
		return
	}
	c.follows(w, r, a, a.Followers, total)
}

func (c *City) following(w http.ResponseWriter, r *http.Request, a actors.Actor) {
	_, total, err := c.Book.CountFollows(r.Context(), c.DB.Read(), a.ID)
	if err != nil {
		c.fail(w, err)
		return
	}
	c.follows(w, r, a, a.URI+"/following", total)
}

// follows shows numbers for everybody, names only for channels: whom a
// resident follows, and who follows a resident, is theirs.
func (c *City) follows(w http.ResponseWriter, r *http.Request, a actors.Actor, id string, total int) {
	before, paged := pageOf(r)
	listed := a.Kind != actors.Resident
	if !paged || !listed {
		c.head(w, id, total, listed)
		return
	}
	list := c.Book.FollowersOf
	if id != a.Followers {
		list = c.Book.FollowingOf
	}
	ctx, db := r.Context(), c.DB.Read()
	page, err := list(ctx, db, a.ID, before, pageSize)
	if err != nil {
		c.fail(w, err)
		return
	}
	other := func(f actors.Follow) int64 {
		if id == a.Followers {
			return f.Follower
		}
		return f.Followee
	}
	ids := make([]int64, len(page))
	for i, f := range page {
		ids[i] = other(f)
	}
	found, err := c.Book.ByIDs(ctx, db, ids)
	if err != nil {
		c.fail(w, err)
		return
	}
	var items []any
	var last int64
	for _, f := range page {
		last = f.ID
		// Our residents' follows stay theirs from this side too.
		if who := found[other(f)]; !who.Suspended && !who.Deleted && who.Kind != actors.Resident {
			items = append(items, who.URI)
		}
	}
	if len(page) < pageSize {
		last = 0
	}
	c.page(w, id, before, items, last)
}

// pageOf reads ?before=ID; without it the head of the collection is meant.
func pageOf(r *http.Request) (before int64, paged bool) {
	text := r.URL.Query().Get("before")
	if text == "" {
		return 0, false
	}
	before, err := strconv.ParseInt(text, 10, 64)
	return before, err == nil && before >= 0
}

func (c *City) head(w http.ResponseWriter, id string, total int, listed bool) {
	col := ap.Collection{ID: id, TotalItems: &total}
	if listed {
		col.First = id + "?before=0"
	}
	raw, err := ap.EncodeCollection(col)
	if err != nil {
		c.fail(w, err)
		return
	}
	writeActivity(w, http.StatusOK, raw)
}

// page writes one page; last is where the next one begins, 0 for none.
func (c *City) page(w http.ResponseWriter, id string, before int64, items []any, last int64) {
	col := ap.Collection{ID: id + "?before=" + strconv.FormatInt(before, 10), PartOf: id}
	if last > 0 {
		col.Next = id + "?before=" + strconv.FormatInt(last, 10)
	}
	raw, err := ap.EncodePage(col, items)
	if err != nil {
		c.fail(w, err)
		return
	}
	writeActivity(w, http.StatusOK, raw)
}
