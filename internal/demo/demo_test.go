package demo

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"viche/actors/identity"
	"viche/internal/city"
	"viche/internal/union"
)

// start opens, seeds and starts a small demo; it ends with the test.
func start(t *testing.T, o Options) *Demo {
	t.Helper()
	o.Residents = 40
	o.Log = slog.New(slog.NewTextHandler(io.Discard, nil))
	d, err := Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := d.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
	if err := d.Seed(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := d.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	return d
}

// get asks an instance of the demo by its host.
func get(t *testing.T, d *Demo, host, path string) (int, []byte) {
	t.Helper()
	client := &http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, network, d.listener.Addr().String())
	}}}
	defer client.CloseIdleConnections()
	answer, err := client.Get(fmt.Sprintf("http://%s:%d%s", host, d.port(), path))
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer.StatusCode, body
}

func TestDemoShowsWhatItPromises(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	d := start(t, Options{Dir: dir})
	for _, p := range places {
		if code, body := get(t, d, p.host, "/readyz"); code != http.StatusOK {
			t.Errorf("%s/readyz = %d %s, want 200", p.host, code, body)
		}
	}
	if code, body := get(t, d, "elsewhere.localhost", "/"); code != http.StatusMisdirectedRequest || !bytes.Contains(body, []byte("http://lviv.localhost:")) {
		t.Errorf("a host that is none of the four = %d %s, want 421 with the four addresses", code, body)
	}

	url, err := d.pollURL(t.Context(), d.coordinator(), closedNational)
	if err != nil {
		t.Fatal(err)
	}
	id := url[strings.LastIndex(url, "/")+1:]
	r, found, err := d.coordinator().Union.ResultOf(t.Context(), id)
	if err != nil || !found {
		t.Fatalf("ResultOf(%s) = %v, %v", url, found, err)
	}
	if r.Stage != union.Final || len(r.Members) != 3 || r.Verified.Ballots < 30 {
		t.Errorf("result: %s of %d cities with %d ballots, want a final one of 3 with 30 or more", r.Stage, len(r.Members), r.Verified.Ballots)
	}
	sum, ballots := make([]int, len(numbered(closedNational).options)), 0
	statements, err := d.coordinator().Union.Statements(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	for _, raw := range statements {
		var s struct {
			Stage    string
			Verified struct {
				Ballots int
				Counts  []struct{ Count int }
			}
		}
		if err := json.Unmarshal(raw, &s); err != nil {
			t.Fatal(err)
		}
		if s.Stage != union.Final {
			continue
		}
		ballots += s.Verified.Ballots
		for i, c := range s.Verified.Counts {
			sum[i] += c.Count
		}
	}
	if got := r.Verified.Questions[0].Counts; !slices.Equal(got, sum) || r.Verified.Ballots != ballots {
		t.Errorf("result = %v of %d ballots, the statements' sum = %v of %d", got, r.Verified.Ballots, sum, ballots)
	}

	// Who has not voted finds a number waiting as soon as they do.
	url, err = d.pollURL(t.Context(), d.town("lviv"), openNational)
	if err != nil {
		t.Fatal(err)
	}
	id = url[strings.LastIndex(url, "/")+1:]
	if r, found, err := d.town("lviv").Union.ResultOf(t.Context(), id); err != nil || !found || r.Stage != union.Interim || len(r.Verified.Questions) == 0 {
		t.Errorf("Lviv's interim result of the open poll = %+v, %v, %v; want one of the country", r, found, err)
	}

	var guide strings.Builder
	if err := d.Guide(t.Context(), &guide, "viche"); err != nil {
		t.Fatal(err)
	}
	for _, s := range d.SignIns() {
		if !strings.Contains(guide.String(), s.Email) {
			t.Errorf("the guide leaves out %s", s.Email)
		}
	}
}

func TestSecondStartGoesOn(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	d, err := Open(t.Context(), Options{Dir: dir, Residents: 12, Log: slog.New(slog.NewTextHandler(io.Discard, nil))})
	if err != nil {
		t.Fatal(err)
	}
	port := d.port()
	if err := d.Seed(t.Context()); err != nil {
		t.Fatal(err)
	}
	before := countPolls(t, d)
	if _, err := Open(t.Context(), Options{Dir: dir, Log: d.o.Log}); err == nil || !strings.Contains(err.Error(), "already runs") {
		t.Errorf("a second demo on the folder: %v, want a refusal", err)
	}
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}

	again := start(t, Options{Dir: dir, Port: port, Setting: func(name string) string { return map[string]string{"VICHE_K": "7"}[name] }})
	if got := countPolls(t, again); got != before {
		t.Errorf("polls after the second start = %d, want %d as before", got, before)
	}
	if got := again.now().Sub(again.coordinator().DB.Now()).Abs(); again.shift.Load() != 0 || got > 1e9 {
		t.Errorf("the clock is off by %v after the second start", got)
	}
	values, err := city.ReadFile(filepath.Join(dir, "lviv.localhost", "settings.env"))
	if err != nil || values["VICHE_K"] != "7" || values["VICHE_DEMO"] != "true" {
		t.Errorf("settings.env = %v, %v; want VICHE_K=7 of the environment", values, err)
	}
}

func countPolls(t *testing.T, d *Demo) (n int) {
	t.Helper()
	if err := d.town("kamianske").DB.ReadBound().Row(t.Context(), []any{&n}, "select count(*) from polls"); err != nil {
		t.Fatal(err)
	}
	return n
}

func TestBrokenOffSeedingBeginsAnew(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	o := Options{Dir: dir, Residents: 12, Log: slog.New(slog.NewTextHandler(io.Discard, nil))}
	d, err := Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	d.o.Progress = func(step string) {
		if step == "residents vote" {
			stop()
		}
	}
	if err := d.Seed(ctx); err == nil {
		t.Fatal("Seed ended well though it was broken off")
	}
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}

	// The folders are bound to the port of the first try.
	values, err := city.ReadFile(filepath.Join(dir, "ukraine.localhost", "settings.env"))
	if err != nil {
		t.Fatal(err)
	}
	_, port, err := net.SplitHostPort(values["VICHE_HOST"])
	if err != nil {
		t.Fatal(err)
	}
	if _, err := fmt.Sscan(port, &o.Port); err != nil {
		t.Fatal(err)
	}
	if d, err = Open(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	if n := countPolls(t, d); n != 0 {
		t.Errorf("%d polls are left of the seeding that was broken off", n)
	}
	if err := d.Seed(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func TestFreshLeavesWhatIsNotItsOwn(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	own, other := filepath.Join(dir, "lviv.localhost"), filepath.Join(dir, "kharkiv.localhost")
	for path, text := range map[string]string{
		filepath.Join(own, "settings.env"): "VICHE_DEMO=true\n", filepath.Join(own, "viche.db"): "x",
		filepath.Join(other, "settings.env"): "VICHE_HOST=kharkiv.localhost\n", filepath.Join(dir, "letter.txt"): "dear",
	} {
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := empty(dir); err == nil || !exists(own) {
		t.Errorf("empty = %v with an instance that no demo made; want a refusal and nothing deleted", err)
	}
	if err := os.RemoveAll(other); err != nil {
		t.Fatal(err)
	}
	if err := empty(dir); err != nil || exists(own) || !exists(filepath.Join(dir, "letter.txt")) {
		t.Errorf("empty = %v; want the instance gone and the letter left", err)
	}
}

func TestNamesAreUsable(t *testing.T) {
	t.Parallel()
	n := &names{chance: chanceOf("test"), taken: map[string]bool{}}
	for range 300 {
		name, handle := n.next()
		if len(handle) < 3 || len(handle) > 30 || strings.Trim(handle, "abcdefghijklmnopqrstuvwxyz0123456789_") != "" {
			t.Errorf("%q has the handle %q", name, handle)
		}
		if holders[name] {
			t.Errorf("%q is the name of somebody in office", name)
		}
	}
	for number := range 3 {
		if code := taxNumber(700 + number); identity.ValidRNOKPP(code) != nil {
			t.Errorf("taxNumber(%d) = %s, which is none", 700+number, code)
		}
	}
}
