package moderation

import (
	"context"
	"fmt"
	"math"
	"net/http"
	"strconv"
	"time"

	"github.com/uptrace/bun"

	"viche/internal/locale"
	"viche/internal/store"
	"viche/web"
)

// entry is a line of the log: one measure.
type entry struct {
	ID        int64  `bun:"id"`
	Decision  int64  `bun:"decision"`
	Report    int64  `bun:"report,nullzero"`
	About     int64  `bun:"about"`
	Post      int64  `bun:"post,nullzero"`
	Host      string `bun:"host"`
	Act       string `bun:"act"`
	Rule      string `bun:"rule"`
	Reason    string `bun:"reason"`
	Moderator string `bun:"moderator"`
	Lifts     int64  `bun:"lifts,nullzero"`
	At        int64  `bun:"at"`
	Lifted    bool   `bun:"lifted"`
}

// force tells whether a measure holds and could be taken back.
func (e entry) force() bool {
	return !e.Lifted && (e.Act == Hide || e.Act == Mark || e.Act == Limit || e.Act == Suspend)
}

const entryColumns = `
	select l.id, l.decision, l.report, l.about, l.post, l.host, l.act, l.rule, l.reason, l.moderator, l.lifts, l.at,
		exists (select 1 from moderation_log t where t.lifts = l.id) as lifted
	from moderation_log l `

func note(ctx context.Context, tx *store.Tx, e entry) error {
	null := func(id int64) any {
		if id == 0 {
			return nil
		}
		return id
	}
	_, err := tx.Exec(ctx, `
		insert into moderation_log (id, decision, report, about, post, host, act, rule, reason, moderator, lifts, at)
		values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		e.ID, e.Decision, null(e.Report), e.About, null(e.Post), e.Host, e.Act, e.Rule, e.Reason, e.Moderator, null(e.Lifts), store.Millis(tx.Now))
	if err != nil {
		return fmt.Errorf("log decision: %w", err)
	}
	return nil
}

func entryOf(ctx context.Context, idb bun.IDB, id int64) (e entry, err error) {
	if err = store.Kind(idb.NewRaw(entryColumns+"where l.id = ?", id).Scan(ctx, &e)); err != nil {
		err = fmt.Errorf("decision %d: %w", id, err)
	}
	return e, err
}

func entries(ctx context.Context, idb bun.IDB, where string, args ...any) (list []entry, err error) {
	if err = idb.NewRaw(entryColumns+where, args...).Scan(ctx, &list); err != nil {
		err = fmt.Errorf("list decisions: %w", store.Kind(err))
	}
	return list, err
}

// logged is how long the table of months is, and how many lines a page has.
const (
	months   = 12
	pageSize = 20
)

// Month is what came and what was decided in one month.
type Month struct {
	Label                                      string
	Came, Elsewhere                            int // reports; those from other servers
	Dismissed, Hidden, Marked, Warned, Limited int
	Suspended, Lifted                          int
}

// MonthsOf counts by month of the clock in Kyiv, the newest first.
func (m *Moderation) MonthsOf(ctx context.Context, words *locale.Printer) ([]Month, error) {
	now := m.DB.Now().In(locale.Kyiv())
	first := time.Date(now.Year(), now.Month(), 1, 0, 0, 0, 0, now.Location()).AddDate(0, 1-months, 0)
	list := make([]Month, months)
	place := func(hour int64) *Month {
		at := time.Unix(hour*3600, 0).In(now.Location())
		i := (now.Year()-at.Year())*12 + int(now.Month()) - int(at.Month())
		if i < 0 || i >= months {
			return nil
		}
		return &list[i]
	}
	for i := range list {
		at := time.Date(now.Year(), now.Month(), 1, 12, 0, 0, 0, now.Location()).AddDate(0, -i, 0)
		list[i].Label = words.T("moderation.month."+strconv.Itoa(int(at.Month())), "Year", strconv.Itoa(at.Year()))
	}
	// By the hour, since months begin at different hours of the world's clock.
	var rows []struct {
		Hour int64  `bun:"hour"`
		What string `bun:"what"`
		N    int    `bun:"n"`
	}
	since := store.Millis(first)
	err := m.DB.Read().NewRaw(`
		select r.created / 3600000 as hour, case when a.local = 1 then 'here' else 'elsewhere' end as what, count(*) as n
		from reports r left join actors a on a.id = r.by_actor where r.created >= ? group by 1, 2
		union all
		select at / 3600000, act, count(*) from moderation_log where at >= ? group by 1, 2`, since, since).Scan(ctx, &rows)
	if err != nil {
		return nil, fmt.Errorf("count decisions: %w", store.Kind(err))
	}
	for _, row := range rows {
		month := place(row.Hour)
		if month == nil {
			continue
		}
		switch row.What {
		case "here":
			month.Came += row.N
		case "elsewhere":
			month.Came += row.N
			month.Elsewhere += row.N
		case Dismiss:
			month.Dismissed += row.N
		case Hide:
			month.Hidden += row.N
		case Mark:
			month.Marked += row.N
		case Warn:
			month.Warned += row.N
		case Limit:
			month.Limited += row.N
		case Suspend:
			month.Suspended += row.N
		case Lift:
			month.Lifted += row.N
		}
	}
	return list, nil
}

// lineView is a line of the log as everybody reads it: no names but the
// moderator's.
type lineView struct {
	At           time.Time
	What         string
	Kind         string // of its badge
	Rule, Reason string
	Moderator    string
	Lifted       bool
	Href         string // for moderators, where it can be taken back
}

func line(words *locale.Printer, e entry) lineView {
	v := lineView{At: store.Time(e.At), What: what(words, e), Reason: e.Reason, Moderator: e.Moderator, Lifted: e.Lifted}
	if e.Rule != "" {
		v.Rule = ruleName(words, e.Rule)
	}
	switch e.Act {
	case Hide, Suspend:
		v.Kind = "danger"
	case Mark, Limit, Warn:
		v.Kind = "warning"
	}
	return v
}

// what says in words what was done, and to what kind of thing.
func what(words *locale.Printer, e entry) string {
	if e.Host != "" && (e.Act == Limit || e.Act == Suspend || e.Act == Hide || e.Act == Mark) {
		return words.T("moderation.did."+e.Act+".elsewhere", "Host", e.Host)
	}
	return words.T("moderation.did." + e.Act)
}

func ruleName(words *locale.Printer, rule string) string {
	if rule == "law" {
		return words.T("moderation.rule.law")
	}
	return words.T("web.charter." + rule + ".title")
}

type logView struct {
	Months []Month
	Lines  []lineView
	Older  string
	First  string
}

func (s pages) showLog(w http.ResponseWriter, r *http.Request) {
	ctx, words := r.Context(), s.site.Printer(r)
	before := web.Number(r.URL.Query().Get("before"))
	view := logView{}
	from := before
	if from > 0 {
		view.First = "/moderation"
	} else {
		from = math.MaxInt64
	}
	list, err := entries(ctx, s.DB.Read(), "where l.id < ? order by l.id desc limit ?", from, pageSize+1)
	if err == nil && before == 0 {
		view.Months, err = s.MonthsOf(ctx, words)
	}
	if err != nil {
		s.site.Error(w, r, err)
		return
	}
	if len(list) > pageSize {
		list = list[:pageSize]
		view.Older = "/moderation?before=" + strconv.FormatInt(list[pageSize-1].ID, 10)
	}
	for _, e := range list {
		one := line(words, e)
		if decides(web.ViewerOf(r)) && e.force() && e.About != web.ViewerOf(r).ActorID {
			one.Href = "/desk/decisions/" + strconv.FormatInt(e.ID, 10)
		}
		view.Lines = append(view.Lines, one)
	}
	s.site.Render(w, r, http.StatusOK, "moderation/log", view)
}
