package civic_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"viche/internal/citytest"
	"viche/modules/polls"
)

// totals are the numbers of a result, for comparing.
func totals(v any) string {
	t, ok := v.(map[string]any)
	if !ok {
		return fmt.Sprint(v)
	}
	return fmt.Sprintf("%v %s", t["ballots"], counts(t["counts"]))
}

func counts(v any) string {
	list, ok := v.([]any)
	if !ok {
		return fmt.Sprint(v)
	}
	out := make([]string, len(list))
	for i, c := range list {
		c := c.(map[string]any)
		out[i] = fmt.Sprintf("%v=%v", c["optionId"], c["count"])
	}
	return strings.Join(out, " ")
}

func TestTotalsOpenAfterOnesOwnVote(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, c *client) {
		crowd, idle := c.n.Crowd("kamianske", 5), c.n.Resident("kamianske", "idle", true)
		p := c.n.OpenPoll("kamianske", "city")
		results := func(token string) answer {
			t.Helper()
			return c.get("kamianske", token, "/polls/"+p.PollID+"/results")
		}
		voter, watcher := c.n.Bearer(&crowd[0]), c.n.Bearer(&idle)
		results(voter).want(t, "totals before voting", http.StatusForbidden, "vote-first", "")
		untouched := c.get("kamianske", watcher, "/polls/"+p.PollID).raw

		c.vote("kamianske", voter, p.PollID, `{"choices":["o1"]}`).want(t, "ballot", http.StatusOK, "", "")
		if a := results(voter); a.status != http.StatusOK || string(bytes.TrimSpace(a.raw)) != `{"tooFew":true}` {
			t.Errorf("totals before the first count = %d %s", a.status, a.raw)
		}
		for i, r := range crowd[1:] {
			if err := c.n.Cast(r, p.PollID, []string{"o1", "o2"}[i%2]); err != nil {
				t.Fatal(err)
			}
		}
		c.n.Advance(2 * time.Minute)
		c.n.Settle()
		a := results(voter)
		if a.body["final"] != false || a.body["register"] != 6.0 || totals(a.body["verified"]) != "5 o1=3 o2=2 o3=0" ||
			counts(a.body["firstAnswers"]) != "o1=3 o2=2 o3=0" || a.body["open"] != nil || a.body["here"] != nil {
			t.Errorf("interim totals = %s", a.raw)
		}
		if _, there := a.body["members"]; there {
			t.Errorf("a city's own poll has members: %s", a.raw)
		}
		// Who has not voted learns no number from anywhere.
		for who, token := range map[string]string{"nobody": "", "a resident who has not voted": watcher} {
			results(token).want(t, "totals for "+who, http.StatusForbidden, "vote-first", "")
			if got := c.get("kamianske", token, "/polls/"+p.PollID+"/statements"); string(bytes.TrimSpace(got.raw)) != `{"items":[]}` {
				t.Errorf("statements for %s = %s", who, got.raw)
			}
		}
		if now := c.get("kamianske", watcher, "/polls/"+p.PollID).raw; !bytes.Equal(now, untouched) {
			t.Errorf("the poll shows that others voted:\n%s%s", untouched, now)
		}

		// Two people changed, fewer than three: what they said at first stays theirs.
		for _, r := range crowd[:2] {
			if err := c.n.Cast(r, p.PollID, "o3"); err != nil {
				t.Fatal(err)
			}
		}
		c.n.Advance(2 * time.Minute)
		c.n.Settle()
		if a := results(voter); totals(a.body["verified"]) != "5 o1=1 o2=2 o3=2" || a.body["firstAnswers"] != nil {
			t.Errorf("totals after two changes = %s", a.raw)
		}

		c.n.Advance(8 * 24 * time.Hour)
		if a := results(""); a.status != http.StatusOK || a.body["pending"] != true || a.body["final"] != false || len(a.body) != 2 {
			t.Errorf("totals between close and count = %d %s", a.status, a.raw)
		}
		c.n.Settle()
		for who, token := range map[string]string{"nobody": "", "a voter": voter, "a resident who did not vote": watcher} {
			if a := results(token); a.status != http.StatusOK || a.body["final"] != true || totals(a.body["verified"]) != "5 o1=1 o2=2 o3=2" {
				t.Errorf("the result for %s = %d %s", who, a.status, a.raw)
			}
		}
	}, "kamianske")
}

func TestPollThatOpensAtItsCloseTellsNobodyBefore(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, c *client) {
		olena := c.n.Resident("kamianske", "olena", true)
		p, err := c.n.Town("kamianske").Polls.OpenPoll(t.Context(), polls.Draft{
			Title: "Хто?", Options: []string{"Та", "Той"}, Sphere: "ecology", Results: "afterClose", ClosesAt: c.n.Now().Add(24 * time.Hour),
		})
		if err != nil {
			t.Fatal(err)
		}
		token := c.n.Bearer(&olena)
		c.vote("kamianske", token, p.PollID, `{"choices":["o1"]}`).want(t, "ballot", http.StatusOK, "", "")
		c.get("kamianske", token, "/polls/"+p.PollID+"/results").want(t, "totals for a voter", http.StatusForbidden, "after-close", "")
		c.get("kamianske", "", "/polls/"+p.PollID+"/results").want(t, "totals for nobody", http.StatusForbidden, "after-close", "")
		c.n.Advance(25 * time.Hour)
		c.n.Settle()
		if a := c.get("kamianske", "", "/polls/"+p.PollID+"/results"); string(bytes.TrimSpace(a.raw)) != `{"tooFew":true}` {
			t.Errorf("the result of one ballot = %s", a.raw)
		}
	}, "kamianske")
}

// national has residents of several cities answer one poll; votes are given a
// city, by option.
func national(t *testing.T, c *client, votes map[string][]string) (p *polls.Poll, crowd map[string][]citytest.Resident) {
	t.Helper()
	crowd = map[string][]citytest.Resident{}
	for name, choices := range votes {
		crowd[name] = c.n.Crowd(name, len(choices)+1)
	}
	p = c.n.OpenPoll("ukraine", "national")
	c.n.Settle()
	for name, choices := range votes {
		for i, choice := range choices {
			if err := c.n.Cast(crowd[name][i], p.PollID, choice); err != nil {
				t.Fatalf("%s: %v", crowd[name][i].Handle, err)
			}
		}
	}
	c.n.Advance(2 * time.Minute)
	c.n.Settle()
	return p, crowd
}

// toTheResult lets a week pass, and the cities tell each other their counts.
func (c *client) toTheResult() {
	c.n.Advance(7 * 24 * time.Hour)
	for range 5 {
		c.n.Settle()
		c.n.Advance(time.Minute)
	}
}

func TestNationalResultIsTheSameInEveryCity(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, c *client) {
		cities := []string{"kamianske", "lviv", "kharkiv"}
		p, crowd := national(t, c, map[string][]string{
			"kamianske": {"o1", "o1", "o1", "o2"}, "lviv": {"o1", "o2", "o2", "o3"}, "kharkiv": {"o1", "o2", "o3"},
		})
		path := "/polls/" + p.PollID
		for _, name := range cities {
			a := c.get(name, "", path)
			if a.body["object"] != p.URI || a.body["url"] != "https://"+name+".test/polls/"+p.PollID || a.body["scope"] != "national" || a.body["territory"] != "UA" {
				t.Errorf("the poll in %s = %s", name, a.raw)
			}
			c.get(name, c.n.Bearer(&crowd[name][len(crowd[name])-1]), path+"/results").want(t, "totals before voting in "+name, http.StatusForbidden, "vote-first", "")
			a = c.get(name, c.n.Bearer(&crowd[name][0]), path+"/results")
			if a.body["final"] != false || totals(a.body["verified"]) != "11 o1=5 o2=4 o3=2" || a.body["here"] == nil || a.body["members"] != nil {
				t.Errorf("interim totals in %s = %s", name, a.raw)
			}
		}
		visitor := c.n.Resident("ukraine", "visitor", true)
		c.vote("ukraine", c.n.Bearer(&visitor), p.PollID, `{"choices":["o1"]}`).want(t, "a ballot at the coordinator", http.StatusForbidden, "other-instance", "")
		c.get("ukraine", "", path+"/results").want(t, "totals at the coordinator", http.StatusForbidden, "vote-first", "")
		for _, name := range append(cities, "ukraine") {
			if a := c.get(name, "", path+"/statements"); string(bytes.TrimSpace(a.raw)) != `{"items":[]}` {
				t.Errorf("statements of the open poll in %s = %s", name, a.raw)
			}
		}

		c.toTheResult()
		here := map[string]string{"kamianske": "4 o1=3 o2=1 o3=0", "lviv": "4 o1=1 o2=2 o3=1", "kharkiv": "3 o1=1 o2=1 o3=1", "ukraine": "<nil>"}
		for name, own := range here {
			a := c.get(name, "", path+"/results")
			if a.body["final"] != true || totals(a.body["verified"]) != "11 o1=5 o2=4 o3=2" || counts(a.body["firstAnswers"]) != "o1=5 o2=4 o3=2" || totals(a.body["here"]) != own {
				t.Errorf("the result in %s = %s\nwant here %s", name, a.raw, own)
			}
			members, _ := a.body["members"].([]any)
			if len(members) != 3 || fmt.Sprintf("%v%v%v", a.body["lines"], a.body["missing"], a.body["excluded"]) != "[][][]" || a.body["outstanding"] != 0.0 {
				t.Errorf("the shares in %s = %s", name, a.raw)
			}
			for _, m := range members {
				m := m.(map[string]any)
				city := m["actor"].(string)[len("https://") : len(m["actor"].(string))-len(".test/actor")]
				if totals(m) != here[city] {
					t.Errorf("%s says that %s counted %s, want %s", name, city, totals(m), here[city])
				}
			}
			items, _ := c.get(name, "", path+"/statements").body["items"].([]any)
			if want := map[bool]int{true: 3, false: 1}[name == "ukraine"]; len(items) < want {
				t.Errorf("%s shows %d statements, want at least %d", name, len(items), want)
			}
		}
	}, "ukraine", "kamianske", "lviv", "kharkiv")
}

// Cities with too few ballots stand in one line, which goes out as it was signed.
func TestSmallCitiesAreToldTogether(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, c *client) {
		p, _ := national(t, c, map[string][]string{
			"kamianske": {"o1", "o2"}, "lviv": {"o1", "o2"}, "kharkiv": {"o3", "o2"}, "dnipro": {"o1", "o1", "o2", "o2", "o1"},
		})
		c.toTheResult()
		view, ok, err := c.n.Town("ukraine").Union.ResultOf(t.Context(), p.PollID)
		if err != nil || !ok {
			t.Fatalf("no result: %v", err)
		}
		var signed struct {
			Lines []any `json:"lines"`
		}
		if err := json.Unmarshal(view.Raw, &signed); err != nil || len(signed.Lines) != 1 {
			t.Fatalf("the result has %d lines, %v; want 1", len(signed.Lines), err)
		}
		for _, name := range []string{"ukraine", "lviv", "dnipro"} {
			a := c.get(name, "", "/polls/"+p.PollID+"/results")
			if fmt.Sprint(a.body["lines"]) != fmt.Sprint(signed.Lines) {
				t.Errorf("lines in %s = %v, signed were %v", name, a.body["lines"], signed.Lines)
			}
			if members, _ := a.body["members"].([]any); len(members) != 1 || totals(members[0]) != "5 o1=3 o2=2 o3=0" {
				t.Errorf("members in %s = %v, want the large city alone", name, a.body["members"])
			}
			if hides := a.body["here"] == nil; hides != (name != "dnipro") {
				t.Errorf("here in %s = %v", name, a.body["here"])
			}
			items, _ := c.get(name, "", "/polls/"+p.PollID+"/statements").body["items"].([]any)
			if name == "lviv" && len(items) != 0 {
				t.Errorf("a hidden city shows %d statements", len(items))
			}
		}
	}, "ukraine", "kamianske", "lviv", "kharkiv", "dnipro")
}

func TestSignedObjectsGoOutByteByByte(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, c *client) {
		p, _ := national(t, c, map[string][]string{"kamianske": {"o1", "o1", "o2"}, "lviv": {"o1", "o2", "o2"}})
		c.toTheResult()
		u := c.n.Town("ukraine").Union
		list, err := u.Statements(t.Context(), p.PollID)
		if err != nil || len(list) < 2 {
			t.Fatalf("%d statements, %v; want one a city", len(list), err)
		}
		raw := c.get("ukraine", "", "/polls/"+p.PollID+"/statements").raw
		for _, one := range list {
			if !bytes.Contains(raw, one) {
				t.Errorf("this statement is not shown as it was signed:\n%s\nin\n%s", one, raw)
			}
		}
		newest, err := u.TrustList(t.Context(), 0)
		if err != nil {
			t.Fatal(err)
		}
		paths := map[string]string{"/trust": "application/json", fmt.Sprintf("/trust/%d", newest.Version): "application/activity+json"}
		for path, form := range paths {
			a := c.do("ukraine", "", http.MethodGet, path, "", "Accept", form)
			if !bytes.Equal(a.raw, newest.Raw) || a.header.Get("Content-Type") != form+"; charset=utf-8" {
				t.Errorf("%s as %s = %s %s\nwant %s", path, form, a.header.Get("Content-Type"), a.raw, newest.Raw)
			}
		}
		if a := c.get("ukraine", "", "/trust/1"); a.status != http.StatusOK || a.body["version"] != 1.0 {
			t.Errorf("the first trust list = %d %s", a.status, a.raw)
		}
		for _, version := range []string{"0", "-1", "999", "x", "1.0"} {
			c.get("ukraine", "", "/trust/"+version).want(t, "trust list "+version, http.StatusNotFound, "", "")
		}
		if items := ids(c.get("lviv", "", "/polls?scope=national")); !slices.Equal(items, []string{p.PollID}) {
			t.Errorf("national polls in Lviv = %v, want %s", items, p.PollID)
		}
	}, "ukraine", "kamianske", "lviv")
}

// A city that no list has reached yet has nothing to show.
func TestNoTrustListIsNotFound(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, c *client) {
		c.get("kamianske", "", "/trust").want(t, "trust list of a city alone", http.StatusNotFound, "", "")
		c.get("kamianske", "", "/trust/1").want(t, "trust list 1 of a city alone", http.StatusNotFound, "", "")
	}, "kamianske")
}
