package city_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"
)

// most differences are told one by one.
const mostTold = 12

// compare fails for every answer that is another one now.
func (w *world) compare(why string, before, after map[string]answer) {
	w.t.Helper()
	var differ []string
	for key, now := range after {
		was, asked := before[key]
		switch {
		case !asked && (now.status == http.StatusNotFound || now.status == http.StatusUnauthorized):
			// An address that did not exist then, and that nobody may read now.
		case !asked:
			differ = append(differ, fmt.Sprintf("%s\n  is there now (%d) and was not before", key, now.status))
		case was != now:
			differ = append(differ, key+"\n"+difference(was, now))
		}
	}
	if len(after) < len(before) {
		w.t.Errorf("the walk asked %d things, and %d before", len(after), len(before))
	}
	slices.Sort(differ)
	for i, d := range differ {
		if i == mostTold {
			break
		}
		w.t.Errorf("%s: %s", why, d)
	}
	if len(differ) > 0 {
		w.t.Errorf("%d of %d answers differ", len(differ), len(after))
	}
	w.t.Logf("%d answers compared", len(after))
}

// difference shows where two answers part, and which numbers are new.
func difference(was, now answer) string {
	text := ""
	if was.status != now.status {
		text += fmt.Sprintf("  status %d, then %d\n", was.status, now.status)
	}
	if was.head != now.head {
		text += fmt.Sprintf("  headers %q, then %q\n", was.head, now.head)
	}
	if was.body == now.body {
		return text
	}
	at := 0
	for at < min(len(was.body), len(now.body)) && was.body[at] == now.body[at] {
		at++
	}
	text += fmt.Sprintf("  …%q, then …%q\n", around(was.body, at), around(now.body, at))
	old := numbersOf(was.body)
	var fresh []string
	for number := range numbersOf(now.body) {
		if !old[number] {
			fresh = append(fresh, number)
		}
	}
	slices.Sort(fresh)
	return text + "  numbers that came with the votes: " + strings.Join(fresh, " ")
}

func around(text string, at int) string {
	return strings.ToValidUTF8(text[max(0, at-60):min(len(text), at+120)], "")
}

var number = regexp.MustCompile(`\d+`)

func numbersOf(text string) map[string]bool {
	out := map[string]bool{}
	for _, n := range number.FindAllString(text, -1) {
		out[n] = true
	}
	return out
}

// What stands beside a count of votes: words after it, names before it, and the
// members that an open Question does not have.
var (
	counted = regexp.MustCompile(`(?i)(\d+)(?:\s|&nbsp;|\x{a0}|\x{202f})*(?:голос|бюлетен|відповід|відповіл|учасник|проголосувал|осіб|%|votes?\b|voted|voters?\b|ballots?\b|answer|people)`)
	members = regexp.MustCompile(`"votersCount"\s*:\s*\d+|"replies"\s*:\s*\{[^}]*\}`)
	counts  = regexp.MustCompile(`(?i)"(?:votersCount|totalItems|ballots|count|counts|votes|changes|turnout)"\s*:\s*\[?\s*(\d+)`)
)

// searchNumbers looks for the numbers themselves, should both passes have told
// them.
func (w *world) searchNumbers(after map[string]answer) {
	w.t.Helper()
	seen := map[string]bool{} // most guises are answered alike
	for key, a := range after {
		if seen[a.head+a.body] {
			continue
		}
		seen[a.head+a.body] = true
		for _, words := range []*regexp.Regexp{counted, counts} {
			for _, m := range words.FindAllStringSubmatch(a.body, -1) {
				if slices.Contains(telling, m[1]) {
					w.t.Errorf("%s tells %q", key, m[0])
				}
			}
		}
		if m := members.FindString(a.body); m != "" && strings.Contains(a.head, "Content-Type: application/activity+json") {
			w.t.Errorf("%s has a member for counts: %s", key, m)
		}
	}
}

// shown is everything that the databases keep to show or to send to anybody.
func (w *world) shown() map[string][]string {
	w.t.Helper()
	out := map[string][]string{}
	for _, name := range []string{"ukraine", "kamianske", "lviv", "kharkiv"} {
		for what, query := range map[string]string{
			"objects":    "select uri || ' ' || updated || ' ' || cast(raw as text) from objects where public = 1 order by uri",
			"activities": "select uri || ' ' || cast(raw as text) from activities where public = 1 order by id",
			"mail":       "select to_addr || ' ' || subject || ' ' || body_text from mails order by id",
			"acts":       "select actor || ' ' || act || ' ' || subject || ' ' || reason from acts order by id",
			"polls":      "select poll_id || ' ' || state || ' ' || register || ' ' || closes_at from polls order by id",
			"posts":      "select uri || ' ' || edited || ' ' || content || ' ' || card from posts order by id",
			"revisions":  "select post || ' ' || at || ' ' || card from post_revisions order by post, at",
			"notices":    "select actor || ' ' || kind || ' ' || by_actor from notices order by id",
			"reports":    "select uri || ' ' || state || ' ' || posts from reports order by id",
			"decisions":  "select act || ' ' || reason from moderation_log order by id",
			"rounds":     "select poll || ' ' || quarter || ' ' || told from official_rounds order by id",
			"officials":  "select act || ' ' || what || ' ' || reason from official_changes order by id",
			"facts":      "select name || ' ' || value from facts order by name",
		} {
			if w.n.Town(name).DB.Postgres() {
				query = strings.ReplaceAll(query, "cast(raw as text)", "convert_from(raw, 'UTF8')")
			}
			var rows []string
			if err := w.n.Town(name).DB.Read().NewRaw(query).Scan(w.t.Context(), &rows); err != nil {
				w.t.Fatalf("%s of %s: %v", what, name, err)
			}
			out[name+" "+what] = rows
		}
	}
	return out
}

func (w *world) checkShown(before map[string][]string) {
	w.t.Helper()
	for what, rows := range w.shown() {
		if !slices.Equal(rows, before[what]) {
			w.t.Errorf("%s differ since people voted: %.2000q, then %.2000q", what, before[what], rows)
		}
	}
	for _, what := range []string{"kamianske objects", "ukraine objects", "kamianske activities", "ukraine activities", "kamianske mail", "kamianske posts", "kamianske notices", "kamianske reports", "kamianske decisions", "kamianske rounds", "kamianske officials"} {
		if len(before[what]) == 0 {
			w.t.Errorf("there are no %s, so nothing was compared", what)
		}
	}
}

// letter is an activity on its way to an inbox.
type letter struct {
	from, inbox, kind string
	public            bool
	raw               []byte
}

// intercept notes what a city is about to deliver.
func (w *world) intercept(name string) error {
	rows, err := w.n.Town(name).DB.ReadBound().Query(w.t.Context(), `
		select d.inbox, a.type, a.public, a.raw
		from deliveries d join activities a on a.id = d.activity
		order by d.id`)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		l := letter{from: name}
		var public int
		if err := rows.Scan(&l.inbox, &l.kind, &public, &l.raw); err != nil {
			return err
		}
		l.public = public == 1
		w.letters = append(w.letters, l)
	}
	return rows.Err()
}

// checkLetters holds that since people voted cities have told their coordinator
// and the coordinator its members, and nobody else anything.
func (w *world) checkLetters() {
	w.t.Helper()
	cities := map[string]bool{"https://kamianske.test/actor": true, "https://lviv.test/actor": true, "https://kharkiv.test/actor": true}
	statements, results, answers := map[string]int{}, map[string]int{}, 0
	for _, l := range w.letters {
		var activity struct {
			To, Cc, Bto, Bcc json.RawMessage
			Object           json.RawMessage
		}
		if err := json.Unmarshal(l.raw, &activity); err != nil {
			w.t.Fatalf("%s sends %s: %v", l.from, l.raw, err)
		}
		addressed := append(texts(activity.To), append(texts(activity.Cc), append(texts(activity.Bto), texts(activity.Bcc)...)...)...)
		var object struct {
			Type, Stage     string
			Name, InReplyTo string
			To, Cc          json.RawMessage
		}
		if json.Unmarshal(activity.Object, &object) == nil {
			addressed = append(addressed, append(texts(object.To), texts(object.Cc)...)...)
		}
		to := strings.TrimSuffix(l.inbox, "/inbox")
		if !l.public && object.Name != "" && w.isAnswer(l.from, l.kind, to, object.InReplyTo, addressed) {
			answers++
			continue
		}
		for _, who := range append(addressed, to) {
			allowed := who == "https://ukraine.test/actor"
			if l.from == "ukraine" {
				allowed = cities[who]
			}
			if !allowed {
				w.t.Errorf("%s tells %s: %s", l.from, who, l.raw)
			}
		}
		if l.public || len(addressed) == 0 {
			w.t.Errorf("%s sends an activity that is public or addressed to nobody: %s", l.from, l.raw)
		}
		if strings.Contains(string(l.raw), w.late.PollID) {
			w.t.Errorf("%s tells something of a poll that shows nothing before its close: %s", l.from, l.raw)
		}
		switch object.Type {
		case "Tally":
			statements[l.from]++
		case "PollResult":
			results[to]++
		}
	}
	if answers != guests {
		w.t.Errorf("%d answers went to who asked elsewhere, want %d", answers, guests)
	}
	for name := range voting {
		if statements[name] < 2 || results["https://"+name+".test/actor"] < 2 {
			w.t.Errorf("%s has sent %d statements and got %d results: there is too little for this test to look at", name, statements[name], results["https://"+name+".test/actor"])
		}
	}
}

// texts reads a string or a list of them.
func texts(raw json.RawMessage) (out []string) {
	var one string
	if json.Unmarshal(raw, &one) == nil && one != "" {
		return []string{one}
	}
	_ = json.Unmarshal(raw, &out) // neither: nobody
	return out
}
