package standing

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"time"

	rules "viche/actors/standing"
	"viche/internal/ballot"
	"viche/internal/locale"
	"viche/internal/method"
	"viche/internal/store"
	"viche/web"
)

// formulaView is the public page: the formula with this instance's numbers.
type formulaView struct {
	F          rules.Formula
	AsOf, Next time.Time
	Rows       []formulaRow
	Notes      []string
	Upcoming   *decisionView
	Decisions  []decisionView
	Levels     []levelCount
	Districts  []districtRow
	Hidden     int // districts that are too small to show
	K          int
	Desk       bool
}

type formulaRow struct{ Level, Share, Contributions, Agreement string }

type decisionView struct {
	Decision
	Text string
}

type levelCount struct {
	Level string
	Count string
}

type districtRow struct {
	Name        string
	Residents   int
	Responsible int
}

func (s *Standing) showFormula(w http.ResponseWriter, r *http.Request) {
	view, err := s.formula(r.Context(), s.site.Printer(r))
	if err != nil {
		s.site.Error(w, r, err)
		return
	}
	view.Desk = moderates(web.ViewerOf(r))
	s.site.Render(w, r, http.StatusOK, "standing/formula", view)
}

func (s *Standing) formula(ctx context.Context, words *locale.Printer) (formulaView, error) {
	epoch, f, err := s.epoch(ctx)
	if err != nil {
		return formulaView{}, err
	}
	view := formulaView{F: f, AsOf: epoch, Next: s.MonthOf(s.DB.Now()).AddDate(0, 1, 0), K: s.K, Rows: rows(words, s, f)}
	for _, key := range []string{"window", "minimum", "changed", "month", "check", "spheres", "overall", "agreement", "grace", "pause", "ratings", "keys"} {
		view.Notes = append(view.Notes, words.T("standing.note."+key, "Window", f.Window, "Least", f.MinPolls, "Weight", f.Changed, "Monthly", f.Monthly,
			"Grace", f.Grace, "Bucket", ballot.LeastBucket, "Own", ballot.LeastOwn, "Waits", ballot.WaitsFor))
	}
	list, err := s.decisions(ctx)
	if err != nil {
		return formulaView{}, err
	}
	for _, d := range list {
		one := decisionView{d, inWords(words, d.Formula)}
		if view.Upcoming == nil && d.From.After(s.DB.Now()) {
			view.Upcoming = &one
		}
		view.Decisions = append(view.Decisions, one)
	}
	return view, s.fairness(ctx, words, epoch, &view)
}

func rows(words *locale.Printer, s *Standing, f rules.Formula) []formulaRow {
	more := func(n int) string { return words.T("standing.more-than", "Share", n) }
	none := "–"
	level := func(l rules.Level) string { return words.T("standing.level." + l.String() + ".bare") }
	return []formulaRow{
		{level(rules.Registered), none, none, none},
		{level(rules.Responsible), more(f.Responsible), none, none},
		{level(rules.Expert), more(f.Expert), words.T("standing.monthly.suggested", "Count", f.Monthly), none},
		{level(rules.Leader), more(f.Leader), words.T("standing.monthly.proposed", "Count", f.Monthly), words.T("standing.half")},
	}
}

func inWords(words *locale.Printer, f rules.Formula) string {
	return words.T("standing.in-words", "Responsible", f.Responsible, "Expert", f.Expert, "Leader", f.Leader, "Window", f.Window, "Least", f.MinPolls, "Weight", f.Changed, "Monthly", f.Monthly, "Grace", f.Grace)
}

// fairness fills in how many people have each level, and by district: whether the
// formula is as open to everybody. A number under k is not shown, nor another
// with which it could be found.
func (s *Standing) fairness(ctx context.Context, words *locale.Printer, epoch time.Time, view *formulaView) error {
	if epoch.IsZero() {
		return nil
	}
	var text string
	if err := s.DB.ReadBound().Row(ctx, []any{&text}, "select report from status_epochs where epoch = ?", store.Millis(epoch)); err != nil {
		return err
	}
	var report Report
	if err := json.Unmarshal([]byte(text), &report); err != nil {
		return errors.Join(errors.New("report of the turn"), err)
	}
	view.Levels = s.levelCounts(words, report)
	view.Districts, view.Hidden = s.districts(words.Lang(), report)
	return nil
}

// levelCounts are the people by their highest level, without a sum.
func (s *Standing) levelCounts(words *locale.Printer, report Report) (out []levelCount) {
	var sums [rules.Leader + 1]int
	for _, one := range report {
		for l, n := range one {
			sums[l] += n
		}
	}
	hide := method.Suppress(sums[rules.Registered:], s.K)
	for i, n := range sums[rules.Registered:] {
		shown := words.T("standing.hidden")
		if !hide[i] {
			shown = words.Number(n)
		}
		out = append(out, levelCount{words.T("standing.level." + (rules.Registered + rules.Level(i)).String() + ".bare"), shown})
	}
	return out
}

// districts are those where both those who are responsible or more, and those
// who are not, are k or more; of the others only how many there are.
func (s *Standing) districts(lang string, report Report) (list []districtRow, hidden int) {
	codes := make([]string, 0, len(report))
	for code := range report {
		codes = append(codes, code)
	}
	slices.Sort(codes)
	var responsible, others []int
	for _, code := range codes {
		n := 0
		for _, k := range report[code][rules.Responsible:] {
			n += k
		}
		responsible, others = append(responsible, n), append(others, report[code][rules.Registered])
	}
	hide := method.Suppress(responsible, s.K)
	for i := range others {
		hide[i] = hide[i] || others[i] < s.K
	}
	var also []int
	for i, h := range hide {
		if h {
			also = append(also, i)
		}
	}
	hide = method.Suppress(responsible, s.K, also...)
	for i, h := range method.Suppress(others, s.K, also...) {
		hide[i] = hide[i] || h
	}
	for i, code := range codes {
		if hide[i] {
			hidden++
			continue
		}
		list = append(list, districtRow{s.Place(code, lang), responsible[i] + others[i], responsible[i]})
	}
	slices.SortFunc(list, func(a, b districtRow) int { return cmp.Compare(a.Name, b.Name) })
	return list, hidden
}
