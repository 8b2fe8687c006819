package city_test

import (
	"crypto/ed25519"
	"encoding/base64"
	"fmt"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/go-chi/chi/v5"

	"viche/internal/citytest"
	"viche/web/civic"
)

// ask is one request of the walk; the guise is added to it.
type ask struct {
	method, path string
	kind, body   string // of what is sent
}

func (a ask) String() string {
	if a.body == "" {
		return a.method + " " + a.path
	}
	return a.method + " " + a.path + " ← " + a.body
}

// queries are what routes are asked with besides the bare address.
var queries = map[string][]string{
	"/polls":                      {"", "?state=open", "?scope=national", "?scope=city&sphere=ecology", "?after=1"},
	civic.Prefix + "/polls":       {"", "?state=open&limit=1", "?scope=national"},
	"/.well-known/webfinger":      {"?resource=acct:ecology@HOST", "?resource=acct:resident@HOST", "?resource=acct:city@HOST"},
	"/sign-in":                    {"?next=/polls/CITY"},
	"/confirm":                    {"?token=none"},
	"/password/new":               {"?token=none"},
	"/verify":                     {"", "?territory=UA"},
	"/actor/outbox":               {"", "?before=0"},
	"/actor/followers":            {"", "?before=0"},
	"/actor/following":            {"", "?before=0"},
	"/news/outbox":                {"", "?before=0"},
	"/spheres/{sphere}/outbox":    {"", "?before=0"},
	"/spheres/{sphere}/followers": {"", "?before=0"},
	"/users/{handle}/outbox":      {"", "?before=0"},
	"/users/{handle}/inbox":       {""},
	"/blogs/{id}/replies":         {"", "?after=0"},
	"/contexts/{id}":              {"", "?after=0"},
	"/blogs/new":                  {"", "?reply=QUESTION", "?quote=QUESTION"},
	"/search":                     {"", "?q=%D0%BD%D0%B0%D0%B1%D0%B5%D1%80%D0%B5%D0%B6%D0%BD%D1%96%D0%B9", "?q=%D0%B2%D1%96%D0%B4%D1%85%D0%BE%D0%B4%D0%B8&module=polls", "?q=%D0%B2%D0%B0%D0%B6%D0%BA%D0%BE&sphere=ecology"},
	"/interact":                   {"?to=https%3A%2F%2FHOST%2Fblogs%2FQUESTION"},
	"/authorize_interaction":      {"?uri=https%3A%2F%2FHOST%2Fblogs%2FQUESTION"},
	"/report":                     {"?post=QUESTION"},
	"/me/follows":                 {"", "?who=followers"},
	"/desk/reports":               {"", "?state=decided"},

	"/officials":                       {"", "?level=community&kind=community-head&sphere=government", "?state=vacant", "?territory=UA&after=1.1"},
	"/officials/compare":               {"", "?kind=community-head"},
	"/officials/rounds/{round}":        {"", "?change=1"},
	"/desk/officials/offices/{office}": {"", "?do=term", "?do=close"},
	"/desk/officials/terms/{term}":     {"", "?do=indicator", "?do=round", "?do=say", "?do=end", "?do=link"},
	"/ideas":                           {"", "?sort=new", "?sort=near", "?sort=random", "?sphere=ecology&state=gathering&territory=UA"},
	"/ideas/new":                       {"", "?title=walk&origin=https%3A%2F%2FHOST%2Fideas%2F7"},
	"/ideas/{id}/letter":               {"", "?kind=petition"},
}

// left are the forms that the walk leaves out, and why.
var left = map[string]string{
	"/sign-out": "it would end the session of the walk; it answers with a redirect",
}

// forms are what is sent where an empty form would not come far enough.
var forms = map[string][]string{
	"/polls/{id}/ballot":                  {"", "choices=o9", "choices=o1&choices=o2", "choices=o1&choices=o9"},
	civic.Prefix + "/polls/{id}/ballot":   {`{"choices":["o9"]}`, `{"choices":[]}`, `{"choices":["o1","o2"]}`, `{`},
	"/polls/{id}/support":                 {"do=withdraw"}, // nobody who walks supports it
	"/ideas/{id}/support":                 {"do=withdraw"},
	"/ideas/{id}/rating":                  {"", "usefulness=9&feasibility=1"},
	"/ideas/{id}/arguments":               {"", "side=against&against="},
	"/desk/ideas/{id}":                    {"do=none", "do=merge&into=", "do=refused&reason="},
	"/me/profile":                         {"name=" + strings.Repeat("a", 200)},
	"/desk/polls/{id}":                    {"do=none", "do=close&reason="},
	"/desk/verifications/{id}":            {"do=none", "do=refuse&refusal="},
	"/desk/accounts/{id}":                 {"do=none"},
	"/blogs/{id}/vote":                    {"", "choices=9", "choices=0&choices=1"},
	"/blogs":                              {"do=preview&text=walk", "text="},
	"/blogs/{id}/edit":                    {"text=", "do=preview&text=walk"},
	"/interact":                           {"to=https%3A%2F%2FHOST%2Fblogs%2FQUESTION&handle="},
	"/report":                             {"post=QUESTION&comment="},
	"/proxyUrl":                           {"id=https%3A%2F%2FHOST%2Fblogs%2FQUESTION", "id=https%3A%2F%2Fkamianske.test%2Fblogs%2FASKED"},
	"/desk/reports/{id}":                  {"do=edit", "do=preview&dismiss=1", "do=none"},
	"/desk/decisions/{id}":                {"do=edit", "do=preview&reason=", "do=none"},
	"/primaries/{contest}/ballot/consent": {"", "agree=yes"},
	"/primaries/{contest}/ballot":         {"", "g1-overall=g1"},
	"/desk/primaries/{contest}":           {"do=none", "do=second&closes=", "do=cancel&reason="},
	"/desk/federation":                    {"do=none"},
	"/desk/federation/servers":            {"do=none"},
	"/users/{handle}/outbox": {`{"type":"Note","name":"none","to":"https://HOST/users/writer","inReplyTo":"https://HOST/blogs/QUESTION"}`,
		`{"type":"Note","name":"none","to":"https://HOST/actor","inReplyTo":"https://HOST/polls/CITY"}`, `{`},

	"/officials/rounds/{round}/ballot": {"", "overall=g9", "overall=none&results=g9"},
	"/desk/officials/terms/{term}":     {"do=none", "do=indicator", "do=round&days=14&reason=", "do=say&kind=reply", "do=end"},
}

// slow are forms that hash a password at each try: a few guises are enough, as
// there is no poll in what they answer.
var slow = []string{"/sign-in", "/me/password", "/password", "/password/new"}

var parameter = regexp.MustCompile(`\{(\w+)\}|\*`)

// values are the real things that a parameter of a route may name, nil where
// the walk does not know it.
func (w *world) values(name, method, route, parameter string) []string {
	switch {
	case parameter == "{id}" && strings.Contains(route, "/polls/"), parameter == "{poll}":
		ids := []string{w.city.PollID, w.nation.PollID, w.late.PollID}
		if name == "kamianske" {
			ids = append(ids, w.initiative.PollID)
		}
		return ids
	case strings.HasPrefix(route, "/blogs/"), strings.HasPrefix(route, "/contexts/"), strings.HasPrefix(route, "/media/"), strings.HasPrefix(route, "/people/"), strings.HasPrefix(route, "/desk/reports/"), strings.HasPrefix(route, "/desk/decisions/"), strings.HasPrefix(route, "/tags/"):
		return w.said[name].values(method, route, parameter)
	case parameter == "{id}" && (strings.HasPrefix(route, "/ideas/") || strings.HasPrefix(route, "/desk/ideas/")):
		return w.thoughts[name].of(route)
	case parameter == "{id}" && strings.HasPrefix(route, "/activities/"):
		return w.activities(name)
	case parameter == "{id}" && strings.HasPrefix(route, "/desk/verifications/"):
		return w.ids(name, "verification_requests")
	case parameter == "{id}" && strings.HasPrefix(route, "/desk/accounts/"):
		return w.ids(name, "accounts")[:1]
	case strings.Contains(route, "/officials/") && w.graded.ids[parameter] != 0: // elsewhere there are none of that number
		return []string{fmt.Sprint(w.graded.ids[parameter])}
	case strings.Contains(route, "/primaries/") && w.assessed.ids[parameter] != 0: // elsewhere there are none of that number
		return []string{fmt.Sprint(w.assessed.ids[parameter])}
	case parameter == "{version}" && strings.HasPrefix(route, "/nodeinfo/"):
		return []string{"2.0", "2.1"}
	case parameter == "{version}", parameter == "{sequence}", parameter == "{n}":
		return []string{"1", "2", "3"}
	case parameter == "{city}":
		return []string{"kamianske.test", "lviv.test", "kharkiv.test"}
	case parameter == "{sphere}":
		return []string{"ecology", "transport"}
	case parameter == "{handle}" && route == "/@{handle}":
		return []string{"ecology", "city", "resident", "city_voter", "kamianske_005", "writer", "writer@lviv.test", "writer@kamianske.test"}
	case parameter == "{handle}":
		return []string{"resident", "city_voter", "writer"}
	case parameter == "{at}":
		return []string{fmt.Sprint(w.n.Now().Unix())}
	case parameter == "{proof}": // nobody's, and that of a member who asks for another one's
		_, key := w.n.Town("kamianske").Keys.Tally()
		asked := fmt.Sprintf("viche newest statement\n%s\nhttps://lviv.test/actor\n%d", w.nation.URI, w.n.Now().Unix())
		return []string{"none", base64.RawURLEncoding.EncodeToString(ed25519.Sign(key, []byte(asked)))}
	case parameter == "*" && strings.HasPrefix(route, "/static/"):
		return []string{"none"} // files that are part of the program
	}
	return nil
}

// asks are all requests that a city may be asked, by what its router says. A
// route that the walk cannot fill fails the test, so none is forgotten.
func (w *world) asks(name string) (all []ask) {
	w.t.Helper()
	known := func(path string) string {
		return strings.NewReplacer("HOST", name+".test", "CITY", w.city.PollID, "QUESTION", fmt.Sprint(w.said[name].question.ID), "ASKED", fmt.Sprint(w.said["kamianske"].question.ID)).Replace(path)
	}
	err := chi.Walk(w.n.Town(name).Routes(), func(method, route string, _ http.Handler, _ ...func(http.Handler) http.Handler) error {
		paths := []string{route}
		for _, p := range parameter.FindAllString(route, -1) {
			values := w.values(name, method, route, p)
			if len(values) == 0 && route != "/desk/verifications/{id}" { // the coordinator verifies nobody
				w.t.Errorf("the walk does not know what %s of %s %s may be: tell it in values", p, method, route)
			}
			var filled []string
			for _, path := range paths {
				for _, v := range values {
					filled = append(filled, strings.Replace(path, p, v, 1))
				}
			}
			paths = filled
		}
		for _, path := range paths {
			switch method {
			case http.MethodGet, http.MethodHead:
				with := queries[route]
				if with == nil {
					with = []string{""}
				}
				for _, q := range with {
					all = append(all, ask{method: method, path: path + known(q)})
				}
			case http.MethodPost, http.MethodPut:
				if left[route] != "" {
					continue
				}
				with := forms[route]
				if with == nil {
					with = []string{"walk=1"}
				}
				kind := "application/x-www-form-urlencoded"
				if strings.HasPrefix(route, civic.Prefix) {
					kind = "application/json"
				}
				if strings.HasSuffix(route, "/inbox") || strings.HasSuffix(route, "/outbox") {
					kind = "application/activity+json"
				}
				for _, body := range with {
					all = append(all, ask{method, path, kind, known(body)})
				}
			default:
				w.t.Errorf("the walk does not know how to ask %s %s", method, route)
			}
		}
		return nil
	})
	if err != nil {
		w.t.Fatal(err)
	}
	if len(all) < 100 {
		w.t.Errorf("%s has only %d things to ask for", name, len(all))
	}
	// A head tells a length, which a number may change.
	for _, path := range []string{"/", "/polls", "/polls/" + w.city.PollID, "/polls/" + w.nation.PollID, "/polls/feed.atom"} {
		all = append(all, ask{method: http.MethodHead, path: path})
	}
	return all
}

// activities are the ids of all activities that a city has ever had, as far as
// the walk has met them; whoever has one may ask for it again.
func (w *world) activities(name string) []string {
	var uris []string
	if err := w.n.Town(name).DB.Read().NewRaw("select uri from activities where uri like '%/activities/%'").Scan(w.t.Context(), &uris); err != nil {
		w.t.Fatal(err)
	}
	for _, uri := range uris {
		_, id, _ := strings.Cut(uri, "/activities/")
		if !slices.Contains(w.seen[name], id) {
			w.seen[name] = append(w.seen[name], id)
		}
	}
	return w.seen[name]
}

func (w *world) ids(name, table string) (ids []string) {
	var all []int64
	if err := w.n.Town(name).DB.Read().NewRaw("select id from "+table+" order by id").Scan(w.t.Context(), &all); err != nil {
		w.t.Fatal(err)
	}
	for _, id := range all {
		ids = append(ids, fmt.Sprint(id))
	}
	return ids
}

// answer is what came back, with what changes by itself taken out.
type answer struct {
	status int
	head   string
	body   string
}

// warm sends each form once and lets the network hear of what comes of it: who
// likes and follows the second time changes nothing. Who is signed in and looks
// for somebody elsewhere has the city get to know them.
func (w *world) warm() {
	w.t.Helper()
	w.goOver(func(a ask) bool {
		return a.kind != "" && !slices.Contains(slow, a.path) || strings.HasPrefix(a.path, "/@writer@")
	})
	w.settle()
}

// walk asks every city everything, in every guise.
func (w *world) walk() map[string]answer {
	w.t.Helper()
	return w.goOver(func(ask) bool { return true })
}

func (w *world) goOver(wanted func(ask) bool) map[string]answer {
	w.t.Helper()
	out := map[string]answer{}
	var mu sync.Mutex
	var wait sync.WaitGroup
	for name, guises := range w.guises {
		asks, town := w.asks(name), w.n.Town(name)
		wait.Go(func() {
			for _, g := range guises {
				for _, a := range asks {
					if !wanted(a) || w.opened(g, a) || g.reads && a.kind != "" || a.kind != "" && slices.Contains(slow, a.path) && !g.slow {
						continue
					}
					got := w.ask(town, g, a)
					mu.Lock()
					out[town.Host+" to "+g.name+": "+a.String()] = got
					mu.Unlock()
				}
			}
		})
	}
	wait.Wait()
	return out
}

// opened says whether a guise's own vote has opened what is asked for: this
// person is to see the numbers there.
func (w *world) opened(g guise, a ask) bool {
	return g.who == "city_voter" && strings.Contains(a.path, w.city.PollID)
}

// formMark is what a form is known by when it is sent twice: chance and no more.
var formMark = regexp.MustCompile(`name="once" value="[A-Z2-7]{26}"`)

var callers atomic.Uint32

func (w *world) ask(town *citytest.Town, g guise, a ask) answer {
	r := httptest.NewRequest(a.method, "https://"+town.Host+a.path, strings.NewReader(a.body))
	if a.kind != "" {
		r.Header.Set("Content-Type", a.kind)
	}
	// Everybody comes from this machine, as a scraper of metrics does, but each
	// time from another address: how often one may ask is no matter here.
	c := callers.Add(1)
	r.RemoteAddr = fmt.Sprintf("127.%d.%d.%d:99", c>>16&255, c>>8&255, c&255)
	g.dress(r)
	rec := httptest.NewRecorder()
	town.Handler().ServeHTTP(rec, r)
	got := answer{status: rec.Code, body: rec.Body.String()}
	for _, h := range sortedHeader(rec.Header()) {
		got.head += h + "\n"
	}
	if got.status >= 500 && got.status != http.StatusServiceUnavailable || got.status == http.StatusTooManyRequests {
		w.t.Errorf("%s to %s: %s = %d, so nothing is seen there", town.Host, g.name, a, got.status)
	}
	got.body = formMark.ReplaceAllString(got.body, "")
	if a.path == "/metrics" {
		got.body = withoutRequests(got.body)
	}
	return got
}

// withoutRequests leaves out of metrics how many requests there were: the walk
// itself is counted. What a vote does to them castUnmeasured looks at.
func withoutRequests(text string) (out string) {
	for line := range strings.Lines(text) {
		if name := strings.TrimPrefix(strings.TrimPrefix(line, "# HELP "), "# TYPE "); strings.HasPrefix(name, "go_") || strings.HasPrefix(name, "process_") {
			continue // how this one process of all cities fares
		}
		if !strings.Contains(line, "viche_http_") && !strings.Contains(line, "viche_federation_total") {
			out += line
		}
	}
	return out
}

func sortedHeader(h http.Header) (lines []string) {
	for name, values := range h {
		lines = append(lines, name+": "+strings.Join(values, " | "))
	}
	slices.Sort(lines)
	return lines
}

// checkWalked holds that the guises were what they are called: a walk among
// pages that nobody may see would find nothing.
func (w *world) checkWalked(answers map[string]answer) {
	w.t.Helper()
	w.checkPrimariesWalked(answers)
	city, nation := w.city.PollID, w.nation.PollID
	w.checkOfficialsWalked(answers)
	for key, want := range map[string]int{
		"kamianske.test to nobody: GET /":                                                                                    http.StatusOK,
		"kamianske.test to nobody: GET /metrics":                                                                             http.StatusOK,
		"kamianske.test to nobody: GET /polls/feed.atom":                                                                     http.StatusOK,
		"kamianske.test to a guest: GET /me":                                                                                 http.StatusOK,
		"kamianske.test to a resident: GET /polls/" + city:                                                                   http.StatusOK,
		"kamianske.test to a resident: POST /polls/" + city + "/ballot ← choices=o9":                                         http.StatusUnprocessableEntity,
		"kamianske.test to a moderator: GET /desk/polls/" + city:                                                             http.StatusOK,
		"kamianske.test to an operator: GET /desk/mail":                                                                      http.StatusOK,
		"kamianske.test to a resident: GET " + w.thoughts["kamianske"].idea.Path():                                           http.StatusOK,
		"kamianske.test to a resident: POST " + w.thoughts["kamianske"].idea.Path() + "/rating ← usefulness=9&feasibility=1": http.StatusUnprocessableEntity,
		"kamianske.test to a moderator: GET /desk" + w.thoughts["kamianske"].idea.Path():                                     http.StatusOK,
		"kamianske.test to a server: GET /polls/" + city:                                                                     http.StatusOK,
		"kamianske.test to a server that signs: GET /spheres/ecology/outbox?before=0":                                        http.StatusOK,
		"kamianske.test to a resident by token: GET " + civic.Prefix + "/polls/" + nation:                                    http.StatusOK,
		"lviv.test to a resident by token: GET " + civic.Prefix + "/polls/" + nation + "/results":                            http.StatusForbidden,
		"lviv.test to a server: GET /tallies/" + nation + "/1":                                                               http.StatusNotFound,
		"ukraine.test to a server that signs: GET /polls/" + nation:                                                          http.StatusOK,
		"ukraine.test to an officer: GET /polls/" + nation:                                                                   http.StatusOK,
		"ukraine.test to a server that signs: GET /polls/" + nation + "/results/1":                                           http.StatusNotFound,
	} {
		if got, asked := answers[key]; !asked || got.status != want {
			w.t.Errorf("%s = %d, %v; want %d", key, got.status, asked, want)
		}
	}
}
