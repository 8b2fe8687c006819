package verify

import (
	"crypto/ed25519"
	"encoding/json"
	"os/exec"
	"strings"
	"testing"

	"viche/federation/ap"
)

// signer signs with the examples' keys, which everybody knows.
type signer map[string]struct{ SecretKeyMultibase string }

func newSigner(t testing.TB) signer {
	t.Helper()
	var s signer
	if err := json.Unmarshal(example(t, "keys-TEST-ONLY.json"), &s); err != nil {
		t.Fatal(err)
	}
	return s
}

func (s signer) key(t testing.TB, id string) ed25519.PrivateKey {
	t.Helper()
	key, err := ap.DecodeSecretMultikey(s[id].SecretKeyMultibase)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

const (
	kharkivKey = "https://kharkiv.example/actor#tally-2026"
)

// again takes an example, changes it and signs it anew, as its author could.
func (s signer) again(t testing.TB, name string, change func(m map[string]any)) []byte {
	t.Helper()
	o, err := read(example(t, name+".json"))
	if err != nil {
		t.Fatal(err)
	}
	method, created, err := o.doc.ProofMethod()
	if err != nil {
		t.Fatal(err)
	}
	change(o.node)
	if at, ok := o.node.time("published"); ok {
		created = at
	}
	raw, err := ap.Sign(o.node, s.key(t, method), method, created)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// in gives a member by its path; numbers are places in lists.
func in(m map[string]any, path ...any) map[string]any {
	var at any = m
	for _, step := range path {
		switch step := step.(type) {
		case string:
			at = at.(map[string]any)[step]
		case int:
			at = at.([]any)[step]
		}
	}
	return at.(map[string]any)
}

// Rules that the published bad examples leave out, each broken by the author
// itself, so that the signature holds.
func TestSignedObjectsThatBreakOneRule(t *testing.T) {
	t.Parallel()
	s := newSigner(t)
	tests := map[string]struct {
		example string
		change  func(m map[string]any)
		code    string
	}{
		"list: no keys":              {"trust-list-3", func(m map[string]any) { delete(m, "coordinatorKeys") }, "form"},
		"list: unknown status":       {"trust-list-3", func(m map[string]any) { in(m, "members", 0)["status"] = "asleep" }, "form"},
		"list: city twice":           {"trust-list-3", func(m map[string]any) { in(m, "members", 0)["actor"] = in(m, "members", 1)["actor"] }, "form"},
		"list: ceiling as text":      {"trust-list-3", func(m map[string]any) { in(m, "members", 0)["ceiling"] = "190000" }, "number"},
		"list: second of a version":  {"trust-list-3", func(m map[string]any) { in(m, "members", 0)["ceiling"] = 190001 }, "trust-chain"},
		"list: gap":                  {"trust-list-3", func(m map[string]any) { m["version"] = 5 }, "trust-chain"},
		"list: another coordinator":  {"trust-list-3", func(m map[string]any) { m["version"], m["attributedTo"] = 4, "https://ukraine.example/other" }, "form"},
		"poll: pollId no UUIDv7":     {"question-open", func(m map[string]any) { m["pollId"] = "01a23030-4700-459a-aad0-8264d5795d39" }, "form"},
		"poll: ends before it opens": {"question-open", func(m map[string]any) { m["endTime"] = m["opensAt"] }, "form"},
		"poll: two kinds of options": {"question-open", func(m map[string]any) { m["anyOf"] = m["oneOf"] }, "form"},
		"poll: options alike":        {"question-open", func(m map[string]any) { in(m, "oneOf", 1)["name"] = "Так" }, "form"},
		"poll: list unknown":         {"question-open", func(m map[string]any) { in(m, "trustList")["version"] = 9 }, "trust-list"},
		"accept: not a member":       {"accept", func(m map[string]any) { m["actor"] = "https://kamianske.example/other" }, "not-a-member"},
		"accept: other digest":       {"accept", func(m map[string]any) { m["pollDigest"] = "sha-256:00" }, "poll-digest"},
		"accept: another register":   {"accept", func(m map[string]any) { m["register"] = 5211 }, "accept-again"},
		"close: after the end":       {"early-close", func(m map[string]any) { m["closedAt"] = "2026-12-20T18:00:00Z" }, "time"},
		"close: no reason":           {"early-close", func(m map[string]any) { delete(m, "reason") }, "reason"},
		"tally: stage":               {"tally-kharkiv-final", func(m map[string]any) { m["stage"] = "last" }, "form"},
		"tally: poll's core":         {"tally-kharkiv-final", func(m map[string]any) { m["pollDigest"] = "sha-256:00" }, "poll-digest"},
		"tally: interim too late":    {"tally-kharkiv-interim", func(m map[string]any) { m["published"] = "2026-12-14T18:00:01Z" }, "time"},
		"tally: published unpinned":  {"tally-kharkiv-final", func(m map[string]any) { m["published"] = "2027-02-01T00:00:00Z" }, "key-not-in-force"},
		"tally: open under k": {"tally-kamianske-final", func(m map[string]any) {
			m["open"] = map[string]any{"ballots": 3, "counts": []any{
				map[string]any{"optionId": "o1", "count": 3}, map[string]any{"optionId": "o2", "count": 0}, map[string]any{"optionId": "o3", "count": 0}}}
		}, "open"},
		"tally: open doesn't add up": {"tally-kamianske-final", func(m map[string]any) { in(m, "open", "counts", 0)["count"] = 22 }, "open"},
		"tally: first answers lack":  {"tally-kamianske-final", func(m map[string]any) { delete(in(m, "verified"), "firstAnswers") }, "first-answers"},
		"tally: first answers differ more than changed": {"tally-kamianske-final", func(m map[string]any) {
			in(m, "verified", "firstAnswers", 0)["count"] = 829 - 58
			in(m, "verified", "firstAnswers", 1)["count"] = 360 + 812 - 829 + 58
		}, "first-answers"},
		"tally: names in other case": {"tally-kamianske-final", func(m map[string]any) {
			in(m, "verified")["Counts"] = in(m, "verified")["counts"]
			delete(in(m, "verified"), "counts")
		}, "options"},
		"tally: blanks over ballots": {"tally-multi", func(m map[string]any) { in(m, "verified", "questions", 1)["blank"] = 432 }, "sum"},
		"tally: question twice":      {"tally-multi", func(m map[string]any) { in(m, "verified", "questions", 1)["questionId"] = "q1" }, "options"},
		"result: closed otherwise":   {"result-final", func(m map[string]any) { m["closedAt"] = "2026-12-14T17:59:59Z" }, "time"},
		"result: count of nobody":    {"result-final", func(m map[string]any) { in(m, "lines", 0)["memberCount"] = 3 }, "result-member"},
		"result: line not as signed": {"result-final", func(m map[string]any) {
			in(m, "lines", 0, "counts", 0)["count"], in(m, "lines", 0, "counts", 1)["count"] = 91, 44
			in(m, "lines", 0, "firstAnswers", 0)["count"], in(m, "lines", 0, "firstAnswers", 1)["count"] = 91, 44
		}, "result-member"},
		"result: first answers left out": {"result-final", func(m map[string]any) { delete(in(m, "verified"), "firstAnswers") }, "first-answers"},
		"result: excluded unexplained":   {"result-final", func(m map[string]any) { delete(in(m, "excluded", 0), "reason") }, "reason"},
		"result: excluded and missing": {"result-final", func(m map[string]any) {
			m["missing"] = []any{map[string]any{"actor": "https://odesa.example/actor", "register": 20400}}
		}, "result-members"},
		"result: outstanding":     {"result-preliminary", func(m map[string]any) { m["version"], m["outstanding"] = 4, 41871 }, "outstanding"},
		"result: final too early": {"result-preliminary", func(m map[string]any) { m["stage"] = "final" }, "result-members"},
		"result: open moved": {"result-final", func(m map[string]any) {
			in(m, "open", "counts", 0)["count"], in(m, "open", "counts", 1)["count"] = 884, 402
		}, "result-sum"},
		"result: replaces nothing": {"result-final", func(m map[string]any) { m["version"] = 4 }, "supersedes"},
		"result: version again": {"result-final", func(m map[string]any) {
			m["supersedes"] = "https://ukraine.example/polls/01a23030-4700-759a-aad0-8264d5795d39/results/3"
		}, "supersedes"},
		"interim: with parts":  {"result-interim", func(m map[string]any) { m["members"] = []any{} }, "interim-public"},
		"interim: not the sum": {"result-interim", func(m map[string]any) { in(m, "verified")["register"] = 95201 }, "result-sum"},
		"invite: to nobody":    {"invite", func(m map[string]any) { m["target"] = "https://dnipro.example/actor" }, "not-a-member"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			err := fed(t).Accept(s.again(t, test.example, test.change))
			if got := code(err); got != test.code {
				t.Errorf("Accept = %v, want %q", err, test.code)
			}
		})
	}
}

func TestRefusedObjectLeavesNothingBehind(t *testing.T) {
	t.Parallel()
	c := New("")
	for _, name := range []string{"trust-list-1", "trust-list", "question-open", "accept"} {
		if err := c.Accept(example(t, name+".json")); err != nil {
			t.Fatal(err)
		}
	}
	if err := c.Accept(bad(t, "14-sums-differ")); err == nil {
		t.Fatal("a statement that doesn't add up is accepted")
	}
	if err := c.Accept(example(t, "tally-kamianske-final.json")); err != nil {
		t.Errorf("after a refused statement a good one is refused: %v", err)
	}
}

func TestEvidenceMustBeTwoSoundStatements(t *testing.T) {
	t.Parallel()
	same := strings.NewReplacer("3310", "3010", "1800", "1500").Replace(string(example(t, "equivocation.json")))
	if err := fed(t).Accept([]byte(same)); code(err) != "proof-invalid" {
		t.Errorf("a made-up statement as evidence: %v, want proof-invalid", err)
	}
	o, err := read(example(t, "equivocation.json"))
	if err != nil {
		t.Fatal(err)
	}
	list := o.node["statements"].([]any)
	list[1] = list[0]
	raw, err := json.Marshal(o.node)
	if err != nil {
		t.Fatal(err)
	}
	if err := fed(t).Accept(raw); code(err) != "form" {
		t.Errorf("one statement twice as evidence: %v, want form", err)
	}
}

// A key that came into use later vouches for what it signed and what follows;
// earlier lists are vouched for by the digests that lead to them.
func TestPinnedKeyMayBeNewerThanTheOldestList(t *testing.T) {
	t.Parallel()
	s := newSigner(t)
	successor := s.key(t, kharkivKey) // any key will do for the second one
	pin := ap.EncodeMultikey(successor.Public().(ed25519.PublicKey))
	newKey := map[string]any{
		"id": "https://ukraine.example/actor#trust-2027", "type": "Multikey", "controller": "https://ukraine.example/actor",
		"publicKeyMultibase": pin, "validFrom": "2026-12-01T00:00:00Z", "validUntil": "2029-01-01T00:00:00Z",
	}
	list4 := s.again(t, "trust-list-3", func(m map[string]any) {
		digest, err := ap.Digest(example(t, "trust-list-3.json"))
		if err != nil {
			t.Fatal(err)
		}
		m["previous"] = map[string]any{"id": m["id"], "version": 3, "digest": digest}
		m["id"], m["version"] = "https://ukraine.example/trust/4", 4
		m["coordinatorKeys"] = append(m["coordinatorKeys"].([]any), newKey)
		for _, city := range m["members"].([]any) {
			if city := city.(map[string]any); city["actor"] == "https://kharkiv.example/actor" {
				city["tallyKeys"] = []any{}
			}
		}
	})
	o, err := read(list4)
	if err != nil {
		t.Fatal(err)
	}
	o.node["previous"] = map[string]any{"id": o.id, "version": 4, "digest": o.digest}
	o.node["id"], o.node["version"] = "https://ukraine.example/trust/5", 5
	published, _ := o.time("published")
	list5, err := ap.Sign(o.node, successor, "https://ukraine.example/actor#trust-2027", published)
	if err != nil {
		t.Fatal(err)
	}
	w := published5(t, list4, list5)
	got, err := w.verify(t, func(o *Options) { o.Key = pin })
	if err != nil || !strings.Contains(got, "the key given, which signed version 5") {
		t.Errorf("Run = %v\n%s", err, got)
	}
	if _, err := w.verify(t, func(o *Options) { o.Key = otherKey }); code(err) != "key-not-pinned" {
		t.Errorf("a key of nobody: %v, want key-not-pinned", err)
	}
}

func published5(t *testing.T, list4, list5 []byte) web {
	w := published(t)
	w[coordinatorAt+"/trust/3"] = w[coordinatorAt+"/api/viche/v1/trust"]
	w[coordinatorAt+"/trust/4"] = list4
	w[coordinatorAt+"/api/viche/v1/trust"] = list5
	return w
}

func TestTerritoryIsReadFromTheCode(t *testing.T) {
	t.Parallel()
	const kamianske = "UA12040150010056523"
	tests := []struct {
		unit, area string
		want       bool
	}{
		{kamianske, "UA", true},
		{kamianske, kamianske, true},
		{kamianske, "UA12040150000015189", true}, // hromada
		{kamianske, "UA12040000000032213", true}, // raion
		{kamianske, "UA12000000000090473", true}, // oblast
		{kamianske, "UA46000000000026241", false},
		{"UA12040150010118924", kamianske, true}, // a district of the city
		{"UA12000000000090473", kamianske, false},
		{kamianske, "UA12040150010118924", false},
		{kamianske, "UA00000000000000000", false},
		{kamianske, "", false},
		{"", "UA", false},
	}
	for _, test := range tests {
		if got := within(test.unit, test.area); got != test.want {
			t.Errorf("within(%q, %q) = %v, want %v", test.unit, test.area, got, test.want)
		}
	}
}

func TestStrangersTextCannotCommandTheTerminal(t *testing.T) {
	t.Parallel()
	if got, want := plain("Так\x1b[2J\nOK: все\u202e"), "Так [2J OK: все "; got != want {
		t.Errorf("plain = %q, want %q", got, want)
	}
}

// What recomputes a result must not share the code that computed it.
func TestNothingOfTheCountingIsImported(t *testing.T) {
	t.Parallel()
	out, err := exec.Command("go", "list", "-deps", ".").Output()
	if err != nil {
		t.Fatal(err)
	}
	for dep := range strings.Lines(string(out)) {
		switch dep = strings.TrimSpace(dep); dep {
		case "viche/internal/verify", "viche/federation/ap":
		default:
			if strings.HasPrefix(dep, "viche/") {
				t.Errorf("verify depends on %s", dep)
			}
		}
	}
}
