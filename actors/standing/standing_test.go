package standing_test

import (
	"fmt"
	"math/big"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"viche/actors/standing"
)

var kyiv = func() *time.Location {
	zone, err := time.LoadLocation("Europe/Kyiv")
	if err != nil {
		panic(err)
	}
	return zone
}()

// A history is what really happened to somebody, event by event.
type history struct {
	epoch    time.Time
	verified time.Time
	org      bool
	polls    []poll
	deeds    []deed
	frozen   []span
	agrees   [standing.Scopes]bool
}

type poll struct {
	closed        time.Time
	sphere        standing.Scope
	took, changed bool
}

type deed struct {
	at     time.Time
	sphere standing.Scope
	toPoll bool
}

type span struct{ from, until time.Time }

func random(r *rand.Rand) history {
	epoch := time.Date(2024+r.IntN(4), time.Month(1+r.IntN(12)), 1, 0, 0, 0, 0, kyiv)
	before := func(months float64) time.Time {
		return epoch.Add(-time.Duration(r.Float64() * months * 30.4 * 24 * float64(time.Hour)))
	}
	h := history{epoch: epoch, verified: before([]float64{3, 14, 40}[r.IntN(3)]), org: r.IntN(30) == 0}
	if r.IntN(30) == 0 {
		h.verified = time.Time{}
	}
	spheres := 1 + r.IntN(4)
	sphere := func() standing.Scope { return standing.Scope(1 + r.IntN(spheres)) }
	zeal, whim := []float64{0.4, 0.75, 0.92, 1}[r.IntN(4)], []float64{0, 0, 0.1, 0.5}[r.IntN(4)]
	for range []int{2, 8, 40, 90}[r.IntN(4)] {
		p := poll{closed: before(36), sphere: sphere(), took: r.Float64() < zeal}
		p.changed = p.took && r.Float64() < whim
		if !h.verified.IsZero() && p.closed.After(h.verified) { // else not on its register
			h.polls = append(h.polls, p)
		}
	}
	// Steady people propose every month; others now and then, some only ideas.
	steady, toPolls := r.IntN(3) > 0, []float64{0, 0.9, 1}[r.IntN(3)]
	for m := range 36 {
		if !steady && r.IntN(3) == 0 {
			continue
		}
		for s := range spheres {
			start := epoch.AddDate(0, -m-1, 0)
			// The ends of months are where time zones matter.
			at := start.Add(time.Duration(r.IntN(3)) * time.Minute)
			if r.IntN(2) == 0 {
				at = epoch.AddDate(0, -m, 0).Add(-time.Duration(1+r.IntN(200)) * time.Minute)
			}
			h.deeds = append(h.deeds, deed{at, standing.Scope(1 + s), r.Float64() < toPolls})
		}
	}
	for range r.IntN(3) {
		from := before(30)
		h.frozen = append(h.frozen, span{from, from.Add(time.Duration(r.IntN(100)) * 24 * time.Hour)})
	}
	for s := range h.agrees {
		h.agrees[s] = r.IntN(3) > 0
	}
	return h
}

// person turns the history into the counters that the rules get.
func (h history) person() standing.Person {
	p := standing.Person{Verified: h.verified, Organisation: h.org, Months: standing.MonthsBefore(h.epoch, standing.Kept), Agrees: h.agrees}
	month := func(t time.Time) *standing.Month {
		for i := range p.Months {
			if p.Months[i].Start.Equal(standing.MonthStart(t, kyiv)) {
				return &p.Months[i]
			}
		}
		return new(standing.Month)
	}
	for _, one := range h.polls {
		m := month(one.closed)
		for _, s := range []standing.Scope{standing.Everywhere, one.sphere} {
			m.Polls[s].Could++
			if one.took {
				m.Polls[s].Took++
			}
			if one.changed {
				m.Polls[s].Changed++
			}
		}
	}
	for _, d := range h.deeds {
		month(d.at).Propose(d.sphere, d.toPoll)
	}
	for i := range p.Months {
		p.Months[i].Frozen = h.isFrozen(p.Months[i].Start)
	}
	return p
}

func (h history) isFrozen(month time.Time) bool {
	end := month.AddDate(0, 1, 0)
	return slices.ContainsFunc(h.frozen, func(s span) bool { return s.from.Before(end) && s.until.After(month) })
}

// reference reads R1.5 word by word over the events, slowly.
func (h history) reference(f standing.Formula) (all []standing.Status) {
	if h.org || h.verified.IsZero() {
		return nil
	}
	var window []string // "2026-11", in Kyiv
	var full []string
	for back := 1; back <= standing.Kept && len(window) < f.Window; back++ {
		month := time.Date(h.epoch.Year(), h.epoch.Month()-time.Month(back), 1, 0, 0, 0, 0, kyiv)
		if h.isFrozen(month) {
			continue
		}
		window = append(window, month.Format("2006-01"))
		if !month.Before(h.verified) {
			full = append(full, month.Format("2006-01"))
		}
	}
	within := func(t time.Time) bool { return slices.Contains(window, t.In(kyiv).Format("2006-01")) }
	in := func(s, of standing.Scope) bool { return s == standing.Everywhere || s == of }
	share := func(s standing.Scope, changed *big.Rat) (*big.Rat, int) {
		could, got := 0, new(big.Rat)
		for _, p := range h.polls {
			if !in(s, p.sphere) || !within(p.closed) {
				continue
			}
			could++
			switch {
			case p.changed:
				got.Add(got, changed)
			case p.took:
				got.Add(got, big.NewRat(1, 1))
			}
		}
		if could > 0 {
			got.Quo(got, big.NewRat(int64(could), 1))
		}
		return got, could
	}
	every := func(s standing.Scope, ideas bool) bool {
		for _, month := range full {
			n := 0
			for _, d := range h.deeds {
				if in(s, d.sphere) && d.at.In(kyiv).Format("2006-01") == month && (d.toPoll || ideas) {
					n++
				}
			}
			if n < f.Monthly {
				return false
			}
		}
		return len(full) > 0
	}
	more := func(got *big.Rat, percent int) bool { return got.Cmp(big.NewRat(int64(percent), 100)) > 0 }

	all = append(all, standing.Status{Level: standing.Registered})
	got, could := share(standing.Everywhere, big.NewRat(1, 1))
	if could < f.MinPolls || !more(got, f.Responsible) {
		return all
	}
	all = append(all, standing.Status{Level: standing.Responsible})
	for s := standing.Everywhere; s < standing.Scopes; s++ {
		got, could := share(s, big.NewRat(int64(f.Changed), 100))
		if could < f.MinPolls {
			continue
		}
		if more(got, f.Expert) && every(s, true) {
			all = append(all, standing.Status{Level: standing.Expert, Scope: s})
		}
		if more(got, f.Leader) && every(s, false) && h.agrees[s] {
			all = append(all, standing.Status{Level: standing.Leader, Scope: s})
		}
	}
	return all
}

func sorted(all []standing.Status) []string {
	var out []string
	for _, s := range all {
		out = append(out, fmt.Sprintf("%s %02d", s.Level, s.Scope))
	}
	slices.Sort(out)
	return out
}

// R1.5: the fast rules and the slow reading of the text agree on 10,000 people.
func TestRulesHoldForTenThousandHistories(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(5, 2026))
	seen := map[standing.Level]int{}
	for i := range 10_000 {
		h, f := random(r), standing.Default()
		if i%2 == 1 {
			f = standing.Formula{Window: 1 + r.IntN(24), MinPolls: 1 + r.IntN(5), Responsible: r.IntN(60), Expert: 60 + r.IntN(20), Leader: 80 + r.IntN(20), Changed: r.IntN(101), Monthly: r.IntN(3), Grace: 1}
		}
		got := f.Meets(h.person())
		if a, b := sorted(got), sorted(h.reference(f)); !slices.Equal(a, b) {
			t.Fatalf("history %d, formula %+v: the rules give %v, the reference %v", i, f, a, b)
		}
		seen[standing.Highest(got).Level]++
	}
	for l := standing.None; l <= standing.Leader; l++ {
		if seen[l] < 100 {
			t.Errorf("only %d histories end as %s: the test does not try it", seen[l], l)
		}
	}
}

// steady takes part in n of m polls in each of twelve months, and proposes to a
// poll in each, all in sphere 1.
func steady(epoch time.Time, took, could int) standing.Person {
	p := standing.Person{Verified: epoch.AddDate(-2, 0, 0), Months: standing.MonthsBefore(epoch, 12)}
	for i := range p.Months {
		for _, s := range []standing.Scope{standing.Everywhere, 1} {
			p.Months[i].Polls[s] = standing.Polls{Could: could, Took: took}
			p.Agrees[s] = true
		}
		p.Months[i].Propose(1, true)
	}
	return p
}

var epoch = time.Date(2026, 12, 1, 0, 0, 0, 0, kyiv)

func TestStrictlyMoreNeverAtLeast(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		took, could int
		want        standing.Level
	}{{1, 2, standing.Registered}, {3, 4, standing.Responsible}, {9, 10, standing.Expert}, {10, 10, standing.Leader}, {51, 100, standing.Responsible}, {76, 100, standing.Expert}, {91, 100, standing.Leader}} {
		if got := standing.Highest(standing.Default().Meets(steady(epoch, c.took, c.could))).Level; got != c.want {
			t.Errorf("%d of %d polls: %s, want %s", c.took, c.could, got, c.want)
		}
	}
}

// R1.5: an idea makes an expert, but not a leader.
func TestLeaderProposesToPollsAndNotIdeas(t *testing.T) {
	t.Parallel()
	p := steady(epoch, 10, 10)
	for i := range p.Months {
		p.Months[i].Proposals, p.Months[i].Ideas = p.Months[i].Ideas, p.Months[i].Proposals
	}
	if got := standing.Highest(standing.Default().Meets(p)); got != (standing.Status{Level: standing.Expert}) {
		t.Errorf("with ideas alone: %v, want the city's expert", got)
	}
	p.Months[3].Ideas = [standing.Scopes]int{}
	if got := standing.Highest(standing.Default().Meets(p)).Level; got != standing.Responsible {
		t.Errorf("with a month without any: %s, want responsible", got)
	}
}

func TestChangedBallotCountsHalf(t *testing.T) {
	t.Parallel()
	p := steady(epoch, 10, 10)
	for i := range p.Months { // 10 of 10, two of them halves: 90 %, not more
		p.Months[i].Polls[0].Changed, p.Months[i].Polls[1].Changed = 2, 2
	}
	if got := standing.Highest(standing.Default().Meets(p)).Level; got != standing.Expert {
		t.Errorf("two of ten changed: %s, want expert", got)
	}
	for i := range p.Months {
		p.Months[i].Polls[0].Changed, p.Months[i].Polls[1].Changed = 10, 10
	}
	if got := standing.Highest(standing.Default().Meets(p)).Level; got != standing.Responsible {
		t.Errorf("all changed: %s, want responsible, for which changes do not matter", got)
	}
}

func TestMissingIsTheFewestPollsThatDo(t *testing.T) {
	t.Parallel()
	f := standing.Default()
	for _, c := range []struct {
		took, could int
		level       standing.Level
		want        int
	}{{0, 0, standing.Responsible, 3}, {2, 3, standing.Responsible, 0}, {5, 10, standing.Responsible, 1}, {0, 10, standing.Responsible, 11}, {9, 10, standing.Leader, 1}, {0, 200, standing.Leader, -1}} {
		if got := f.Missing(c.level, standing.Progress{Polls: standing.Polls{Could: c.could, Took: c.took}}); got != c.want {
			t.Errorf("%d of %d towards %s: %d missing, want %d", c.took, c.could, c.level, got, c.want)
		}
	}
}

func TestLossShowsAfterAMonthOfGrace(t *testing.T) {
	t.Parallel()
	f := standing.Default()
	good := []standing.Status{{Level: standing.Expert, Scope: 3}, {Level: standing.Responsible}, {Level: standing.Registered}}
	poor := []standing.Status{{Level: standing.Registered}}
	held, lost := f.Step(nil, good, false, epoch)
	if len(held) != 3 || len(lost) != 0 || !held[0].Since.Equal(epoch) {
		t.Fatalf("earned %v, lost %v", held, lost)
	}
	next := epoch.AddDate(0, 1, 0)
	grace, lost := f.Step(held, poor, false, next)
	if len(grace) != 3 || len(lost) != 0 || !f.Ends(grace[0]).Equal(epoch.AddDate(0, 2, 0)) {
		t.Errorf("first month below: held %v, lost %v", grace, lost)
	}
	if again, _ := f.Step(grace, poor, false, next); !slices.Equal(again, grace) {
		t.Errorf("the same step twice: %v, want %v", again, grace)
	}
	if back, lost := f.Step(grace, good, false, next.AddDate(0, 1, 0)); len(back) != 3 || len(lost) != 0 || !back[0].Failing.IsZero() || !back[0].Since.Equal(epoch) {
		t.Errorf("recovered within the grace: %v, lost %v", back, lost)
	}
	if still, lost := f.Step(grace, nil, true, next.AddDate(0, 1, 0)); len(still) != 3 || len(lost) != 0 {
		t.Errorf("frozen: %v, lost %v", still, lost)
	}
	gone, lost := f.Step(grace, poor, false, next.AddDate(0, 1, 0))
	if len(gone) != 1 || gone[0].Level != standing.Registered || len(lost) != 2 {
		t.Errorf("second month below: held %v, lost %v", gone, lost)
	}
}

func TestFormulaThatMakesNoRuleIsRefused(t *testing.T) {
	t.Parallel()
	if faults := standing.Default().Check(); len(faults) > 0 {
		t.Fatalf("the default: %v", faults)
	}
	for field, change := range map[string]func(*standing.Formula){
		"responsible": func(f *standing.Formula) { f.Responsible, f.Expert, f.Leader = 100, 99, 99 },
		"expert":      func(f *standing.Formula) { f.Expert = 49 },
		"leader":      func(f *standing.Formula) { f.Leader = 101 },
		"changed":     func(f *standing.Formula) { f.Changed = 101 },
		"window":      func(f *standing.Formula) { f.Window = 0 },
		"minPolls":    func(f *standing.Formula) { f.MinPolls = 0 },
		"monthly":     func(f *standing.Formula) { f.Monthly = -1 },
		"grace":       func(f *standing.Formula) { f.Grace = 0 },
	} {
		f := standing.Default()
		change(&f)
		faults := f.Check()
		if len(faults) != 1 || faults[0].Field != field {
			t.Errorf("%+v: faults %v, want one of %s", f, faults, field)
		}
	}
}

func TestNamesOfLevels(t *testing.T) {
	t.Parallel()
	for l := standing.None; l <= standing.Leader; l++ {
		if standing.LevelOf(l.String()) != l {
			t.Errorf("level %d is called %q, which is level %d", l, l, standing.LevelOf(l.String()))
		}
	}
	if standing.LevelOf("mayor") != standing.None {
		t.Error("a name of no level is one")
	}
}
