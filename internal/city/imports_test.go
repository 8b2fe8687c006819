package city_test

import (
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// allowed says who may import whom inside the program; "modules/*" stands for
// each module. What is missing here is forbidden.
var allowed = map[string][]string{
	"cmd/viche":                {"actors", "federation", "internal/city", "internal/demo", "internal/locale", "internal/store", "internal/territory", "internal/union", "internal/verify", "migrations", "modules/*"},
	"internal/city":            {"actors", "actors/standing", "federation", "federation/ap", "internal/ballot", "internal/keys", "internal/locale", "internal/media", "internal/notify", "internal/search", "internal/store", "internal/territory", "internal/union", "migrations", "modules", "modules/*", "web", "web/c2s", "web/civic"},
	"internal/demo":            {"actors", "actors/identity", "actors/standing", "internal/city", "internal/store", "internal/territory", "internal/union", "modules/*", "web"},
	"internal/citytest":        {"federation", "internal/city", "internal/store", "internal/store/storetest", "modules/*", "web"},
	"web/c2s":                  {"actors", "federation", "federation/ap", "internal/locale", "internal/markup", "internal/store", "modules/*", "web"},
	"web/civic":                {"actors", "internal/ballot", "internal/locale", "internal/store", "internal/union", "modules/*", "web"},
	"modules/*":                {"actors", "actors/identity", "actors/standing", "federation", "federation/ap", "internal/ballot", "internal/keys", "internal/locale", "internal/markup", "internal/media", "internal/method", "internal/notify", "internal/search", "internal/store", "internal/territory", "internal/typed", "internal/union", "modules", "web"},
	"modules":                  {"federation", "internal/store", "internal/notify"},
	"internal/union":           {"actors", "federation/ap", "internal/ballot", "internal/keys", "internal/store"},
	"internal/ballot":          {"internal/keys", "internal/method", "internal/store"},
	"internal/verify":          {"federation/ap"},
	"internal/notify":          {"internal/locale", "internal/store"},
	"internal/territory":       {"internal/store"},
	"web":                      {"internal/locale", "internal/store"},
	"federation":               {"actors", "federation/ap", "internal/store"},
	"actors":                   {"federation/ap", "internal/markup", "internal/store"},
	"actors/identity":          {"internal/store"},
	"internal/search":          {"internal/store"},
	"internal/store/storetest": {"internal/store", "migrations"},
	"internal/media":           {"internal/store"},
	"internal/typed":           {"internal/markup", "internal/store"},
	"internal/markup":          {}, "internal/method": {}, "actors/standing": {},
	"federation/ap": {}, "internal/keys": {}, "internal/locale": {}, "internal/store": {}, "migrations": {},
}

// libraries that one package alone may know.
var keptBy = map[string]string{
	"github.com/go-ap/activitypub":                        "federation/ap",
	"github.com/go-fed/activity/pub":                      "web/c2s",
	"github.com/go-fed/activity/streams":                  "web/c2s",
	"github.com/go-fed/activity/streams/vocab":            "web/c2s",
	"github.com/go-fed/httpsig":                           "federation",
	"modernc.org/sqlite":                                  "internal/store",
	"github.com/riverqueue/river/riverdriver/riversqlite": "internal/store",
	"github.com/riverqueue/river/riverdriver/riverpgxv5":  "internal/store",
	"github.com/wneessen/go-mail":                         "internal/notify",
	"github.com/nicksnyder/go-i18n/v2/i18n":               "internal/locale",
}

func TestImports(t *testing.T) {
	t.Parallel()
	cmd := exec.CommandContext(t.Context(), "go", "list", "-json=ImportPath,Imports", "./...")
	cmd.Dir = "../.."
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	seen := 0
	for list := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p struct {
			ImportPath string
			Imports    []string
		}
		if err := list.Decode(&p); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		from, ours := strings.CutPrefix(p.ImportPath, "viche/")
		if !ours || strings.HasPrefix(from, "scripts/") || strings.HasPrefix(from, "test/") {
			continue
		}
		seen++
		edges, known := allowed[general(from)]
		if !known {
			t.Errorf("package %s is not in the table of imports", from)
		}
		for _, imported := range p.Imports {
			if owner, kept := keptBy[imported]; kept && owner != from {
				t.Errorf("%s imports %s, which %s alone may know", from, imported, owner)
			}
			to, ours := strings.CutPrefix(imported, "viche/")
			if ours && !slices.Contains(edges, general(to)) {
				t.Errorf("%s imports %s: this edge is not allowed", from, to)
			}
		}
	}
	if seen < 15 {
		t.Fatalf("only %d packages seen: the test does not look", seen)
	}
}

// general turns a module's package into "modules/*".
func general(path string) string {
	if name, ok := strings.CutPrefix(path, "modules/"); ok && !strings.Contains(name, "/") {
		return "modules/*"
	}
	return path
}
