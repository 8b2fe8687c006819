package union

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"viche/federation/ap"
)

func examples(t testing.TB) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for ; dir != "/"; dir = filepath.Dir(dir) {
		found := filepath.Join(dir, "shared/data/examples")
		if _, err := os.Stat(found); err == nil {
			return found
		}
	}
	t.Skip("shared/data is absent: no examples to check")
	return ""
}

func example(t testing.TB, dir, name string) []byte {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// reader is a checker with a memory of its own, for tests.
type reader struct {
	chain      chain
	polls      map[string]*pollState
	registers  map[string]int // poll + actor
	statements map[string][]*statement
	last       map[string]string
}

func (r *reader) within(code, area string) bool {
	return area == "UA" || code == area || strings.HasPrefix(code, area[:4])
}

func (r *reader) register(poll, actor string) int {
	if n, ok := r.registers[poll+actor]; ok {
		return n
	}
	if kept := r.statements[poll+actor]; len(kept) > 0 {
		return kept[0].numbers.Register
	}
	return -1
}

func (r *reader) witness(poll string) witness {
	return witness{
		newest: func(actor string, by time.Time) (newest *statement) {
			for _, s := range r.statements[poll+actor] {
				if !s.published.After(by) {
					newest = s
				}
			}
			return newest
		},
		byDigest: func(digest string) *statement {
			for _, kept := range r.statements {
				for _, s := range kept {
					if s.digest == digest {
						return s
					}
				}
			}
			return nil
		},
		all: true, known: true, last: r.last[poll],
		register: func(actor string) int { return r.register(poll, actor) },
	}
}

func (r *reader) check(raw []byte) error {
	top, err := read(raw)
	if err != nil {
		return err
	}
	switch top.text("type") {
	case "TrustList":
		l, err := readList(raw)
		if err != nil {
			return err
		}
		return r.chain.add(l)
	case "Question", "Article":
		p, err := readPoll(raw)
		if err != nil {
			return err
		}
		var seen *Poll
		if known := r.polls[p.URI]; known != nil {
			seen = known.Poll
		}
		if err := r.chain.checkPoll(p, seen); err != nil {
			return err
		}
		if seen == nil {
			r.polls[p.URI] = &pollState{p, p.EndTime}
		}
		return nil
	case "Accept":
		if top.has("digest") {
			return r.chain.byCoordinator(top, top.text("actor"))
		}
		a, err := readAcceptance(raw)
		if err != nil {
			return err
		}
		before, ok := r.registers[a.poll+a.author]
		if !ok {
			before = -1
		}
		if err := r.chain.checkAcceptance(a, r.polls[a.poll], before, r.within); err != nil {
			return err
		}
		r.registers[a.poll+a.author] = a.register
		return nil
	case "Invite":
		i, err := readInvitation(raw)
		if err != nil {
			return err
		}
		_, err = r.chain.checkInvitation(i, r.polls[i.poll], i.target, r.within)
		return err
	case "Reject":
		return r.chain.byCoordinator(top, top.text("actor"))
	case "EarlyClose":
		e, err := readEarlyClose(raw)
		if err != nil {
			return err
		}
		if err := r.chain.checkEarlyClose(e, r.polls[e.poll]); err != nil {
			return err
		}
		r.polls[e.poll].close = e.closedAt
		return nil
	case "Tally":
		return r.checkStatement(raw)
	case "PollResult":
		p, err := readResult(raw)
		if err != nil {
			return err
		}
		if err := r.chain.checkResult(p, r.polls[p.poll], r.witness(p.poll), r.within); err != nil {
			return err
		}
		if p.stage != Interim {
			r.last[p.poll] = p.uri
		}
		return nil
	case "Equivocation":
		e, err := readEquivocation(raw)
		if err != nil {
			return err
		}
		return r.chain.checkEquivocation(e, r.polls[e.poll], r.register(e.poll, e.actor), r.within)
	}
	return fault("form", "type %q", top.text("type"))
}

func (r *reader) checkStatement(raw []byte) error {
	t, err := readStatement(raw)
	if err != nil {
		return err
	}
	if err := r.chain.checkStatement(t, r.polls[t.poll], r.register(t.poll, t.author), r.within); err != nil {
		return err
	}
	m := memory{}
	for _, s := range r.statements[t.poll+t.author] {
		k := &kept{s.uri, s.digest, s.stage, s.sequence}
		if s.sequence == t.sequence {
			m.same = k
		}
		m.newest = k
	}
	if err := t.checkSequence(m); err != nil {
		if err == errSame {
			return nil
		}
		return err
	}
	r.statements[t.poll+t.author] = append(r.statements[t.poll+t.author], t)
	return nil
}

func accepted(t testing.TB) (*reader, string) {
	t.Helper()
	dir := examples(t)
	r := &reader{polls: map[string]*pollState{}, registers: map[string]int{}, statements: map[string][]*statement{}, last: map[string]string{}}
	for _, name := range []string{
		"trust-list-1", "trust-list", "trust-list-3", "question-open", "question-approval-open", "poll-multi-open", "invite",
		"accept", "accept-kharkiv", "accept-lviv", "accept-odesa", "accept-stryi", "accept-tyha", "accept-approval-kamianske",
		"accept-approval-lviv", "accept-multi", "tally-kamianske-interim", "tally-lviv-interim", "tally-kharkiv-interim", "result-interim",
		"early-close", "tally-multi", "tally-approval-final", "tally-kamianske-final", "tally-lviv-final", "tally-odesa-final",
		"tally-stryi-final", "tally-tyha-final", "result-preliminary", "accept-statement", "reject", "tally-kharkiv-final",
		"tally-lviv-correction", "equivocation", "result-final", "question-closed",
	} {
		if err := r.check(example(t, dir, name+".json")); err != nil {
			t.Fatalf("%s: %v, want it accepted", name, err)
		}
	}
	return r, dir
}

func TestGoodObjectsAreAccepted(t *testing.T) {
	t.Parallel()
	r, dir := accepted(t)
	// Once more, in another order: nothing may change.
	for _, name := range []string{"tally-lviv-interim", "tally-kamianske-final", "accept", "trust-list", "question-open", "tally-lviv-correction"} {
		if err := r.check(example(t, dir, name+".json")); err != nil {
			t.Errorf("%s again: %v, want it accepted", name, err)
		}
	}
}

func TestEachBrokenObjectIsRefusedForItsReason(t *testing.T) {
	t.Parallel()
	r, dir := accepted(t)
	files, err := filepath.Glob(filepath.Join(dir, "bad/*.json"))
	if err != nil || len(files) < 56 {
		t.Fatalf("%d broken examples, %v; want 56", len(files), err)
	}
	for _, file := range files {
		var bad struct {
			Because string
			Object  json.RawMessage
		}
		if err := json.Unmarshal(example(t, "", file), &bad); err != nil {
			t.Fatal(err)
		}
		if err := r.check(bad.Object); ap.FaultCode(err) != bad.Because {
			t.Errorf("%s: %v, want %s", filepath.Base(file), err, bad.Because)
		}
	}
}
