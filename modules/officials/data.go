package officials

import (
	"context"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"

	"github.com/go-chi/chi/v5"

	"viche/internal/store"
	"viche/web"
)

// What programs read: a feed of changes, indicators as a table, a card as JSON.
// Each holds what everybody may see, so of grades only rounds that have ended.

const feedSize = 50

func (s pages) feed(w http.ResponseWriter, r *http.Request) {
	words := s.site.Printer(r)
	list, err := s.changes(r.Context(), feedSize, "")
	if err != nil {
		s.site.Error(w, r, err)
		return
	}
	feed := web.Feed{
		Title: words.T("officials.feed.title", "Instance", s.Name), Path: "/officials/feed.atom", Page: "/officials",
		Author: web.FeedAuthor{Name: s.Name, URI: s.Base + "/"}, Since: firstDay,
	}
	for _, c := range list {
		at := store.Time(c.At)
		if at.After(feed.Newest) {
			feed.Newest = at
		}
		feed.Entries = append(feed.Entries, web.FeedEntry{
			ID: fmt.Sprintf("%s%s#change-%d", s.Base, c.path(), c.ID), Title: words.T("officials.change."+c.Act, "What", c.What),
			Published: at, Updated: at, URL: s.Base + c.path(), Kind: "text", Text: c.Reason,
		})
	}
	s.site.Feed(w, r, feed)
}

// mostRows of indicators go into one table.
const mostRows = 20_000

// csv writes the indicators that hold, of one term or of all.
func (s pages) csv(w http.ResponseWriter, r *http.Request) {
	where, args := "", []any(nil)
	if chi.URLParam(r, "term") != "" {
		t, _, err := s.termOf(r)
		if err != nil {
			s.site.Error(w, r, err)
			return
		}
		where, args = " and t.id = ?", []any{t.ID}
	}
	var rows []struct {
		Indicator
		Person    string `bun:"person"`
		Title     string `bun:"title"`
		Territory string `bun:"territory"`
	}
	err := s.DB.Read().NewRaw(`
		select i.*, h.name as person, o.title, o.territory
		from indicators i join office_terms t on t.id = i.term join office_holders h on h.id = t.holder join offices o on o.id = t.office
		where i.replaced = 0`+where+" order by o.level, o.id, t.id, i.id limit ?", append(args, mostRows)...).Scan(r.Context(), &rows)
	if err != nil {
		s.site.Error(w, r, fmt.Errorf("indicators as a table: %w", store.Kind(err)))
		return
	}
	words := s.site.Printer(r)
	var out strings.Builder
	table := csv.NewWriter(&out)
	lines := [][]string{{"card", "territory", "office", "name", "indicator", "definition", "unit", "baseline", "target", "value", "from", "until", "source", "source_url", "source_date", "entered"}}
	for _, row := range rows {
		v := indicatorViewOf(words, row.Indicator)
		lines = append(lines, []string{s.Base + termPath(row.Term), row.Territory, row.Title, row.Person, v.Name, v.Definition, row.Unit, row.Baseline, row.Target, row.Value,
			typedDay(store.Time(row.From)), typedDay(before(store.Time(row.Until))), row.Source, row.SourceURL, typedDay(store.Time(row.SourceAt)), typedDay(store.Time(row.Created))})
	}
	for _, line := range lines {
		for i := range line {
			line[i] = inert(line[i])
		}
		_ = table.Write(line) // a strings.Builder never fails
	}
	table.Flush()
	h := w.Header()
	h.Set("Content-Type", "text/csv; charset=utf-8")
	h.Set("Content-Disposition", `attachment; filename="indicators.csv"`)
	h.Set("Cache-Control", "public, max-age=300")
	h.Add("Vary", "Accept-Language, Cookie")
	_, _ = w.Write([]byte(out.String())) // a reader who hangs up needs no answer
}

// inert keeps a table from being a program: a spreadsheet calculates what begins
// like a formula.
func inert(cell string) string {
	if cell != "" && strings.ContainsRune("=+@\t\r", rune(cell[0])) || len(cell) > 1 && cell[0] == '-' && (cell[1] < '0' || cell[1] > '9') {
		return "'" + cell
	}
	return cell
}

// cardData is a card as JSON.
type cardData struct {
	URL        string          `json:"url"`
	Name       string          `json:"name"`
	Office     officeData      `json:"office"`
	From       string          `json:"from"`
	Until      string          `json:"until,omitempty"`
	Acting     bool            `json:"acting"`
	Source     string          `json:"source"`
	Indicators []indicatorData `json:"indicators"`
	Rounds     []roundData     `json:"rounds"`
	Replies    []replyData     `json:"replies"`
}

type officeData struct {
	URL       string `json:"url"`
	Title     string `json:"title"`
	Kind      string `json:"kind"`
	Level     string `json:"level"`
	Elected   bool   `json:"elected"`
	Territory string `json:"territory"`
	Body      string `json:"body,omitempty"`
	Sphere    string `json:"sphere,omitempty"`
}

type indicatorData struct {
	Kind       string `json:"kind"`
	Name       string `json:"name"`
	Definition string `json:"definition"`
	Unit       string `json:"unit,omitempty"`
	Baseline   string `json:"baseline,omitempty"`
	Target     string `json:"target,omitempty"`
	Value      string `json:"value"`
	From       string `json:"from"`
	Until      string `json:"until"`
	Source     string `json:"source"`
	SourceURL  string `json:"sourceUrl,omitempty"`
	SourceDate string `json:"sourceDate,omitempty"`
	Disputed   bool   `json:"disputed"`
}

// roundData is a round; Grades are there once it has ended, for the criteria
// with enough of them.
type roundData struct {
	URL      string      `json:"url"`
	Quarter  string      `json:"quarter"`
	Closes   string      `json:"closes"`
	Closed   bool        `json:"closed"`
	Ballots  int         `json:"ballots,omitempty"`
	Register int         `json:"register,omitempty"`
	Grades   []gradeData `json:"grades,omitempty"`
}

type gradeData struct {
	Criterion    string     `json:"criterion"`
	N            int        `json:"n"`
	NoExperience int        `json:"noExperience"`
	Median       string     `json:"median"`
	Good         int        `json:"goodOrBetter"`
	Interval     [2]float64 `json:"interval95"`
	Counts       []int      `json:"counts,omitempty"`
	Tier         string     `json:"tier,omitempty"`
}

type replyData struct {
	Kind   string `json:"kind"`
	Date   string `json:"date"`
	Text   string `json:"text"`
	Due    string `json:"due,omitempty"`
	State  string `json:"state"`
	Answer string `json:"answer,omitempty"`
}

func (s pages) cardJSON(w http.ResponseWriter, r *http.Request) {
	t, office, err := s.termOf(r)
	var card cardData
	if err == nil {
		card, err = s.data(r.Context(), r, t, office)
	}
	if err != nil {
		s.site.Error(w, r, err)
		return
	}
	h := w.Header()
	h.Set("Content-Type", "application/json; charset=utf-8")
	h.Set("Cache-Control", "public, max-age=60")
	h.Add("Vary", "Accept, Accept-Language, Cookie")
	_ = json.NewEncoder(w).Encode(card) // a reader who hangs up needs no answer
}

func (s pages) data(ctx context.Context, r *http.Request, t *Term, office *Office) (card cardData, err error) {
	words := s.site.Printer(r)
	kind, _ := kindOf(office.Kind)
	card = cardData{
		URL: s.Base + t.Path(), Name: t.Name, From: typedDay(store.Time(t.From)), Acting: t.Acting == 1, Source: t.Source,
		Office: officeData{URL: s.Base + office.Path(), Title: office.Title, Kind: office.Kind, Level: office.Level.String(), Elected: kind.Elected,
			Territory: office.Territory, Body: office.Body, Sphere: office.Sphere},
		Indicators: []indicatorData{}, Rounds: []roundData{}, Replies: []replyData{},
	}
	if t.Until != 0 {
		card.Until = lastOf(*t)
	}
	replies, err := s.replies(ctx, "where term = ? order by id desc limit 100", t.ID)
	if err != nil {
		return card, err
	}
	disputed := map[int64]bool{}
	for _, one := range replies {
		if one.State == stateOpen {
			disputed[one.Indicator] = true
		}
		card.Replies = append(card.Replies, replyData{Kind: one.Kind, Date: typedDay(store.Time(one.Created)), Text: one.Body, Due: typedDay(store.Time(one.Due)), State: one.State, Answer: one.Answer})
	}
	indicators, err := s.indicatorsOf(ctx, t.ID)
	if err != nil {
		return card, err
	}
	for _, one := range indicators {
		if one.Replaced != 0 {
			continue
		}
		v := indicatorViewOf(words, one)
		card.Indicators = append(card.Indicators, indicatorData{Kind: one.Kind, Name: v.Name, Definition: v.Definition, Unit: one.Unit, Baseline: one.Baseline, Target: one.Target,
			Value: one.Value, From: typedDay(store.Time(one.From)), Until: typedDay(before(store.Time(one.Until))), Source: one.Source, SourceURL: one.SourceURL,
			SourceDate: typedDay(store.Time(one.SourceAt)), Disputed: disputed[one.ID]})
	}
	rounds, err := s.rounds(ctx, "where term = ? order by id desc limit 40", t.ID)
	if err != nil {
		return card, err
	}
	for _, one := range rounds {
		data, err := s.roundData(ctx, one)
		if err != nil {
			return card, err
		}
		card.Rounds = append(card.Rounds, data)
	}
	return card, nil
}

// roundData asks as nobody: what a program fetches may be shown to anybody.
func (s pages) roundData(ctx context.Context, round Round) (roundData, error) {
	totals, err := s.TotalsOf(ctx, round.Poll, nil)
	out := roundData{URL: s.Base + round.Path(), Quarter: round.Quarter, Closes: store.Time(round.Closes).Format("2006-01-02T15:04:05Z"), Closed: totals.Closed}
	if err != nil || !totals.Seen {
		return out, err
	}
	out.Ballots, out.Register = totals.Ballots, totals.Register
	for _, a := range Assess(totals.Numbers) {
		if a.Enough {
			out.Grades = append(out.Grades, gradeData{a.Criterion, a.N, a.None, a.Median, a.Good, [2]float64{rounded(a.Low), rounded(a.High)}, a.Counts, string(a.Tier)})
		}
	}
	return out, nil
}

// rounded is a share in thousandths.
func rounded(share float64) float64 { return float64(int(share*1000+0.5)) / 1000 }
