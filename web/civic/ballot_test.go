package civic_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"viche/internal/store"
	"viche/modules/people"
	"viche/modules/polls"
)

func TestBallotIsCastChangedAndRead(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, c *client) {
		olena, petro := c.n.Resident("kamianske", "olena", true), c.n.Resident("kamianske", "petro", true)
		p := c.n.OpenPoll("kamianske", "city")
		token := c.n.Bearer(&olena)
		own := func() answer { t.Helper(); return c.get("kamianske", token, "/polls/"+p.PollID+"/ballot") }

		own().want(t, "own ballot before voting", http.StatusNotFound, "not-voted", "")
		for i, one := range []struct {
			choice  string
			changes float64
		}{{"o1", 0}, {"o1", 0}, {"o2", 1}, {"o2", 1}, {"o1", 2}} {
			a := c.vote("kamianske", token, p.PollID, `{"choices":["`+one.choice+`"]}`)
			a.want(t, "ballot", http.StatusOK, "", "")
			if a.body["changes"] != one.changes {
				t.Errorf("ballot %d (%s): changes = %v, want %v", i+1, one.choice, a.body["changes"], one.changes)
			}
			if got := own(); got.status != http.StatusOK || fmt.Sprint(got.body["choices"]) != "["+one.choice+"]" {
				t.Errorf("own ballot = %d %s, want %s", got.status, got.raw, one.choice)
			}
		}
		c.get("kamianske", c.n.Bearer(&petro), "/polls/"+p.PollID+"/ballot").want(t, "the ballot of somebody else", http.StatusNotFound, "not-voted", "")

		// Staff who make themselves a token must not read with it.
		late, err := c.n.Town("kamianske").People.IssueToken(t.Context(), "olena", people.DefaultScopes, "later")
		if err != nil {
			t.Fatal(err)
		}
		c.get("kamianske", late, "/polls/"+p.PollID+"/ballot").want(t, "own ballot with a newer token", http.StatusNotFound, "credential-newer", "")
		own().want(t, "own ballot with the token that cast it", http.StatusOK, "", "")

		c.n.Advance(8 * 24 * time.Hour)
		own().want(t, "own ballot after the close", http.StatusOK, "", "")
		town := c.n.Town("kamianske")
		if err := town.Polls.CloseDue(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := town.Box.Destroy(p.Box()); err != nil {
			t.Fatal(err)
		}
		own().want(t, "own ballot without its key", http.StatusNotFound, "key-destroyed", "")
	}, "kamianske")
}

func TestWhoMayNotVoteIsToldWhy(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, c *client) {
		town := c.n.Town("kamianske")
		guest, moved := c.n.Resident("kamianske", "guest", false), c.n.Resident("kamianske", "moved", true)
		club := guest
		club.Token = ""
		var err error
		if club.Added, err = town.People.AddResident(t.Context(), people.NewResident{Handle: "club", Email: "club@mail.test", Kind: people.Organisation}); err != nil {
			t.Fatal(err)
		}
		if err := town.DB.Write(t.Context(), func(ctx context.Context, tx *store.Tx) error {
			_, err := tx.Exec(ctx, `
				update entitlements set territory = 'UA46060250010015970'
				where person_key = (select person_key from persons where account = ?)`, moved.Account)
			return err
		}); err != nil {
			t.Fatal(err)
		}
		p := c.n.OpenPoll("kamianske", "city")
		late := c.n.Resident("kamianske", "late", true)
		const choice = `{"choices":["o1"]}`
		for _, one := range []struct {
			token, reason string
		}{
			{c.n.Bearer(&guest), "not-verified"}, {c.n.Bearer(&club), "organisation"},
			{c.n.Bearer(&moved), "other-territory"}, {c.n.Bearer(&late), "verified-later"},
		} {
			c.vote("kamianske", one.token, p.PollID, choice).want(t, "a ballot", http.StatusForbidden, one.reason, "")
			if a := c.get("kamianske", one.token, "/polls/"+p.PollID); a.body["canVote"] != false || a.body["reason"] != one.reason {
				t.Errorf("the poll says canVote %v, reason %v; want %s", a.body["canVote"], a.body["reason"], one.reason)
			}
		}
		c.vote("kamianske", "", p.PollID, choice).want(t, "a ballot of nobody", http.StatusUnauthorized, "sign-in", "")
		c.get("kamianske", "", "/polls/"+p.PollID+"/ballot").want(t, "own ballot of nobody", http.StatusUnauthorized, "sign-in", "")
	}, "kamianske")
}

func TestClosedPollTakesNothing(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, c *client) {
		olena := c.n.Resident("kamianske", "olena", true)
		p := c.n.OpenPoll("kamianske", "city")
		token := c.n.Bearer(&olena)
		c.n.Advance(p.ClosesAt.Sub(c.n.Now()))
		c.vote("kamianske", token, p.PollID, `{"choices":["o1"]}`).want(t, "a ballot at the close", http.StatusConflict, "closed", "")
		if err := c.n.Town("kamianske").Polls.CloseDue(t.Context()); err != nil {
			t.Fatal(err)
		}
		c.vote("kamianske", token, p.PollID, `{"choices":["o1"]}`).want(t, "a ballot after it", http.StatusConflict, "closed", "")
		c.get("kamianske", token, "/polls/"+p.PollID+"/ballot").want(t, "own ballot", http.StatusNotFound, "not-voted", "")
	}, "kamianske")
}

func TestBadBallotsAreRefusedByName(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, c *client) {
		olena := c.n.Resident("kamianske", "olena", true)
		one := c.n.OpenPoll("kamianske", "city").PollID
		several, err := c.n.Town("kamianske").Polls.OpenPoll(t.Context(), polls.Draft{
			Title: "Що зробити?", Options: []string{"Парк", "Сквер", "Двір"}, Multiple: true, Sphere: "ecology", ClosesAt: c.n.Now().Add(24 * time.Hour),
		})
		if err != nil {
			t.Fatal(err)
		}
		token := c.n.Bearer(&olena)
		for _, bad := range []struct {
			poll, body   string
			status       int
			field, words string
		}{
			{one, `{"choices":[]}`, 422, "choices", "at least one"},
			{one, `{"choices":["o9"]}`, 422, "choices", "does not have"},
			{one, `{"choices":["O1"]}`, 422, "choices", "does not have"},
			{one, `{"choices":["Так"]}`, 422, "choices", "does not have"},
			{one, `{"choices":["o1","o2"]}`, 422, "choices", "one option id"},
			{one, `{"choices":["o1","o1"]}`, 422, "choices", ""},
			{several.PollID, `{"choices":["o1","o1"]}`, 422, "choices", "twice"},
			{several.PollID, `{"choices":["o1","o2","o3","o4"]}`, 422, "choices", "does not have"},
			{several.PollID, `{"choices":[]}`, 422, "choices", "at least one"},
			{one, `{}`, 422, "choices", "missing"},
			{one, `{"choices":null}`, 422, "choices", "list"},
			{one, `{"choices":"o1"}`, 422, "choices", "list"},
			{one, `{"choices":[1]}`, 422, "choices", "list"},
			{one, `{"choices":[null]}`, 422, "choices", "list"},
			{one, `{"choices":[["o1"]]}`, 422, "choices", "list"},
			{one, `{"choices":{"q1":["o1"]}}`, 422, "choices", "list"},
			{one, `{"choices":["o1"],"choices":["o2"]}`, 422, "choices", "twice"},
			{one, `{"Choices":["o1"]}`, 422, "Choices", "unknown"},
			{one, `{"choices":["o1"],"for":"petro"}`, 422, "for", "unknown"},
			{one, `{"` + strings.Repeat("ї", 500) + `":1}`, 422, strings.Repeat("ї", 40) + "…", "unknown"},
			{one, `["o1"]`, 422, "body", "object"},
			{one, `"o1"`, 422, "body", "object"},
			{one, `null`, 422, "body", "object"},
			{one, ``, 400, "body", "JSON"},
			{one, `{`, 400, "body", "JSON"},
			{one, `{"choices":["o1"]`, 400, "body", "JSON"},
			{one, `{"choices":["o1"`, 400, "body", "JSON"},
			{one, `{"choices":["o1"]} {"choices":["o2"]}`, 400, "body", "JSON"},
			{one, `{"choices":["o1"]}x`, 400, "body", "JSON"},
			{one, `choices=o1`, 400, "body", "JSON"},
			{one, `{"choices":["` + strings.Repeat("o", 16<<10) + `"]}`, 413, "body", "16,384"},
			{one, `{"choices":["o1"]}` + strings.Repeat(" ", 16<<10), 413, "body", "16,384"},
		} {
			a := c.do("kamianske", token, http.MethodPut, "/polls/"+bad.poll+"/ballot", bad.body, "Accept-Language", "en")
			a.want(t, fmt.Sprintf("%.60s", bad.body), bad.status, "", bad.field)
			if text, _ := a.body["error"].(string); !strings.Contains(text, bad.words) || strings.Contains(text, "civic.") || strings.Contains(text, "ballot.") {
				t.Errorf("%.60s: %q, want words such as %q", bad.body, text, bad.words)
			}
		}
		for _, poll := range []string{one, several.PollID} {
			c.get("kamianske", token, "/polls/"+poll+"/ballot").want(t, "own ballot after bad ones", http.StatusNotFound, "not-voted", "")
		}
		c.vote("kamianske", token, several.PollID, ` {"choices" : ["o3","o1"]} `).want(t, "two options", http.StatusOK, "", "")
		if a := c.get("kamianske", token, "/polls/"+several.PollID+"/ballot"); fmt.Sprint(a.body["choices"]) != "[o1 o3]" {
			t.Errorf("own ballot = %s, want o1 and o3", a.raw)
		}
	}, "kamianske")
}

// A log that tells who voted when is a roll of voters.
func TestNothingAboutABallotIsLogged(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, c *client) {
		olena, guest := c.n.Resident("kamianske", "olena", true), c.n.Resident("kamianske", "guest", false)
		p := c.n.OpenPoll("kamianske", "city")
		token, other := c.n.Bearer(&olena), c.n.Bearer(&guest)
		c.get("kamianske", "", "/polls")
		before := c.log.String()
		if !strings.Contains(before, "request answered") {
			t.Fatal("the log does not record requests, so this test would see nothing")
		}
		for _, body := range []string{`{"choices":["o1"]}`, `{"choices":["o2"]}`, `{"choices":["o7"]}`, `{"choices":[]}`, `{`, `{"choices":["` + strings.Repeat("o", 20<<10) + `"]}`} {
			c.vote("kamianske", token, p.PollID, body)
			c.vote("kamianske", other, p.PollID, body)
			c.vote("kamianske", "", p.PollID, body)
			c.get("kamianske", token, "/polls/"+p.PollID+"/ballot")
		}
		if got := strings.TrimPrefix(c.log.String(), before); got != "" {
			t.Errorf("ballots left in the log:\n%s", got)
		}
	}, "kamianske")
}
