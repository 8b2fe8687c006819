package standing

import (
	"context"
	"fmt"
	"net/http"
	"time"

	rules "viche/actors/standing"
	"viche/internal/locale"
	"viche/internal/store"
	"viche/web"
)

// mineView is the page «Чому такий статус»: of its reader alone. It is made from
// counters and bits, so nothing in it can name a poll or an answer.
type mineView struct {
	Top          string
	AsOf, Next   time.Time // AsOf is zero before the first turn
	Organisation bool
	Guest        bool
	Held         []heldLine
	Levels       []levelView
	Spheres      []sphereRow
	History      []historyLine
	Shows        bool
	Frozen       bool
	FrozenSince  time.Time
	Window       int
}

type heldLine struct {
	Name  string
	Since time.Time
	Last  time.Time // the last day, if nothing changes; zero while the rules are met
}

type historyLine struct {
	Name         string
	Since, Until time.Time
}

// levelView is one level with each of its rules.
type levelView struct {
	Name    string
	Met     bool
	Rules   []ruleLine
	Missing string
}

type ruleLine struct {
	Text string
	Met  bool
}

type sphereRow struct {
	Name          string
	Took, Could   int
	Suggested     int
	Proposed      int
	Full          int
	Expert, Leads bool
}

// Account is where somebody stands, as of the newest turn.
func (s *Standing) account(ctx context.Context, r Resident, epoch time.Time) (rules.Person, error) {
	a := newAssembly(epoch)
	facts, err := s.Box.FactsOf(ctx, r.Person, a.since(), epoch)
	if err != nil {
		return rules.Person{}, err
	}
	deeds, err := s.Contributions(ctx, a.since(), epoch, r.Account)
	if err != nil {
		return rules.Person{}, err
	}
	frozen, err := s.freezes(ctx, r.Account)
	if err != nil {
		return rules.Person{}, err
	}
	return a.person(make([]rules.Month, len(a.blank)), r, facts, deeds, frozen[r.Account]), nil
}

func (s *Standing) showMine(w http.ResponseWriter, r *http.Request) {
	view, err := s.mine(r.Context(), s.site.Printer(r), web.ViewerOf(r).AccountID)
	if err != nil {
		s.site.Error(w, r, err)
		return
	}
	s.site.Render(w, r, http.StatusOK, "standing/mine", view)
}

func (s *Standing) mine(ctx context.Context, words *locale.Printer, account int64) (mineView, error) {
	r, err := s.Resident(ctx, account)
	if err != nil {
		return mineView{}, err
	}
	view := mineView{Organisation: r.Organisation, Guest: r.Verified.IsZero(), Next: s.MonthOf(s.DB.Now()).AddDate(0, 1, 0)}
	if view.Organisation || view.Guest {
		return view, nil
	}
	epoch, f, err := s.epoch(ctx)
	if err != nil {
		return mineView{}, err
	}
	view.AsOf, view.Window = epoch, f.Window
	if view.Shows, err = s.shown(ctx, account); err != nil {
		return mineView{}, err
	}
	if err := s.pauses(ctx, account, &view); err != nil {
		return mineView{}, err
	}
	top := rules.Status{Level: rules.Registered}
	if !epoch.IsZero() {
		held, err := s.held(ctx, account, epoch)
		if err != nil {
			return mineView{}, err
		}
		for i, h := range held {
			if i == 0 {
				top = h.Status
			}
			line := heldLine{Name: s.name(words, h.Status), Since: h.Since}
			if ends := f.Ends(h.Held); !ends.IsZero() && !h.Failing.After(epoch) {
				line.Last = lastDay(ends)
			}
			view.Held = append(view.Held, line)
		}
		p, err := s.account(ctx, r, epoch)
		if err != nil {
			return mineView{}, err
		}
		s.explain(words, f, p, &view)
		if view.History, err = s.history(ctx, words, account, epoch); err != nil {
			return mineView{}, err
		}
	}
	view.Top = s.name(words, top)
	return view, nil
}

func (s *Standing) pauses(ctx context.Context, account int64, view *mineView) error {
	all, err := s.freezes(ctx, account)
	for _, span := range all[account] {
		if span.until.IsZero() {
			view.Frozen, view.FrozenSince = true, span.from
		}
	}
	return err
}

// explain says of each rule of each level where somebody stands.
func (s *Standing) explain(words *locale.Printer, f rules.Formula, p rules.Person, view *mineView) {
	whole := f.Look(p, rules.Everywhere)
	responsible := f.Require(rules.Responsible, whole).Met()
	for _, l := range []rules.Level{rules.Responsible, rules.Expert, rules.Leader} {
		lv := s.level(words, f, l, whole)
		if l > rules.Responsible {
			lv.Rules = append([]ruleLine{{words.T("standing.rule.responsible"), responsible}}, lv.Rules...)
			lv.Met = lv.Met && responsible
		}
		view.Levels = append(view.Levels, lv)
	}
	for in := rules.Scope(1); in < rules.Scopes; in++ {
		at := f.Look(p, in)
		if at.Polls.Could == 0 && at.Suggested == 0 {
			continue
		}
		view.Spheres = append(view.Spheres, sphereRow{
			Name: words.T(sphereOf(in).Key), Took: at.Polls.Took, Could: at.Polls.Could, Suggested: at.Suggested, Proposed: at.Proposed, Full: at.Full,
			Expert: responsible && f.Require(rules.Expert, at).Met(), Leads: responsible && f.Require(rules.Leader, at).Met(),
		})
	}
}

func (s *Standing) level(words *locale.Printer, f rules.Formula, l rules.Level, at rules.Progress) levelView {
	met := f.Require(l, at)
	view := levelView{Name: s.name(words, rules.Status{Level: l}), Met: met.Met()}
	line := func(met bool, key string, args ...any) {
		view.Rules = append(view.Rules, ruleLine{words.T(key, args...), met})
	}
	line(met.Enough, "standing.rule.enough", "Count", at.Polls.Could, "Least", f.MinPolls)
	share := map[rules.Level]int{rules.Responsible: f.Responsible, rules.Expert: f.Expert, rules.Leader: f.Leader}[l]
	line(met.Share, "standing.rule.share", "Took", at.Polls.Took, "Could", at.Polls.Could, "Share", share)
	if l > rules.Responsible && at.Polls.Changed > 0 {
		line(true, "standing.rule.changed", "Count", at.Polls.Changed, "Weight", f.Changed)
	}
	switch l {
	case rules.Expert:
		line(met.Contributions, "standing.rule.suggested", "Have", at.Suggested, "Full", at.Full, "Least", f.Monthly)
	case rules.Leader:
		line(met.Contributions, "standing.rule.proposed", "Have", at.Proposed, "Full", at.Full, "Least", f.Monthly)
		answer := words.T("standing.no")
		if at.Agrees {
			answer = words.T("standing.yes")
		}
		line(met.Agreement, "standing.rule.agrees", "Answer", answer)
	}
	if !met.Enough || !met.Share {
		if n := f.Missing(l, at); n > 0 {
			view.Missing = words.T("standing.missing", "Count", n)
		}
	}
	return view
}

func (s *Standing) history(ctx context.Context, words *locale.Printer, account int64, epoch time.Time) (lines []historyLine, err error) {
	list, err := s.records(ctx, "account = ? and since <= ? order by since desc, level desc, scope limit 200", account, store.Millis(epoch))
	for _, h := range list {
		if h.Until.After(epoch) {
			h.Until = time.Time{}
		}
		lines = append(lines, historyLine{s.name(words, h.Status), h.Since, h.Until})
	}
	return lines, err
}

// change takes the holder's choices: to show the status, to pause, to go on.
func (s *Standing) change(w http.ResponseWriter, r *http.Request) {
	account, do := web.ViewerOf(r).AccountID, r.PostFormValue("do")
	var err error
	switch do {
	case "show", "hide":
		err = s.Show(r.Context(), account, do == "show")
	case "pause":
		err = s.Pause(r.Context(), account)
	case "resume":
		err = s.Resume(r.Context(), account)
	default:
		err = fmt.Errorf("do=%.20q: %w", do, store.ErrInvalid)
	}
	if err != nil {
		s.site.Error(w, r, err)
		return
	}
	s.site.Flash(w, "standing.done."+do)
	web.Redirect303(w, r, "/me/standing")
}

// Show has an account show its status on the own profile, or not.
func (s *Standing) Show(ctx context.Context, account int64, show bool) error {
	return s.DB.Write(ctx, func(ctx context.Context, tx *store.Tx) error {
		query, args := "delete from status_shown where account = ?", []any{account}
		if show {
			query, args = "insert into status_shown (account, at) values (?, ?) on conflict do nothing", []any{account, store.Millis(tx.Now)}
		}
		_, err := tx.Exec(ctx, query, args...)
		return err
	})
}

// Pause leaves out the months to come until Resume: for illness, service and
// displacement. Which it is nobody asks. Twice is once.
func (s *Standing) Pause(ctx context.Context, account int64) error {
	r, err := s.Resident(ctx, account)
	if err != nil {
		return err
	}
	if r.Organisation || r.Verified.IsZero() {
		return fmt.Errorf("pause: no status to keep: %w", store.ErrDenied)
	}
	return s.DB.Write(ctx, func(ctx context.Context, tx *store.Tx) error {
		_, err := tx.Exec(ctx, "insert into status_freezes (id, account, valid_from) values (?, ?, ?) on conflict do nothing", store.NewID(), account, store.Millis(tx.Now))
		return err
	})
}

// Resume ends a pause; without one nothing happens.
func (s *Standing) Resume(ctx context.Context, account int64) error {
	return s.DB.Write(ctx, func(ctx context.Context, tx *store.Tx) error {
		_, err := tx.Exec(ctx, "update status_freezes set valid_until = ? where account = ? and valid_until = 0", store.Millis(tx.Now), account)
		return err
	})
}
