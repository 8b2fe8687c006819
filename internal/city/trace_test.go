package city_test

import (
	"bytes"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"viche/internal/city"
	"viche/internal/citytest"
	"viche/internal/store"
	"viche/internal/store/storetest"
	"viche/web/civic"
)

// Who votes leaves one row in the box and nothing else: no mark on the session
// or the token, no job, no line in the log, no file. And what the row says
// outside of its seal is the same whatever the answer is.
func TestCastLeavesNothingButTheBallot(t *testing.T) {
	t.Parallel()
	for kind, o := range citytest.Kinds() {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			first, second := castTraces(t, o, "o1"), castTraces(t, o, "o2")
			if !slices.Equal(first, second) {
				t.Errorf("votes for o1 leave %q, votes for o2 leave %q", first, second)
			}
		})
	}
}

// castTraces has two residents vote in a city of their own, one in a browser and
// one by a token, and gives the form of what that left in the database.
func castTraces(t *testing.T, o citytest.Options, option string) []string {
	log := &record{}
	o.Config = func(_ string, c *city.Config) {
		c.Logger = slog.New(slog.NewTextHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	}
	n := citytest.Fediverse(t, o, "kamianske")
	town := n.Town("kamianske")
	olena, petro := n.Resident("kamianske", "olena", true), n.Resident("kamianske", "petro", true)
	token := n.Bearer(&petro)
	p := n.OpenPoll("kamianske", "city")
	n.Settle()

	browser := n.HTTP()
	browser.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	post := func(path string, form url.Values) int {
		return status(t, browser, http.MethodPost, "https://kamianske.test"+path, "application/x-www-form-urlencoded", form.Encode(), "")
	}
	put := func(choice string) int {
		return status(t, browser, http.MethodPut, "https://kamianske.test"+civic.Prefix+"/polls/"+p.PollID+"/ballot", "application/json", `{"choices":["`+choice+`"]}`, token)
	}
	ballot := "/polls/" + p.PollID + "/ballot"
	if got := post("/sign-in", url.Values{"email": {olena.Email}, "password": {citytest.Password}}); got != http.StatusSeeOther {
		t.Fatalf("sign in = %d", got)
	}
	n.Advance(25 * time.Hour) // a mark of the day is due on the session
	if !strings.Contains(log.String(), "request answered") {
		t.Fatal("the log does not record requests, so there would be nothing to see in it")
	}

	before, files, lines := everything(t, town.DB), folder(t, town.Config.Data), log.String()
	if browserCast, tokenCast := post(ballot, url.Values{"choices": {option}}), put(option); browserCast != http.StatusSeeOther || tokenCast != http.StatusOK {
		t.Fatalf("casts = %d, %d", browserCast, tokenCast)
	}
	cast := everything(t, town.DB)
	if changed := tablesThatDiffer(before, cast); !slices.Equal(changed, []string{"ballots"}) {
		t.Errorf("voting changes the tables %q", changed)
	}
	if len(before["ballots"]) != 0 || len(cast["ballots"]) != 2 {
		t.Errorf("ballots: %q, then %q; want two more", before["ballots"], cast["ballots"])
	}

	// Again, another answer, wrong ones, one after the close.
	for _, choice := range []string{option, "o3", "o9"} {
		post(ballot, url.Values{"choices": {choice}})
		put(choice)
	}
	n.Advance(7 * 24 * time.Hour)
	if got := []int{post(ballot, url.Values{"choices": {"o1"}}), put("o1")}; !slices.Equal(got, []int{http.StatusConflict, http.StatusConflict}) {
		t.Errorf("votes after the close = %v", got)
	}
	changed := everything(t, town.DB)
	if tables := tablesThatDiffer(before, changed); !slices.Equal(tables, []string{"ballots"}) {
		t.Errorf("changing an answer, and what is refused, changes the tables %q", tables)
	}
	if got := strings.TrimPrefix(log.String(), lines); got != "" {
		t.Errorf("votes leave in the log:\n%s", got)
	}
	if !maps.Equal(files, folder(t, town.Config.Data)) {
		t.Error("votes leave something in the folder of the keys")
	}
	for _, secret := range []string{olena.Email, petro.Email, "olena", ballot, "choices", "Так", "Важко", token} {
		if strings.Contains(log.String(), secret) {
			t.Errorf("the log names %q", secret)
		}
	}

	// The control: reading a page does mark the session, and is seen here.
	if got := status(t, browser, http.MethodGet, "https://kamianske.test/polls", "", "", ""); got != http.StatusOK {
		t.Errorf("page = %d", got)
	}
	if tables := tablesThatDiffer(changed, everything(t, town.DB)); !slices.Equal(tables, []string{"sessions"}) {
		t.Errorf("reading a page on another day changes the tables %q, want sessions alone", tables)
	}
	return append(formsOf(cast["ballots"]), formsOf(changed["ballots"])...)
}

// status makes a request and gives the status of the answer.
func status(t *testing.T, client *http.Client, method, address, kind, body, token string) int {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, address, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if kind != "" {
		r.Header.Set("Content-Type", kind)
	}
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	answer, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	if _, err := io.Copy(io.Discard, answer.Body); err != nil {
		t.Fatal(err)
	}
	return answer.StatusCode
}

// everything is each row of each table, as text.
func everything(t *testing.T, db *store.DB) map[string][]string {
	t.Helper()
	out := storetest.Rows(t, db)
	for _, known := range []string{"ballots", "sessions", "api_tokens", "river_job", "accounts"} {
		if _, there := out[known]; !there {
			t.Fatalf("%q is not among the tables", known)
		}
	}
	return out
}

func tablesThatDiffer(a, b map[string][]string) (tables []string) {
	for table := range b {
		if !slices.Equal(a[table], b[table]) {
			tables = append(tables, table)
		}
	}
	slices.Sort(tables)
	return tables
}

// formsOf is rows with only the length left of what is sealed or random.
func formsOf(rows []string) (out []string) {
	for _, row := range rows {
		var form []string
		for _, column := range strings.Fields(row) {
			name, value, _ := strings.Cut(column, "=")
			if name == "poll" || strings.HasPrefix(value, "x") {
				value = fmt.Sprint(len(value))
			}
			form = append(form, name+"="+value)
		}
		out = append(out, strings.Join(form, " "))
	}
	slices.Sort(out)
	return out
}

// folder is what lies in a folder.
func folder(t *testing.T, dir string) map[string]string {
	t.Helper()
	out := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		raw, err := os.ReadFile(path)
		out[path] = string(raw)
		return err
	})
	if err != nil || len(out) == 0 {
		t.Fatalf("folder of the keys: %d files, %v", len(out), err)
	}
	return out
}

// record is a log that several goroutines write.
type record struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (r *record) Write(p []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.buf.Write(p)
}

func (r *record) String() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.buf.String()
}
