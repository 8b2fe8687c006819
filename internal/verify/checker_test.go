package verify

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// examples gives the folder of the published examples; they lie beside the
// repository, so that other programs are tested against the same bytes.
func examples(t testing.TB) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			break
		}
		up := filepath.Dir(dir)
		if up == dir {
			t.Fatal("no go.mod above the test")
		}
		dir = up
	}
	dir = filepath.Join(dir, "..", "shared", "data", "examples")
	if _, err := os.Stat(dir); err != nil {
		t.Skip("shared/data is absent: ", err)
	}
	return dir
}

// inOrder names the good examples in the order in which they came about.
var inOrder = strings.Fields(`
	trust-list-1 trust-list
	question-open question-approval-open poll-multi-open
	invite accept accept-lviv accept-kharkiv accept-stryi accept-tyha accept-odesa
	accept-approval-kamianske accept-approval-lviv accept-multi
	tally-kamianske-interim tally-lviv-interim tally-kharkiv-interim result-interim
	tally-approval-final
	tally-kamianske-final tally-lviv-final tally-odesa-final tally-stryi-final tally-tyha-final
	accept-statement result-preliminary
	equivocation trust-list-3
	tally-lviv-correction tally-kharkiv-final result-final question-closed reject
	early-close tally-multi`)

func example(t testing.TB, name string) []byte {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join(examples(t), name))
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// fed gives a Checker that has accepted every good example.
func fed(t testing.TB) *Checker {
	t.Helper()
	c := New("")
	for _, name := range inOrder {
		if err := c.Accept(example(t, name+".json")); err != nil {
			t.Fatalf("%s is refused: %v", name, err)
		}
	}
	return c
}

func TestEveryGoodExampleIsAccepted(t *testing.T) {
	t.Parallel()
	c := fed(t)
	for _, name := range inOrder {
		if err := c.Accept(example(t, name+".json")); err != nil {
			t.Errorf("%s a second time is refused: %v", name, err)
		}
	}
	// No example is left out, but those that carry nothing to check.
	files, err := filepath.Glob(filepath.Join(examples(t), "*.json"))
	if err != nil {
		t.Fatal(err)
	}
	unsigned := []string{"context", "keys-TEST-ONLY", "poll-core", "announce", "vote-from-mastodon", "vote-from-gotosocial"}
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".json")
		if !slices.Contains(inOrder, name) && !slices.Contains(unsigned, name) {
			t.Errorf("%s is fed to nobody", name)
		}
	}
}

func TestEveryBadExampleIsRefusedForItsReason(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob(filepath.Join(examples(t), "bad", "*.json"))
	if err != nil {
		t.Fatal(err)
	}
	if len(files) < 56 {
		t.Fatalf("%d bad examples, want 56 or more", len(files))
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".json"), func(t *testing.T) {
			t.Parallel()
			raw, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			var bad struct {
				Because string
				Object  json.RawMessage
			}
			if err := json.Unmarshal(raw, &bad); err != nil {
				t.Fatal(err)
			}
			c := fed(t)
			err = c.Accept(bad.Object)
			if got := code(err); got != bad.Because {
				t.Errorf("Accept = %v, want %q", err, bad.Because)
			}
		})
	}
}
