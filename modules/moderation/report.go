package moderation

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"time"

	"github.com/uptrace/bun"

	"viche/internal/store"
)

// The states of a report.
const (
	Open    = "open"
	Done    = "done"    // measures were taken
	Refused = "refused" // no rule was broken
)

// Report is a complaint about an account and posts of it.
type Report struct {
	ID        int64  `bun:"id"`
	ByActor   int64  `bun:"by_actor"`
	About     int64  `bun:"about"`
	Posts     string `bun:"posts"`
	Comment   string `bun:"comment"`
	Forwarded bool   `bun:"forwarded"`
	State     string `bun:"state"`
	Moderator string `bun:"moderator"`
	Created   int64  `bun:"created"`
	Decided   int64  `bun:"decided"`
}

// evidence is what a post said when it was reported.
type evidence struct {
	ID       int64  `json:"id"`
	URI      string `json:"uri"`
	Title    string `json:"title"`
	Summary  string `json:"summary"`
	Content  string `json:"content"`
	Pictures []struct {
		Name string `json:"name"`
		Alt  string `json:"alt"`
	} `json:"pictures"`
}

func (r Report) evidence() (list []evidence, err error) {
	if err = json.Unmarshal([]byte(r.Posts), &list); err != nil {
		err = fmt.Errorf("evidence of report %d: %w", r.ID, err)
	}
	return list, err
}

const reportColumns = `
	select id, by_actor, about, posts, comment, forwarded, state, moderator, created, decided
	from reports `

// ReportOf finds a report, but never one about the actor who asks: it would
// tell who was it that complained.
func (m *Moderation) ReportOf(ctx context.Context, idb bun.IDB, id, asks int64) (r Report, err error) {
	err = store.Kind(idb.NewRaw(reportColumns+"where id = ? and about <> ?", id, asks).Scan(ctx, &r))
	if err != nil {
		err = fmt.Errorf("report %d: %w", id, err)
	}
	return r, err
}

// Reports are those in a state, or in any for "": the open ones from the oldest
// on, which wait longest, the others from the newest. after is the last one of
// the page before, 0 for the first page. Those about the actor who asks are
// left out.
func (m *Moderation) Reports(ctx context.Context, state string, asks, after int64, limit int) (list []Report, err error) {
	where, args := "where about <> ?", []any{asks}
	if state != "" {
		where, args = where+" and state = ?", append(args, state)
	}
	switch {
	case state == Open:
		where += " and id > ? order by id"
	case after == 0:
		after = math.MaxInt64
		fallthrough
	default:
		where += " and id < ? order by id desc"
	}
	err = m.DB.Read().NewRaw(reportColumns+where+" limit ?", append(args, after, limit)...).Scan(ctx, &list)
	if err != nil {
		return nil, fmt.Errorf("list reports: %w", store.Kind(err))
	}
	return list, nil
}

// Load is how much there is to decide.
type Load struct {
	Open          int
	Oldest        time.Time // when the one was reported that waits longest
	Came, Decided int       // in the last seven days
}

// LoadOf counts what an actor may decide on.
func (m *Moderation) LoadOf(ctx context.Context, asks int64) (l Load, err error) {
	var oldest int64
	week := store.Millis(m.DB.Now().Add(-7 * 24 * time.Hour))
	err = m.DB.ReadBound().Row(ctx, []any{&l.Open, &oldest, &l.Came, &l.Decided}, `
		select
			(select count(*) from reports where state = 'open' and about <> ?),
			(select coalesce(min(created), 0) from reports where state = 'open' and about <> ?),
			(select count(*) from reports where created >= ? and about <> ?),
			(select count(*) from reports where created >= ? and about <> ? and state <> 'open')`,
		asks, asks, week, asks, week, asks)
	if err != nil {
		return l, fmt.Errorf("load of reports: %w", err)
	}
	l.Oldest = store.Time(oldest)
	return l, nil
}

// others counts the open reports about the same actor besides r.
func (m *Moderation) others(ctx context.Context, r Report) (n int, err error) {
	err = m.DB.ReadBound().Row(ctx, []any{&n}, "select count(*) from reports where about = ? and state = 'open' and id <> ?", r.About, r.ID)
	return n, err
}

// closeReport ends a report, which must be open.
func closeReport(ctx context.Context, tx *store.Tx, id int64, state, act, moderator string) error {
	n, err := tx.Exec(ctx, "update reports set state = ?, decision = ?, moderator = ?, decided = ? where id = ? and state = 'open'",
		state, act, moderator, store.Millis(tx.Now), id)
	if err == nil && n == 0 {
		err = errDecided
	}
	return err
}

// errDecided is for the moderator who comes second.
var errDecided = fmt.Errorf("it is decided: %w", store.ErrExists)
