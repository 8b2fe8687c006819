package civic_test

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"testing"
	"time"

	"viche/internal/citytest"
	"viche/internal/store"
	"viche/modules/people"
	"viche/modules/polls"
)

func TestPollSaysHowSomebodyStandsToIt(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, c *client) {
		olena, guest := c.n.Resident("kamianske", "olena", true), c.n.Resident("kamianske", "guest", false)
		p := c.n.OpenPoll("kamianske", "city")
		for _, one := range []struct {
			who, token string
			canVote    bool
			reason     any
		}{
			{"nobody", "", false, "sign-in"},
			{"a guest", c.n.Bearer(&guest), false, "not-verified"},
			{"a resident", c.n.Bearer(&olena), true, nil},
		} {
			a := c.get("kamianske", one.token, "/polls/"+p.PollID)
			a.want(t, "the poll for "+one.who, http.StatusOK, "", "")
			if a.body["canVote"] != one.canVote || a.body["reason"] != one.reason || a.body["voted"] != false {
				t.Errorf("%s: canVote %v, reason %v, voted %v; want %v, %v, false", one.who, a.body["canVote"], a.body["reason"], a.body["voted"], one.canVote, one.reason)
			}
			if page := "https://kamianske.test/polls/" + p.PollID; a.body["url"] != page || a.body["object"] != p.URI || a.body["id"] != p.PollID {
				t.Errorf("id %v, url %v, object %v; want %s, %s, %s", a.body["id"], a.body["url"], a.body["object"], p.PollID, page, p.URI)
			}
			if got := fmt.Sprint(a.body["options"]); got != "[map[id:o1 text:Так] map[id:o2 text:Ні] map[id:o3 text:Важко відповісти]]" {
				t.Errorf("options = %s", got)
			}
			if a.body["state"] != "open" || a.body["closesAt"] != p.ClosesAt.Format(time.RFC3339) || a.body["territory"] != "UA12040150010056523" {
				t.Errorf("state %v, closesAt %v, territory %v", a.body["state"], a.body["closesAt"], a.body["territory"])
			}
		}
		c.vote("kamianske", c.n.Bearer(&olena), p.PollID, `{"choices":["o1"]}`).want(t, "ballot", http.StatusOK, "", "")
		if a := c.get("kamianske", c.n.Bearer(&olena), "/polls/"+p.PollID); a.body["voted"] != true || a.body["canVote"] != true {
			t.Errorf("after the ballot: voted %v, canVote %v; want both, since it may be changed", a.body["voted"], a.body["canVote"])
		}
		c.n.Advance(8 * 24 * time.Hour) // nobody has written the close yet
		a := c.get("kamianske", c.n.Bearer(&olena), "/polls/"+p.PollID)
		if a.body["state"] != "closed" || a.body["canVote"] != false || a.body["reason"] != "closed" || a.body["voted"] != true {
			t.Errorf("after the close: state %v, canVote %v, reason %v, voted %v", a.body["state"], a.body["canVote"], a.body["reason"], a.body["voted"])
		}
	}, "kamianske")
}

// A session reads as a token does, but casts nothing: another site's page could
// try to use it.
func TestSessionReadsAndDoesNotVote(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, c *client) {
		olena := c.n.Resident("kamianske", "olena", true)
		p := c.n.OpenPoll("kamianske", "city")
		if err := c.n.Cast(olena, p.PollID, "o2"); err != nil {
			t.Fatal(err)
		}
		res, err := c.http.PostForm("https://kamianske.test/sign-in", url.Values{"email": {olena.Email}, "password": {citytest.Password}, "next": {"/how-we-count"}})
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		if a := c.get("kamianske", "", "/polls/"+p.PollID); a.body["voted"] != true {
			t.Errorf("voted = %v with a session, want true", a.body["voted"])
		}
		if a := c.get("kamianske", "", "/polls/"+p.PollID+"/ballot"); fmt.Sprint(a.body["choices"]) != "[o2]" {
			t.Errorf("own ballot with a session = %s", a.raw)
		}
		c.vote("kamianske", "", p.PollID, `{"choices":["o1"]}`).want(t, "a ballot by session", http.StatusUnauthorized, "sign-in", "")
	}, "kamianske")
}

func TestWhatMayNotBeSeenIsAsIfItNeverWas(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, c *client) {
		p := c.n.OpenPoll("kamianske", "city")
		db := c.n.Town("kamianske").DB
		if err := db.Write(t.Context(), func(ctx context.Context, tx *store.Tx) error {
			_, err := tx.Exec(ctx, "update polls set state = 'gathering' where id = ?", p.ID)
			return err
		}); err != nil {
			t.Fatal(err)
		}
		olena := c.n.Resident("kamianske", "olena", true)
		for _, path := range []string{"", "/results", "/statements", "/ballot"} {
			token := c.n.Bearer(&olena)
			unseen := c.get("kamianske", token, "/polls/"+p.PollID+path)
			unseen.want(t, "an initiative"+path, http.StatusNotFound, "", "")
			for _, id := range []string{"01a23030-4700-759a-aad0-8264d5795d39", "17", "%20", "{" + p.PollID + "}"} {
				unknown := c.get("kamianske", token, "/polls/"+id+path)
				if unknown.status != http.StatusNotFound || string(unknown.raw) != string(unseen.raw) {
					t.Errorf("%s%s = %d %s, an unseen one = %s", id, path, unknown.status, unknown.raw, unseen.raw)
				}
			}
			unseen = c.vote("kamianske", token, p.PollID, `{"choices":["o1"]}`)
			unseen.want(t, "a ballot on an initiative", http.StatusNotFound, "", "")
		}
		if a := c.get("kamianske", "", "/polls"); fmt.Sprint(a.body["items"]) != "[]" {
			t.Errorf("the list shows it: %s", a.raw)
		}
	}, "kamianske")
}

func TestListGoesFromNewToOldInPages(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, c *client) {
		var want []string
		for range 5 {
			want = append([]string{c.n.OpenPoll("kamianske", "city").PollID}, want...)
		}
		var got []string
		pages := 0
		for path := "/polls?limit=2"; path != ""; pages++ {
			a := c.get("kamianske", "", path)
			a.want(t, path, http.StatusOK, "", "")
			got = append(got, ids(a)...)
			next, more := a.body["next"].(string)
			path = ""
			if more {
				path = "/polls?limit=2&after=" + url.QueryEscape(next)
			}
		}
		if !slices.Equal(got, want) || pages != 3 {
			t.Errorf("the list in %d pages = %v, want %v in 3", pages, got, want)
		}
	}, "kamianske")
}

func TestListIsFiltered(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, c *client) {
		town := c.n.Town("kamianske").Polls
		open := func(sphere string, days int) string {
			p, err := town.OpenPoll(t.Context(), polls.Draft{Title: "Зразок " + sphere, Options: []string{"Так", "Ні"}, Sphere: sphere, ClosesAt: c.n.Now().Add(time.Duration(days) * 24 * time.Hour)})
			if err != nil {
				t.Fatal(err)
			}
			return p.PollID
		}
		short, long := open("sport", 1), open("ecology", 30)
		c.n.Advance(2 * 24 * time.Hour)
		if got := ids(c.get("kamianske", "", "/polls?state=open")); !slices.Equal(got, []string{long}) {
			t.Errorf("open, before the close is written = %v, want %s", got, long)
		}
		if err := town.CloseDue(t.Context()); err != nil {
			t.Fatal(err)
		}
		for _, one := range []struct {
			query string
			want  []string
		}{
			{"", []string{long, short}}, {"?state=open", []string{long}}, {"?state=closed", []string{short}},
			{"?sphere=ecology", []string{long}}, {"?sphere=sport&state=open", nil}, {"?sphere=rights", nil},
			{"?scope=city", []string{long, short}}, {"?scope=national", nil}, {"?scope=region", nil}, {"?state=&scope=&limit=&after=", []string{long, short}},
		} {
			if got := ids(c.get("kamianske", "", "/polls"+one.query)); !slices.Equal(got, one.want) {
				t.Errorf("/polls%s = %v, want %v", one.query, got, one.want)
			}
		}
		for query, field := range map[string]string{
			"state=gathering": "state", "state=Open": "state", "scope=world": "scope", "sphere=love": "sphere",
			"limit=0": "limit", "limit=101": "limit", "limit=ten": "limit", "after=x": "after", "after=-1": "after", "after=99999999999999999999": "after",
		} {
			c.get("kamianske", "", "/polls?"+query).want(t, query, http.StatusUnprocessableEntity, "", field)
		}
	}, "kamianske")
}

func ids(a answer) (out []string) {
	items, _ := a.body["items"].([]any)
	for _, i := range items {
		out = append(out, i.(map[string]any)["id"].(string))
	}
	return out
}

func TestErrorsSpeakTheReadersLanguage(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, c *client) {
		const uk, en = "Фільтр state має невідоме значення. Можливі: open, closed.", "The filter state has a value that does not exist. Accepted: open, closed."
		for _, one := range []struct{ query, accept, want string }{
			{"", "", uk}, {"", "en", en}, {"", "de, en;q=0.5", en}, {"", "uk", uk}, {"&lang=en", "uk", en}, {"&lang=uk", "en", uk},
		} {
			a := c.do("kamianske", "", http.MethodGet, "/polls?state=x"+one.query, "", "Accept-Language", one.accept)
			if a.body["error"] != one.want {
				t.Errorf("lang %q, Accept-Language %q: %v, want %s", one.query, one.accept, a.body["error"], one.want)
			}
		}
	}, "kamianske")
}

func TestTokensDoWhatTheyWereGivenFor(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, c *client) {
		c.n.Resident("kamianske", "olena", true)
		p := c.n.OpenPoll("kamianske", "city")
		issue := func(scopes string) string {
			token, err := c.n.Town("kamianske").People.IssueToken(t.Context(), "olena", scopes, "test")
			if err != nil {
				t.Fatal(err)
			}
			return token
		}
		reads, writes := issue("read follow"), issue("write")
		const choice = `{"choices":["o1"]}`
		c.vote("kamianske", reads, p.PollID, choice).want(t, "a ballot with read", http.StatusForbidden, "scope", "")
		for _, path := range []string{"/polls", "/polls/" + p.PollID, "/polls/" + p.PollID + "/results", "/polls/" + p.PollID + "/statements", "/polls/" + p.PollID + "/ballot", "/trust", "/trust/1"} {
			c.get("kamianske", writes, path).want(t, path+" with write", http.StatusForbidden, "scope", "")
		}
		c.vote("kamianske", writes, p.PollID, choice).want(t, "a ballot with write", http.StatusOK, "", "")
		c.get("kamianske", reads, "/polls/"+p.PollID+"/ballot").want(t, "own ballot with read", http.StatusOK, "", "")

		all := issue(people.DefaultScopes)
		if err := c.n.Town("kamianske").People.RevokeToken(t.Context(), all); err != nil {
			t.Fatal(err)
		}
		for name, token := range map[string]string{"an unknown token": "nonsense", "a revoked token": all, "half a token": reads[:20]} {
			a := c.get("kamianske", token, "/polls")
			a.want(t, name, http.StatusUnauthorized, "token", "")
			if a.header.Get("WWW-Authenticate") == "" {
				t.Errorf("%s: no WWW-Authenticate", name)
			}
			c.vote("kamianske", token, p.PollID, choice).want(t, "a ballot with "+name, http.StatusUnauthorized, "token", "")
		}
	}, "kamianske")
}
