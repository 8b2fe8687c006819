package city_test

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"viche/internal/citytest"
	"viche/modules"
)

// Nobody who has not voted learns a number that depends on votes (R4.2, R4.3).
// The walk asks everything that an instance answers, as everybody who has not
// voted, while nobody has; then three cities vote, snapshots are taken, signed
// statements and interim results go round; and the walk asks it all again with
// the clock where it was. Every byte that differs came with the votes.
func TestWalkFindsNoTotalOfAnOpenPoll(t *testing.T) {
	t.Parallel()
	for kind, o := range citytest.Kinds() {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			w := openWorld(t, o)
			w.warm()
			before := w.walk()
			if os.Getenv("VICHE_RUNS") != "" { // where all tests run it would only cost time
				if w.compare("nothing has happened, so the walk itself is at fault", before, w.walk()); t.Failed() {
					return
				}
			}
			stored, mail := w.shown(), len(w.stranger.mail())
			w.vote()
			after := w.walk()
			w.compare("the votes are to be seen", before, after)
			w.searchNumbers(after)
			w.checkWalked(after)
			w.checkShown(stored)
			w.checkLetters()
			if got := w.stranger.mail()[mail:]; len(got) > 0 {
				t.Errorf("%d messages reached a follower since people voted, the first one: %s", len(got), got[0])
			}
			w.checkVotersSee()
			w.checkAnswersCounted()
		})
	}
}

// The walk can fail: with the one gate open, it finds the numbers.
func TestWalkFindsTotalsWhenTheGateIsOpen(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("it builds the program again and walks once more")
	}
	tool, err := exec.LookPath("go")
	if err != nil {
		t.Skip("there is no go tool to build with: ", err)
	}
	gate, err := filepath.Abs("../ballot/visible.go")
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(gate)
	if err != nil {
		t.Fatal(err)
	}
	body := regexp.MustCompile(`(?s)(\nfunc Visible\([^\n]*\) bool \{\n).*?\n\}\n`)
	if len(body.FindAll(text, -1)) != 1 {
		t.Fatalf("%s has no function Visible that could be replaced", gate)
	}
	// The copy differs in this one file; an overlay spares copying the others.
	dir := t.TempDir()
	open, overlay := filepath.Join(dir, "visible.go"), filepath.Join(dir, "overlay.json")
	files, err := json.Marshal(map[string]any{"Replace": map[string]string{gate: open}})
	if err != nil {
		t.Fatal(err)
	}
	for path, content := range map[string][]byte{open: body.ReplaceAll(text, []byte("${1}\treturn true\n}\n")), overlay: files} {
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	run := exec.CommandContext(t.Context(), tool, "test", "-short", "-count=1", "-timeout=8m", "-vet=off", "-overlay="+overlay, "-run=^TestWalkFindsNoTotalOfAnOpenPoll$", ".")
	run.Env = append(slices.DeleteFunc(os.Environ(), func(e string) bool { return strings.HasPrefix(e, "VICHE_TEST_POSTGRES=") }), "GOFLAGS=")
	run.WaitDelay = 5 * time.Second
	out, err := run.CombinedOutput()
	if err == nil {
		t.Fatalf("with the gate open the walk finds nothing:\n%s", out)
	}
	if !bytes.Contains(out, []byte("--- FAIL: TestWalkFindsNoTotalOfAnOpenPoll")) {
		t.Fatalf("the walk did not run: %v\n%s", err, out)
	}
	for _, number := range []string{"23", "63"} { // of the city, of the nation
		if !regexp.MustCompile(`numbers that came with the votes: .*\b` + number + `\b`).Match(out) {
			t.Errorf("with the gate open the walk does not find %s:\n%s", number, out)
		}
	}
}

// A module that gives things away by another field than Routes would be left
// out of the walk.
func TestWalkKnowsTheManifest(t *testing.T) {
	t.Parallel()
	known := []string{
		"Name", "Files", // words, the same for everybody
		"Routes",           // walked
		"Jobs", "Periodic", // what they send is caught on its way out
		"Seed", // sample data goes in by the commands
	}
	for _, f := range reflect.VisibleFields(reflect.TypeFor[modules.Module]()) {
		if !slices.Contains(known, f.Name) {
			t.Errorf("modules.Module.%s is new: let the walk go over it", f.Name)
		}
	}
}
