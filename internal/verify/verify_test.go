package verify

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
)

var (
	update = flag.Bool("update", false, "write the golden files anew")
	stride = flag.Int("stride", 3, "of the digits outside numbers, change each whose place this divides")
)

const (
	coordinatorAt = "https://ukraine.example"
	pollID        = "01a23030-4700-759a-aad0-8264d5795d39"
	pollAt        = coordinatorAt + "/polls/" + pollID
	trustKey      = "z6MkpTRtxRfDNgamGSAmjt233nePPBXKVfjEc1oPNQJa2q4P"
	otherKey      = "z6MkmdmTnA8wqA4XRiDu3S4hWPT4N3hU8hug8QverrmDBKro"
)

// web is a fediverse on paper: what lies at which address.
type web map[string][]byte

func (w web) RoundTrip(r *http.Request) (*http.Response, error) {
	answer := func(status int, body []byte) (*http.Response, error) {
		return &http.Response{StatusCode: status, Body: io.NopCloser(bytes.NewReader(body)), Header: http.Header{}, Request: r}, nil
	}
	body, there := w[r.URL.String()]
	switch {
	case !there:
		return answer(http.StatusNotFound, nil)
	case body == nil:
		return nil, errors.New("connection refused")
	case bytes.HasPrefix(body, []byte("-> ")):
		response, err := answer(http.StatusFound, nil)
		response.Header.Set("Location", string(body[3:]))
		return response, err
	}
	return answer(http.StatusOK, body)
}

func statements(of string) string { return of + "/api/viche/v1/polls/" + pollID + "/statements" }

func items(raws ...[]byte) []byte {
	return fmt.Appendf(nil, `{"items":[%s]}`, bytes.Join(raws, []byte(",")))
}

// published gives what stands in the network after the final result.
func published(t testing.TB) web {
	t.Helper()
	get := func(name string) []byte { return example(t, name+".json") }
	return web{
		pollAt:                                get("question-closed"),
		"https://lviv.example/polls/1":        get("question-closed"),
		pollAt + "/results/3":                 get("result-final"),
		pollAt + "/results/2":                 get("result-preliminary"),
		pollAt + "/equivocations/1":           get("equivocation"),
		coordinatorAt + "/api/viche/v1/trust": get("trust-list-3"),
		coordinatorAt + "/trust/2":            get("trust-list"),
		coordinatorAt + "/trust/1":            get("trust-list-1"),
		statements(coordinatorAt): items(get("tally-kharkiv-final"), get("tally-kharkiv-interim"), get("tally-kamianske-final"),
			get("tally-lviv-correction"), get("tally-lviv-final")),
		statements("https://kamianske.example"): items(get("tally-kamianske-interim"), get("tally-kamianske-final")),
		statements("https://lviv.example"):      items(get("tally-lviv-correction")),
		statements("https://kharkiv.example"):   items(get("tally-kharkiv-final")),
	}
}

// verify runs on the network and gives the report.
func (w web) verify(t testing.TB, change func(*Options)) (string, error) {
	t.Helper()
	var out bytes.Buffer
	o := Options{Target: pollAt, Client: &http.Client{Transport: w}, Out: &out}
	if change != nil {
		change(&o)
	}
	err := Run(t.Context(), o)
	return out.String(), err
}

func TestPublishedResultHolds(t *testing.T) {
	t.Parallel()
	got, err := published(t).verify(t, nil)
	if err != nil {
		t.Fatalf("Run = %v\n%s", err, got)
	}
	golden := filepath.Join("testdata", "published.golden")
	if *update {
		if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("report differs from %s (-update writes it anew); got:\n%s", golden, got)
	}
}

func TestEveryAddressOfAPollLeadsToItsResult(t *testing.T) {
	t.Parallel()
	for _, target := range []string{pollAt, "https://lviv.example/polls/1", pollAt + "/results/3", pollAt + "/results/2"} {
		got, err := published(t).verify(t, func(o *Options) { o.Target, o.Key = target, trustKey })
		if err != nil || !strings.Contains(got, "\nOK: the final result, version 3,") {
			t.Errorf("%s: %v\n%s", target, err, got)
		}
	}
}

func TestWhatIsWrongInTheNetworkFails(t *testing.T) {
	t.Parallel()
	edit := func(raw []byte, old, new string) []byte {
		if !bytes.Contains(raw, []byte(old)) {
			panic("the example does not hold " + old)
		}
		return bytes.ReplaceAll(raw, []byte(old), []byte(new))
	}
	tests := map[string]struct {
		change func(t *testing.T, w web)
		code   string // "": not verified, by no rule's fault
		says   string
	}{
		"the city has signed a newer statement": {func(t *testing.T, w web) {
			w[statements(coordinatorAt)] = items(example(t, "tally-kharkiv-final.json"), example(t, "tally-kamianske-final.json"), example(t, "tally-lviv-final.json"))
		}, "result-member", "lviv"},
		"the city shows an older one": {func(t *testing.T, w web) {
			w[statements("https://lviv.example")] = items(example(t, "tally-lviv-final.json"))
		}, "result-member", "its newest"},
		"the city shows nothing": {func(_ *testing.T, w web) {
			w[statements("https://lviv.example")] = items()
		}, "result-member", "no statement"},
		"the city knows nothing": {func(_ *testing.T, w web) {
			delete(w, statements("https://lviv.example"))
		}, "result-member", "no statement"},
		"the city shows other numbers": {func(t *testing.T, w web) {
			w[statements("https://kamianske.example")] = items(bad(t, "27-same-sequence-other-numbers"))
		}, "equivocation", "kamianske"},
		"a statement is not there": {func(t *testing.T, w web) {
			w[statements(coordinatorAt)] = items(example(t, "tally-kharkiv-final.json"))
		}, "result-member", "kamianske"},
		"the poll tells other numbers": {func(_ *testing.T, w web) {
			w[pollAt] = edit(w[pollAt], `"totalItems": 6703`, `"totalItems": 6704`)
		}, "proof-invalid", "poll"},
		"the newest result is another's": {func(_ *testing.T, w web) {
			w[pollAt+"/results/3"] = w[pollAt+"/results/2"]
		}, "origin", "results/2"},
		"the older result is away": {func(_ *testing.T, w web) {
			delete(w, pollAt+"/results/2")
		}, "", "results/2"},
		"a trust list is away": {func(_ *testing.T, w web) {
			delete(w, coordinatorAt+"/trust/1")
		}, "", "trust/1"},
		"a trust list was changed": {func(_ *testing.T, w web) {
			w[coordinatorAt+"/trust/1"] = edit(w[coordinatorAt+"/trust/1"], "190000", "190001")
		}, "proof-invalid", "trust/1"},
		"the coordinator leads elsewhere": {func(_ *testing.T, w web) {
			w[statements(coordinatorAt)] = []byte("-> https://evil.example/statements")
			w["https://evil.example/statements"] = items()
		}, "origin", "another host"},
		"the evidence is another": {func(_ *testing.T, w web) {
			w[pollAt+"/equivocations/1"] = edit(w[pollAt+"/equivocations/1"], `"type": "Equivocation",`, `"type": "Equivocation", "note": "x",`)
		}, "reason", "odesa"},
		"the poll is open": {func(t *testing.T, w web) {
			w[pollAt] = example(t, "question-open.json")
		}, "poll-open", "2026-12-14"},
		"an object is too large": {func(_ *testing.T, w web) {
			w[pollAt] = append(w[pollAt], bytes.Repeat([]byte(" "), maxObjectBytes)...)
		}, "", "larger"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := published(t)
			test.change(t, w)
			got, err := w.verify(t, nil)
			if err == nil || code(err) != test.code {
				t.Fatalf("Run = %v, want the code %q\n%s", err, test.code, got)
			}
			last := got[strings.LastIndex(strings.TrimSpace(got), "\n")+1:]
			want := "FAILED: " + test.code
			if test.code == "" {
				want = "FAILED: not verified: "
			}
			if !strings.HasPrefix(last, want) || !strings.Contains(last, test.says) {
				t.Errorf("last line %q, want %q … %q", last, want, test.says)
			}
		})
	}
}

func bad(t testing.TB, name string) []byte {
	t.Helper()
	var wrapped struct{ Object json.RawMessage }
	if err := json.Unmarshal(example(t, filepath.Join("bad", name+".json")), &wrapped); err != nil {
		t.Fatal(err)
	}
	return wrapped.Object
}

func TestSilentCityIsToldAndNoFault(t *testing.T) {
	t.Parallel()
	w := published(t)
	w[statements("https://lviv.example")] = nil
	got, err := w.verify(t, nil)
	if err != nil || !strings.Contains(got, "https://lviv.example/actor did not answer for itself") ||
		!strings.Contains(got, "2 of 3 shown cities show the same newest statement; 1 did not answer") {
		t.Errorf("Run = %v\n%s", err, got)
	}
}

func TestGivenKeyDecides(t *testing.T) {
	t.Parallel()
	for key, want := range map[string]string{trustKey: "OK: ", otherKey: "FAILED: key-not-pinned: ", "z6Mk": "FAILED: not verified: the key given"} {
		got, err := published(t).verify(t, func(o *Options) { o.Key = key })
		if (err == nil) != (want == "OK: ") || !strings.Contains(got, "\n"+want) && !strings.HasPrefix(got, want) {
			t.Errorf("key %s: %v, want %q\n%s", key, err, want, got)
		}
	}
}

func TestPlainHTTPNeedsLeave(t *testing.T) {
	t.Parallel()
	got, err := published(t).verify(t, func(o *Options) { o.Target = strings.Replace(pollAt, "https", "http", 1) })
	if err == nil || !strings.Contains(got, "not an https address") {
		t.Errorf("Run = %v\n%s", err, got)
	}
}

func TestSavedFolderHoldsOffline(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "saved")
	online, err := published(t).verify(t, func(o *Options) { o.Save = dir })
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if err := Run(t.Context(), Options{Target: dir, Key: trustKey, Out: &out}); err != nil {
		t.Fatalf("offline: %v\n%s", err, out.String())
	}
	last := func(s string) string { return s[strings.LastIndex(strings.TrimSpace(s), "\n")+1:] }
	if last(out.String()) != last(online) || !strings.Contains(out.String(), "Asked themselves, 3 of 3") {
		t.Errorf("offline:\n%s\nonline:\n%s", out.String(), online)
	}
	if _, err := published(t).verify(t, func(o *Options) { o.Save = dir }); err == nil {
		t.Error("a folder that holds something was saved into")
	}
}

func TestExamplesAsAFolderHold(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	err := Run(t.Context(), Options{Target: examples(t), Out: &out})
	if err != nil || !strings.Contains(out.String(), "18546 ballots, 0 of them on the coordinator's word") ||
		!strings.Contains(out.String(), "Nothing in the folder says that a city itself was asked") {
		t.Errorf("Run = %v\n%s", err, out.String())
	}
}

// offline gives the files of a folder as `--save` writes them, without what
// cities said, so that nothing but the statements themselves speaks.
func offline(t testing.TB) fstest.MapFS {
	t.Helper()
	files := fstest.MapFS{}
	for _, name := range []string{
		"trust-list-1", "trust-list", "trust-list-3", "question-closed", "result-preliminary", "result-final", "equivocation",
		"tally-kamianske-final", "tally-lviv-final", "tally-lviv-correction", "tally-kharkiv-interim", "tally-kharkiv-final",
	} {
		files[name+".json"] = &fstest.MapFile{Data: example(t, name+".json")}
	}
	return files
}

// judge verifies a folder. Reading is most of the work, so it is done once a
// file.
func judge(t testing.TB, files fstest.MapFS) (try func(name string, raw []byte) error) {
	t.Helper()
	kept := map[string]*object{}
	for name, file := range files {
		o, err := read(file.Data)
		if err != nil {
			t.Fatal(err)
		}
		kept[name] = o
	}
	return func(name string, raw []byte) error {
		f := &folder{own: map[string]answer{}}
		f.file(name, raw)
		for other, o := range kept {
			if other != name {
				f.objects = append(f.objects, o)
			}
		}
		b, err := f.bundle()
		if err != nil {
			return err
		}
		return (&report{out: io.Discard}).check(b, "")
	}
}

// Every digit of every number that a city tells, changed to every other digit,
// and digits all over the other statements, changed to the next one.
func TestOneChangedDigitOfAnyStatementFails(t *testing.T) {
	t.Parallel()
	files := offline(t)
	try := judge(t, files)
	for name, file := range files {
		if err := try(name, file.Data); err != nil {
			t.Fatalf("%s unchanged: %v", name, err)
		}
	}
	places := 0
	for name, file := range files {
		if !strings.HasPrefix(name, "tally-") {
			continue
		}
		from := bytes.Index(file.Data, []byte(`"verified"`))
		to := bytes.LastIndex(file.Data, []byte(`"proof"`))
		for i, digit := range file.Data {
			numbers := i > from && i < to
			// Signatures take time: of ids, times, digests and proofs a part.
			if digit < '0' || digit > '9' || (!numbers && i%*stride != 0) {
				continue
			}
			others := 1
			if numbers && name == "tally-kamianske-final.json" {
				others = 9
				places++
			}
			for step := range others {
				changed := bytes.Clone(file.Data)
				changed[i] = '0' + (digit-'0'+byte(step)+1)%10
				if err := try(name, changed); err == nil {
					t.Errorf("%s: %q at byte %d instead of %q is not noticed", name, changed[i], i, digit)
				}
			}
		}
	}
	if places < 20 {
		t.Errorf("tried %d digits of numbers: too few to say anything", places)
	}
}
