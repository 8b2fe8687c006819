package attacks

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"time"

	"viche/federation"
	"viche/federation/ap"
	"viche/internal/city"
	"viche/internal/citytest"
)

// limited is a city that is quick to tell a peer that it asks too much.
func limited(l federation.Limits) citytest.Options {
	return citytest.Options{Config: func(_ string, c *city.Config) { c.Limits = l }}
}

// vote is a vote as Mastodon sends it.
func (w *world) vote(by *actor, poll, option string, pairs ...any) map[string]any {
	id := fmt.Sprintf("%s#votes/%d", by.id, w.ids.Add(1))
	return with(w.activity("Create", by, with(map[string]any{
		"id": id, "type": "Note", "attributedTo": by.id, "to": []string{w.base + "/actor"}, "name": option, "inReplyTo": poll,
	}, pairs...)), "id", id+"/activity", "to", w.base+"/actor")
}

// guests is how many accounts elsewhere have voted.
func (w *world) guests() int { return w.number("select count(*) from guest_ballots") }

// 70: a stranger with a whole network of IPv6 addresses is one stranger.
func TestAttack70ManyAddressesOfOneNetwork(t *testing.T) {
	t.Parallel()
	eachWith(t, limited(federation.Limits{PerAddress: 200}), func(t *testing.T, w *world) {
		w.known()
		// From the inside of the server, so that a request can come from anywhere.
		from := func(address string) int {
			q := w.forged(func(q *request) { q.scheme = unsigned })
			r := w.prepare(q)
			r.RemoteAddr = "[" + address + "]:99"
			if !strings.Contains(address, ":") {
				r.RemoteAddr = address + ":99"
			}
			r.Header.Set("Signature", fmt.Sprintf(`keyId="%s",headers="(request-target) host date digest",signature="eA=="`, w.evil.keyID))
			return w.handle(r)
		}
		limit := 0
		for i := range 1000 {
			if from(fmt.Sprintf("2a00:1:2:3::%x", i+1)) == http.StatusTooManyRequests {
				limit = i
				break
			}
		}
		if limit == 0 {
			t.Fatal("1000 requests, each from another address of one /64, are answered")
		}
		t.Logf("the limit of one /64 came after %d requests", limit)
		if got := from("2a00:1:2:3:ffff:ffff:ffff:ffff"); got != http.StatusTooManyRequests {
			t.Errorf("the last address of that /64: status %d, want 429", got)
		}
		if got := from("2a00:1:2:4::1"); got == http.StatusTooManyRequests {
			t.Error("another /64 is limited with it")
		}
		if got := from("198.51.100.7"); got == http.StatusTooManyRequests {
			t.Error("IPv4 is limited with it")
		}
		w.n.Advance(time.Hour)
		if got := from("2a00:1:2:3::1"); got == http.StatusTooManyRequests {
			t.Error("the limit never ends")
		}
		w.works("a good server", w.from(w.good, w.follow(w.good)), "follows")
	})
}

// 71: a vote that says something is an answer, not a vote.
func TestAttack71VoteWithContent(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		w.known()
		poll := w.n.OpenPoll("lviv", "city")
		for name, more := range map[string][]any{
			"content":             {"content", "<p>Так</p>"},
			"content by language": {"contentMap", map[string]string{"uk": "<p>Так</p>"}},
			"content, no text":    {"content", map[string]any{"a": "b"}},
		} {
			if got := w.send(w.from(w.evil, w.vote(w.evil, poll.URI, "Так", more...))); got != http.StatusAccepted {
				t.Errorf("%s: status %d, want 202", name, got)
			}
			w.n.Settle()
			if w.guests() != 0 {
				t.Errorf("%s: it is counted", name)
			}
		}
		w.works("a vote without", w.from(w.evil, w.vote(w.evil, poll.URI, "Так")), "guest_ballots")
	})
}

// 72: a vote after the close that says it was sent before.
func TestAttack72BackdatedVote(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		poll := w.n.OpenPoll("lviv", "city")
		begun := w.n.Now().Add(time.Hour).UTC().Format(time.RFC3339)
		w.works("in time", w.from(w.good, w.vote(w.good, poll.URI, "Так")), "guest_ballots")
		w.n.Advance(7*24*time.Hour - time.Minute)
		arrived := w.peer.person("https://evil.test/users/late")
		w.works("a minute before the end", w.from(arrived, w.vote(arrived, poll.URI, "Так")), "guest_ballots")
		w.n.Advance(time.Minute + time.Second)
		w.n.Settle()
		w.known()
		w.ignored("after the end, dated before", w.from(w.evil, with(w.vote(w.evil, poll.URI, "Так", "published", begun), "published", begun)))
		q := w.from(w.evil, with(w.vote(w.evil, poll.URI, "Ні", "published", begun), "published", begun))
		q.date = w.n.Now().Add(-50 * time.Minute) // signed before the end, as far as one can tell
		w.ignored("signed before the end, sent after", q)
	})
}

// 73: a second vote where one is allowed, and one id with two answers.
func TestAttack73SecondVote(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		poll := w.n.OpenPoll("lviv", "city")
		first := w.vote(w.evil, poll.URI, "Так")
		w.works("a vote", w.from(w.evil, first), "guest_ballots")
		w.refused("the same again", http.StatusAccepted, w.from(w.evil, first))
		other := with(first, "object", with(first["object"].(map[string]any), "name", "Ні"))
		w.refused("the same id, another answer", http.StatusAccepted, w.from(w.evil, other))
		w.ignored("a new id, the same answer", w.from(w.evil, w.vote(w.evil, poll.URI, "Так")))
		w.ignored("a new id, another answer", w.from(w.evil, w.vote(w.evil, poll.URI, "Ні")))
		w.ignored("the vote's id in a new activity", w.from(w.evil, with(other, "id", w.id("evil.test"))))
		two := w.vote(w.good, poll.URI, "Так")
		second := with(two["object"].(map[string]any), "name", "Ні", "id", w.good.id+"#votes/second")
		w.works("somebody else is known", w.from(w.good, w.follow(w.good)), "follows")
		w.ignored("two answers at once", w.from(w.good, with(two, "object", []any{two["object"], second})))
		w.ignored("an answer that is none", w.from(w.good, w.vote(w.good, poll.URI, "Може")))
		w.works("somebody else's one", w.from(w.good, w.vote(w.good, poll.URI, "Ні")), "guest_ballots")
		if n := w.guests(); n != 2 {
			t.Errorf("%d have voted, want 2", n)
		}
	})
}

// 75: a server votes as if it were a person.
func TestAttack75ServerVotes(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		poll := w.n.OpenPoll("lviv", "city")
		server := w.peer.person("https://evil.test/actor")
		w.peer.document(server.id, with(server.document(), "type", "Application"))
		w.works("the server is known", w.from(server, w.follow(server)), "follows")
		w.ignored("a server's vote", w.from(server, w.vote(server, poll.URI, "Так")))
		w.known()
		byServer := w.vote(w.evil, poll.URI, "Так")
		q := w.from(server, byServer)
		w.refused("a server signs for its person", http.StatusUnauthorized, q, asks(1))
		// A member city of the network has no vote either.
		w.works("the person itself", w.from(w.evil, byServer), "guest_ballots")
	})
}

// 75, of the network: a member city that sends votes instead of its tally.
func TestAttack75MemberCityVotes(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		w.n.Crowd("lviv", 3)
		poll := w.n.OpenPoll("ukraine", "national")
		w.n.Settle()
		city := w.n.Town("lviv")
		keyID, key, err := city.Book.RSA(t.Context(), city.Actor().ID)
		if err != nil {
			t.Fatal(err)
		}
		server := &actor{id: city.Actor().URI, keyID: keyID, key: key}
		for name, as := range map[string]string{"the server for itself": server.id, "the server for a person": "https://lviv.test/users/lviv_001"} {
			body := w.vote(server, poll.URI, "Так", "attributedTo", as)
			if got := w.send(w.from(server, body)); got != http.StatusAccepted {
				t.Errorf("%s: status %d, want 202", name, got)
			}
			w.n.Settle()
			if w.guests() != 0 {
				t.Errorf("%s: it is counted", name)
			}
		}
		w.works("an ordinary account elsewhere", w.from(w.evil, w.vote(w.evil, poll.URI, "Так")), "guest_ballots")
	}, "ukraine", "lviv")
}

// 76: a stranger's Update of our poll, and the owner's own of a poll that is
// open with other options.
func TestAttack76PollIsChanged(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		w.n.Crowd("lviv", 3)
		poll := w.n.OpenPoll("ukraine", "national")
		w.n.Settle()
		city := w.n.Town("lviv")
		raw, err := city.Union.PollRaw(t.Context(), poll.PollID)
		if err != nil {
			t.Fatal(err)
		}
		opened := decode(t, raw)
		here := w.atCity("lviv")
		here.known()
		hub := w.n.Town("ukraine")
		name, key := hub.Keys.Tally()
		keyID, rsaKey, err := hub.Book.RSA(t.Context(), hub.Actor().ID)
		if err != nil {
			t.Fatal(err)
		}
		owner := &actor{id: hub.Actor().URI, keyID: keyID, key: rsaKey}
		options := func(q map[string]any, second string) map[string]any {
			return with(q, "oneOf", []any{
				map[string]any{"type": "Note", "name": "Так", "optionId": "o1"}, map[string]any{"type": "Note", "name": second, "optionId": "o2"}, map[string]any{"type": "Note", "name": "Важко відповісти", "optionId": "o3"},
			})
		}
		sign := func(q map[string]any) json.RawMessage {
			raw, err := ap.Sign(with(q, "proof", nil), key, hub.Actor().URI+"#"+name, w.n.Now())
			if err != nil {
				t.Fatal(err)
			}
			return raw
		}
		changed := options(with(opened, "updated", w.n.Now().UTC().Format(time.RFC3339)), "Звісно")
		for what, q := range map[string]*request{
			"a stranger, the poll as it is":        here.from(w.evil, w.activity("Update", w.evil, opened)),
			"a stranger, other options":            here.from(w.evil, w.activity("Update", w.evil, changed)),
			"a stranger, as its own poll":          here.from(w.evil, w.activity("Update", w.evil, with(changed, "attributedTo", w.evil.id))),
			"the owner, other options":             here.from(owner, w.activity("Update", owner, sign(changed))),
			"the owner, other end":                 here.from(owner, w.activity("Update", owner, sign(with(opened, "endTime", w.n.Now().Add(time.Hour).UTC().Format(time.RFC3339))))),
			"the owner, closed with made-up votes": here.from(owner, w.activity("Update", owner, sign(with(opened, "closed", w.n.Now().UTC().Format(time.RFC3339), "votersCount", 9)))),
		} {
			here.ignored(what, q, asks(2), leaves("hosts", "facts"))
		}
		// The control: the owner's own words at the end are taken.
		before := here.state()
		w.n.Advance(8 * 24 * time.Hour)
		for range 3 {
			w.n.Settle()
			w.n.Advance(time.Minute)
		}
		if changed := differ(before, here.state()); len(changed["polls"]) == 0 {
			t.Errorf("the poll's end changes nothing in the city: %v", changed)
		}
	}, "ukraine", "lviv")
}

// totals are numbers of votes in a poll's document; its context has the words.
var totals = regexp.MustCompile(`"(votersCount|totalItems)":\s*[0-9]+`)

// 80: whoever voted elsewhere asks for the open poll, signed by the key that
// voted, and gets no totals.
func TestAttack80TotalsOfAnOpenPoll(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		crowd := w.n.Crowd("lviv", 5)
		open := w.n.OpenPoll("lviv", "city")
		ask := func(by *actor, s scheme) map[string]any {
			q := w.from(w.evil, nil)
			q.to, q.method, q.body, q.kind, q.by, q.scheme = open.URI, http.MethodGet, nil, "", by, s
			if by != nil {
				q.keyID = by.keyID
			}
			r := w.prepare(q)
			r.Header.Set("Accept", ap.ContentType)
			answer, err := w.client.Do(r)
			if err != nil {
				t.Fatal(err)
			}
			defer answer.Body.Close()
			var doc map[string]any
			if err := json.NewDecoder(answer.Body).Decode(&doc); err != nil || answer.StatusCode != http.StatusOK {
				t.Fatalf("GET %s = %d, %v", open.URI, answer.StatusCode, err)
			}
			return doc
		}
		before := ask(nil, unsigned)
		for i, r := range crowd {
			if err := w.n.Cast(r, open.PollID, fmt.Sprintf("o%d", i%2+1)); err != nil {
				t.Fatal(err)
			}
		}
		for i := range 4 {
			a := w.peer.person(fmt.Sprintf("https://good.test/users/voter%d", i))
			w.works("a vote", w.from(a, w.vote(a, open.URI, "Так")), "guest_ballots")
		}
		w.n.Advance(2 * time.Minute)
		w.n.Settle()
		voter := w.peer.person("https://good.test/users/voter0")
		for name, doc := range map[string]map[string]any{
			"unsigned": ask(nil, unsigned), "signed by a voter": ask(voter, cavage), "in RFC 9421": ask(voter, messages), "signed by a stranger": ask(w.evil, cavage),
		} {
			raw := string(encode(doc))
			if told := totals.FindString(raw); told != "" {
				t.Errorf("%s: the open poll tells %s", name, told)
			}
			if raw != string(encode(before)) {
				t.Errorf("%s: the poll reads otherwise than before anybody voted", name)
			}
		}
		w.n.Advance(8 * 24 * time.Hour)
		w.n.Settle()
		if raw := string(encode(ask(voter, cavage))); !totals.MatchString(raw) {
			t.Errorf("after the close the poll tells no number, so there was nothing to see: %.400s", raw)
		}
	})
}

// 74: hundreds of fresh accounts of one new host vote.
func TestAttack74CrowdOfFreshAccounts(t *testing.T) {
	t.Parallel()
	eachWith(t, limited(federation.Limits{PerHost: 100}), func(t *testing.T, w *world) {
		residents := w.n.Crowd("lviv", 4)
		poll := w.n.OpenPoll("lviv", "city")
		for i, r := range residents {
			if err := w.n.Cast(r, poll.PollID, fmt.Sprintf("o%d", i%2+2)); err != nil {
				t.Fatal(err)
			}
		}
		one := w.peer.person("https://good.test/users/one")
		w.works("one honest vote", w.from(one, w.vote(one, poll.URI, "Ні")), "guest_ballots")
		const crowd = 200
		limited := 0
		for i := range crowd {
			id := fmt.Sprintf("https://evil.test/users/sock%d", i)
			sock := &actor{id: id, keyID: id + "#main-key", key: w.evil.key}
			w.peer.document(id, sock.document())
			switch got := w.send(w.from(sock, w.vote(sock, poll.URI, "Так"))); got {
			case http.StatusAccepted:
			case http.StatusTooManyRequests:
				limited++
			default:
				t.Fatalf("status %d", got)
			}
		}
		w.n.Settle()
		if limited == 0 {
			t.Errorf("%d accounts of one host speak within a moment, and none is slowed down", crowd)
		}
		if n := w.guests(); n != crowd-limited+1 {
			t.Errorf("%d are counted apart, %d of %d were slowed down", n, limited, crowd)
		}
		w.n.Advance(8 * 24 * time.Hour)
		w.n.Settle()
		closed, err := w.town.Polls.Load(t.Context(), w.town.DB.Read(), poll.PollID)
		if err != nil {
			t.Fatal(err)
		}
		r, err := w.town.Polls.ResultsFor(t.Context(), closed, residents[0].Viewer())
		if err != nil || r.Total.Ballots != 4 || r.Total.Questions[0].Counts[1] != 2 || r.Total.Questions[0].Counts[0] != 0 {
			t.Errorf("the result is %+v, %v; want the four residents' alone", r.Total, err)
		}
	})
}

func decode(t *testing.T, raw []byte) map[string]any {
	t.Helper()
	d := json.NewDecoder(strings.NewReader(string(raw)))
	d.UseNumber()
	var doc map[string]any
	if err := d.Decode(&doc); err != nil {
		t.Fatal(err)
	}
	return doc
}

// atCity is the same world, with another of its cities under attack.
func (w *world) atCity(name string) *world {
	return &world{t: w.t, n: w.n, town: w.n.Town(name), base: "https://" + name + ".test", peer: w.peer, client: w.client, evil: w.evil, good: w.good}
}

// handle answers a request as if it came over the wire from its RemoteAddr.
func (w *world) handle(r *http.Request) int {
	answer := httptest.NewRecorder()
	w.town.Handler().ServeHTTP(answer, r)
	return answer.Code
}
