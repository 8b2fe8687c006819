package union

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"viche/internal/ballot"
)

func TestSmallCitiesAreHiddenAmongOthers(t *testing.T) {
	t.Parallel()
	// A share is written oblast:ballots, with ! when all voted alike, * when
	// shown before, and =LINE when hidden in that line before.
	cases := []struct{ name, shares, alone, lines, left string }{
		{"nobody is small", "A:100 A:50 B:10", "0 1 2", "", ""},
		{"the next smallest of the oblast help", "A:5 A:900 A:40 A:50 B:12", "1 4", "A=0,2,3", ""},
		{"two small ones need a third", "A:5 A:6 A:40 B:12", "3", "A=0,1,2", ""},
		{"three small ones are enough", "A:5 A:6 A:7 A:40", "3", "A=0,1,2", ""},
		{"but not when they are still too few", "A:1 A:2 A:3 A:40 A:50", "4", "A=0,1,2,3", ""},
		{"an oblast without others goes to the country's line", "A:5 A:40 B:12 C:900", "3", "UA=0,1,2", ""},
		{"lonely ones of several oblasts join", "A:5 B:6 C:7 D:90", "3", "UA=0,1,2", ""},
		{"one mind is hidden too", "A:40! A:50 A:60 A:70", "3", "A=0,1,2", ""},
		{"a hundred of one mind are not", "A:100! A:50 A:60", "0 1 2", "", ""},
		{"whom everybody saw hides nobody", "A:5 A:40* A:50* B:60*", "1 2 3", "", "0"},
		{"two cities cannot hide one of them", "A:5 A:500", "1", "", "0"},
		{"a line stays as it is", "A:5=A A:40=A A:50=A A:60", "3", "A=0,1,2", ""},
		{"one more does not join it", "A:5=A A:40=A A:50=A A:6 A:60*", "4", "A=0,1,2", "3"},
		{"three more do", "A:5=A A:40=A A:50=A A:6 A:7 A:8 A:60*", "6", "A=0,1,2,3,4,5", ""},
		{"three more who are too few do not", "A:5=A A:40=A A:50=A A:1 A:1 A:1 A:60*", "6", "A=0,1,2", "3 4 5"},
		{"an oblast's new line helps the country's", "A:5 A:40 A:50 B:6", "", "UA=0,1,2,3", ""},
	}
	for _, c := range cases {
		var shares []cityShare
		for i, text := range strings.Fields(c.shares) {
			text, line, _ := strings.Cut(text, "=")
			s := cityShare{actor: fmt.Sprint("city", i), line: line, shown: strings.HasSuffix(text, "*")}
			oneMind := strings.HasSuffix(text, "!")
			oblast, n, _ := strings.Cut(strings.TrimRight(text, "*!"), ":")
			var ballots int
			if _, err := fmt.Sscan(n, &ballots); err != nil {
				t.Fatal(err)
			}
			s.territory, s.numbers = oblast, yesNo(1000, ballots-1, 1)
			if oneMind {
				s.numbers = yesNo(1000, ballots, 0)
			}
			shares = append(shares, s)
		}
		a := arrange(shares, 10, func(code string) string { return code })
		var lines []string
		for _, code := range sorted(a.lines) {
			group := slices.Clone(a.lines[code])
			slices.Sort(group)
			lines = append(lines, code+"="+strings.ReplaceAll(strings.Trim(fmt.Sprint(group), "[]"), " ", ","))
		}
		got := [3]string{strings.Trim(fmt.Sprint(a.alone), "[]"), strings.Join(lines, " "), strings.Trim(fmt.Sprint(a.left), "[]")}
		if want := [3]string{c.alone, c.lines, c.left}; got != want {
			t.Errorf("%s: arrange(%s) = alone %q lines %q left %q, want %q", c.name, c.shares, got[0], got[1], got[2], want)
		}
	}
}

// testPoll is a poll as decide needs it.
func testPoll() *row {
	return &row{pollState: pollState{Poll: &Poll{K: 10, Questions: []Question{{Kind: ballot.One, Options: []Option{{"o1", "Так"}, {"o2", "Ні"}}}}}}}
}

func testPlace(i, sequence int, stage string, n ballot.Numbers) *place {
	actor := fmt.Sprintf("https://city%d.example/actor", i)
	s := &stored{author: actor, stage: stage, sequence: sequence, numbers: n, digest: fmt.Sprint(actor, sequence)}
	return &place{Member: Member{Actor: actor, Territory: "A"}, register: n.Register, newest: s}
}

func TestCorrectionsThatWouldGiveSomebodyAwayAreToldInWords(t *testing.T) {
	t.Parallel()
	u := &Union{Options: Options{Oblast: func(code string) string { return code }}}
	correct := func(pl *place, n ballot.Numbers) {
		pl.before = pl.newest
		corrected := testPlace(0, 2, Correction, n).newest
		corrected.digest = "corrected " + pl.before.digest
		pl.newest = corrected
	}
	for _, c := range []struct {
		name     string
		n        ballot.Numbers
		hidden   bool
		ballots  int
		inWords  bool
		together bool
	}{
		{name: "nine ballots", n: yesNo(5000, 309, 200), ballots: 1500, inWords: true},
		{name: "ten ballots", n: yesNo(5000, 310, 200), ballots: 1510},
		{name: "nine moved from one option to the other", n: yesNo(5000, 291, 209), ballots: 1500, inWords: true},
		{name: "a hidden city alone", n: yesNo(5000, 300, 300), hidden: true, ballots: 1500, inWords: true},
		{name: "three hidden cities together", n: yesNo(5000, 300, 300), hidden: true, together: true, ballots: 1800},
	} {
		g := &gathered{shown: map[string]bool{}}
		for i := range 3 {
			pl := testPlace(i, 1, Final, yesNo(5000, 300, 200))
			if c.hidden {
				pl.line = "A"
			} else {
				g.shown[pl.Actor] = true
			}
			pl.before = pl.newest
			if i == 0 || c.together {
				correct(pl, c.n)
			}
			g.places = append(g.places, pl)
		}
		d := u.decide(testPoll(), g, true)
		if d.whole.Ballots != c.ballots || (len(d.notes) == 1) != c.inWords {
			t.Errorf("%s: %d ballots, notes %v; want %d, in words %v", c.name, d.whole.Ballots, d.notes, c.ballots, c.inWords)
		}
	}
	// The same nine ballots count where they turn the outcome.
	g := &gathered{shown: map[string]bool{}}
	a, b := testPlace(0, 1, Final, yesNo(5000, 300, 300)), testPlace(1, 1, Final, yesNo(5000, 200, 195))
	a.before, b.before = a.newest, b.newest
	correct(a, yesNo(5000, 300, 308))
	g.places = []*place{a, b}
	if d := u.decide(testPoll(), g, true); d.whole.Questions[0].Counts[1] != 503 || len(d.notes) != 0 {
		t.Errorf("a correction that turns the outcome: %+v, notes %v; want it counted", d.whole, d.notes)
	}
}

func TestPreliminaryResultHoldsBackWhoMustBeHidden(t *testing.T) {
	t.Parallel()
	u := &Union{Options: Options{Oblast: func(code string) string { return code }}}
	g := &gathered{shown: map[string]bool{}}
	for i, n := range []int{3, 40, 50, 600, 700} {
		g.places = append(g.places, testPlace(i, 1, Final, yesNo(5000, n-1, 1)))
	}
	g.places = append(g.places, &place{Member: Member{Actor: "https://late.example/actor", Territory: "A"}, register: 77})
	d := u.decide(testPoll(), g, false)
	if d.whole.Ballots != 1300 || len(d.lines) != 0 || len(d.missing) != 4 || d.outstanding != 3*5000+77 {
		t.Errorf("preliminary: %d ballots, %d lines, %d missing, %d outstanding; want the two large cities alone", d.whole.Ballots, len(d.lines), len(d.missing), d.outstanding)
	}
	g.shown["https://city3.example/actor"], g.shown["https://city4.example/actor"] = true, true
	d = u.decide(testPoll(), g, true)
	if d.whole.Ballots != 1393 || len(d.lines) != 1 || d.lines[0].Cities != 3 || len(d.missing) != 1 {
		t.Errorf("final: %d ballots, lines %+v, missing %v; want everybody, three in a line", d.whole.Ballots, d.lines, d.missing)
	}
	// A small city for whom nobody is left to hide it is told in words.
	for i := range 5 {
		g.shown[fmt.Sprintf("https://city%d.example/actor", i)] = true
	}
	d = u.decide(testPoll(), g, true)
	if d.whole.Ballots != 1390 || len(d.excluded) != 1 || d.excluded[0].Reason == "" || len(d.notes) != 1 || d.notes[0].Ballots != 3 || d.notes[0].Host != "" {
		t.Errorf("nobody left to hide it: %d ballots, excluded %v, notes %v", d.whole.Ballots, d.excluded, d.notes)
	}
	// But not where its ballots decide.
	for i := range 4 {
		g.places[i+1].newest.numbers = yesNo(5000, 50, 50)
	}
	d = u.decide(testPoll(), g, true)
	if d.whole.Ballots != 403 || len(d.excluded) != 0 || len(d.lines) != 1 || d.lines[0].Cities != 3 || len(d.shares) != 2 {
		t.Errorf("ballots that decide: %d ballots, excluded %v, lines %+v", d.whole.Ballots, d.excluded, d.lines)
	}
}
