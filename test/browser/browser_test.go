// Package browser_test walks through Viche's pages in headless Chromium, as
// residents meet them. `make test` sets VICHE_TEST_BROWSER to the program.
package browser_test

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

// site is a city with one open poll, as the journey needs it.
type site struct {
	Base   string            // "https://kamianske.test"
	Hosts  map[string]string // where the names really are: "host:port" to "127.0.0.1:port"
	Poll   string            // the poll's page
	People []person          // two verified residents who have not voted
	Hidden []string          // numbers as pages write them, for voters only
	Visits []visit           // further pages
	Looks  int               // of narrow and wide, light and dark; 0 is all four
}

type person struct {
	Email    string `json:"email,omitempty"`
	Password string `json:"password,omitempty"`
}

// visit is a round of pages by name, of a person or a stranger.
type visit struct {
	Name  string            `json:"name"`
	Pages map[string]string `json:"pages"` // their paths
	person
}

type report struct {
	Runs []struct {
		Name           string
		JavaScript     bool
		Voted, Changed string // the options' names
		Steps          []struct {
			Name         string
			Pictures     []string
			Milliseconds int
		}
		Problems []string
	}
}

func needBrowser(t *testing.T) (chromium string) {
	t.Helper()
	chromium = os.Getenv("VICHE_TEST_BROWSER")
	if chromium == "" {
		t.Skip("VICHE_TEST_BROWSER is not set: `make test` installs Chromium and sets it")
	}
	if _, err := os.Stat("node_modules/playwright-core"); err != nil {
		t.Fatal("VICHE_TEST_BROWSER is set, but the npm packages are absent: scripts/npm.sh test/browser")
	}
	return chromium
}

// walk runs journey.mjs on the site. The pictures stay in
// test/browser/pictures/NAME, to be looked at.
func walk(t *testing.T, name string, s site) report {
	t.Helper()
	chromium := needBrowser(t)
	out := filepath.Join("pictures", name)
	if err := os.RemoveAll(out); err != nil {
		t.Fatal(err)
	}
	journey := map[string]any{
		"chromium": chromium, "base": s.Base, "poll": s.Poll, "hosts": s.Hosts,
		"people": s.People, "hidden": s.Hidden, "out": out, "visits": s.Visits,
	}
	if s.Looks > 0 {
		journey["looks"] = s.Looks
	}
	settings, err := json.Marshal(journey)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 8*time.Minute)
	defer cancel()
	node := exec.CommandContext(ctx, "node", "journey.mjs", string(settings))
	node.Cancel = func() error { return node.Process.Signal(syscall.SIGTERM) } // it reports how far it came
	node.WaitDelay = 10 * time.Second
	var stdout, stderr bytes.Buffer
	node.Stdout, node.Stderr = &stdout, &stderr
	runErr := node.Run()

	var r report
	if err := json.Unmarshal(stdout.Bytes(), &r); err != nil {
		t.Fatalf("the journey did not report: %v, %v\n%s%s", runErr, err, stdout.Bytes(), stderr.Bytes())
	}
	for _, run := range r.Runs {
		for _, step := range run.Steps {
			t.Logf("%s: %s: %d ms", run.Name, step.Name, step.Milliseconds)
		}
	}
	return r
}

// checkWalk fails the test for each problem that was met, and if the way was
// shorter than it should have been.
func checkWalk(t *testing.T, s site, r report) {
	t.Helper()
	if want := 2 + len(s.Visits); len(r.Runs) != want {
		t.Errorf("%d walks, want %d", len(r.Runs), want)
	}
	for i, run := range r.Runs {
		for _, problem := range run.Problems {
			t.Errorf("%s: %s", run.Name, problem)
		}
		least := 7 // of the journey
		if i >= 2 {
			least = len(s.Visits[i-2].Pages)
		}
		if len(run.Steps) < least {
			t.Errorf("%s: %d steps, want at least %d", run.Name, len(run.Steps), least)
		}
	}
}
