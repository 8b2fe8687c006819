package people

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"viche/internal/locale"
	"viche/web"
)

func TestPasswordMatchesInEitherSpellingAndOldCostIsStale(t *testing.T) {
	hash := HashPassword("Київ, їжак") // ї as one character
	if ok, stale := matches(hash, "Київ, і\u0308жак"); !ok || stale {
		t.Errorf("ї as two characters: %v, stale %v, want a match", ok, stale)
	}
	if ok, _ := matches(hash, "Київ, їжак "); ok {
		t.Error("another password matches")
	}
	if ok, stale := matches(cost{memory: 8 * 1024, time: 1, threads: 1}.hash("x"), "x"); !ok || !stale {
		t.Errorf("hash at another cost: %v, stale %v, want a match to renew", ok, stale)
	}
	for _, broken := range []string{"", "$argon2id$", "plain", nobody, "$argon2id$v=19$m=8192,t=0,p=1$AAAA$AAAA", "$argon2id$v=19$m=8192,t=1,p=1$AAAA$"} {
		if ok, _ := matches(broken, ""); ok {
			t.Errorf("%q matches the empty password", broken)
		}
	}
}

// An unknown e-mail must cost as much as a known one.
func TestNobodysHashCostsAsMuch(t *testing.T) {
	if _, stale := matches(nobody, "x"); stale {
		t.Error("nobody's hash is of another cost than today's")
	}
}

func TestLimitsStayBounded(t *testing.T) {
	now := time.Now()
	l := newLimits(func() time.Time { return now })
	for i := range 250_000 {
		l.add(string(rune(i))+"/"+time.Duration(i).String(), signUpAddress)
	}
	if len(l.counts) > 100_001 {
		t.Errorf("keys kept = %d", len(l.counts))
	}
}

// Every message that the code names exists, and none lies unused.
func TestMessagesAreAllKnownAndUsed(t *testing.T) {
	words, err := locale.New(web.Files, Files)
	if err != nil {
		t.Fatal(err)
	}
	var source strings.Builder
	for _, pattern := range []string{"*.go", "templates/*.html", "../../actors/identity/*.go"} {
		names, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range names {
			if strings.HasSuffix(name, "_test.go") {
				continue
			}
			text, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			source.Write(text)
		}
	}
	used := map[string]bool{}
	for _, found := range regexp.MustCompile(`"(people\.[a-z.-]+)"`).FindAllStringSubmatch(source.String(), -1) {
		key := found[1]
		used[key] = true
		if key == "people.sweep" || strings.HasSuffix(key, ".") { // a job, a beginning
			continue
		}
		if !words.Has(key) && !words.Has(key+".subject") {
			t.Errorf("nobody wrote the message %q", key)
		}
	}
	for _, key := range words.Keys() {
		if !strings.HasPrefix(key, "people.") || used[key] {
			continue
		}
		whole := strings.TrimSuffix(strings.TrimSuffix(key, ".subject"), ".text")
		begin := key[:strings.LastIndex(key, ".")+1]
		if !used[whole] && !used[begin] {
			t.Errorf("nobody uses the message %q", key)
		}
	}
}
