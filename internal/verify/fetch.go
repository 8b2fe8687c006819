package verify

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"
)

// The limits of what is read from others. A list of 5,000 members with two
// keys each has some 5 MB.
const (
	maxListBytes   = 16 << 20
	maxObjectBytes = 1 << 20
	maxVersions    = 1000 // of the trust list
	maxOlder       = 100  // results that a result has replaced
	askTime        = 20 * time.Second
	askAtOnce      = 8
)

// errNotThere is a clear "no such thing", unlike no answer at all.
var errNotThere = errors.New("answers that there is nothing")

// fetcher reads objects over HTTP.
type fetcher struct {
	client    *http.Client
	plainHTTP bool
	save      *saver
}

// gather reads everything about the poll at an address: of the page, of the
// poll or of one of its results.
func (f *fetcher) gather(ctx context.Context, target string) (*bundle, error) {
	b := &bundle{own: map[string]answer{}}
	poll, err := f.poll(ctx, target)
	if err != nil {
		return nil, err
	}
	b.polls = append(b.polls, poll)
	if err := f.results(ctx, b, poll); err != nil {
		return nil, err
	}
	if err := f.lists(ctx, b, poll); err != nil {
		return nil, err
	}
	if err := f.statements(ctx, b, poll); err != nil {
		return nil, err
	}
	newest := b.results[0]
	closedAt, _ := newest.time("closedAt")
	if end, _ := poll.time("endTime"); !closedAt.Equal(end) {
		early, err := f.object(ctx, poll.id+"/close", poll.id)
		if err != nil {
			return nil, fmt.Errorf("the poll was closed early, but its EarlyClose can't be read: %w", err)
		}
		b.closes = append(b.closes, early)
		f.save.file("close.json", early.doc.Raw())
	}
	f.evidence(ctx, b, newest)
	f.askCities(ctx, b, newest, poll.text("pollId"))
	return b, f.save.err
}

// poll reads the closed poll. A page of another city shows the same poll; only
// the copy at its own address counts.
func (f *fetcher) poll(ctx context.Context, target string) (*object, error) {
	o, err := f.anywhere(ctx, target)
	if err != nil {
		return nil, err
	}
	if o.kind == "PollResult" {
		if o, err = f.object(ctx, o.text("poll"), o.id); err != nil {
			return nil, err
		}
	}
	if o.kind != "Question" && o.kind != "Article" {
		return nil, fault("form", "%s is a %q, not a poll or a result", target, o.kind)
	}
	if o.id != target {
		if o, err = f.object(ctx, o.id, o.id); err != nil {
			return nil, err
		}
	}
	if !o.has("trustList") {
		return nil, fault("trust-list", "%s is a poll of one city: no statements of several were added up", o.id)
	}
	if !o.has("closed") {
		return nil, fault("poll-open", "the poll runs until %s, so there is no result to verify", o.text("endTime"))
	}
	f.save.file("poll.json", o.doc.Raw())
	return o, nil
}

// results reads the newest result and those that it replaced, newest first.
func (f *fetcher) results(ctx context.Context, b *bundle, poll *object) error {
	next := poll.text("result")
	if next == "" {
		return fault("no-result", "the poll is closed, but names no result yet")
	}
	for seen := map[string]bool{}; next != ""; {
		if seen[next] || len(b.results) > maxOlder {
			return fault("supersedes", "the results replace each other without an end")
		}
		seen[next] = true
		o, err := f.object(ctx, next, poll.id)
		if err != nil {
			return err
		}
		if o.kind != "PollResult" || o.text("poll") != poll.id {
			return fault("form", "%s is no result of this poll", next)
		}
		version, _ := o.int("version")
		f.save.file(fmt.Sprintf("result-%d.json", version), o.doc.Raw())
		b.results = append(b.results, o)
		next = o.text("supersedes")
	}
	return nil
}

// lists reads the newest trust list and walks back to the oldest.
func (f *fetcher) lists(ctx context.Context, b *bundle, poll *object) error {
	next := origin(poll.id) + "/api/viche/v1/trust"
	for seen := map[string]bool{}; next != ""; {
		if seen[next] || len(b.lists) > maxVersions {
			return fault("trust-chain", "the trust lists go back without an end")
		}
		seen[next] = true
		raw, err := f.get(ctx, next, maxListBytes)
		if err != nil {
			return err
		}
		o, err := read(raw)
		if err != nil {
			return fmt.Errorf("%s: %w", next, err)
		}
		if o.kind != "TrustList" || !sameOrigin(o.id, next) || !sameOrigin(o.id, poll.id) {
			return fault("form", "%s is no trust list of the poll's coordinator", next)
		}
		version, _ := o.int("version")
		f.save.file(fmt.Sprintf("trust-%d.json", version), raw)
		b.put(o)
		next = o.inner("previous").text("id")
		if next != "" && !sameOrigin(next, poll.id) {
			return fault("trust-chain", "the list before version %d lies on another host", version)
		}
	}
	return nil
}

// statements reads those that the coordinator shows.
func (f *fetcher) statements(ctx context.Context, b *bundle, poll *object) error {
	items, raw, err := f.items(ctx, statementsAt(poll.id, poll.text("pollId")))
	if err != nil {
		return err
	}
	f.save.file("statements.json", raw)
	for _, item := range items {
		o, err := read(item)
		if err != nil {
			return fmt.Errorf("a statement of the coordinator's list: %w", err)
		}
		b.put(o)
	}
	return nil
}

func statementsAt(address, pollID string) string {
	return origin(address) + "/api/viche/v1/polls/" + pollID + "/statements"
}

func (f *fetcher) items(ctx context.Context, address string) ([]json.RawMessage, []byte, error) {
	raw, err := f.get(ctx, address, maxListBytes)
	if err != nil {
		return nil, nil, err
	}
	items, err := rawItems(raw, "items")
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %w", address, err)
	}
	for _, item := range items {
		if len(item) > maxObjectBytes {
			return nil, nil, fmt.Errorf("%s: a statement is larger than %d MB", address, maxObjectBytes>>20)
		}
	}
	return items, raw, nil
}

// evidence reads what is told against excluded cities. What can't be read is
// noted, not fatal: the exclusion then stands on the coordinator's word.
func (f *fetcher) evidence(ctx context.Context, b *bundle, newest *object) {
	excluded, _ := newest.optionalList("excluded")
	for i, n := range excluded {
		id := n.inner("evidence").text("id")
		if id == "" {
			continue
		}
		o, err := f.object(ctx, id, newest.id)
		if err != nil {
			b.notes = append(b.notes, fmt.Sprintf("The evidence against %s could not be read: %v.", plain(n.text("actor")), err))
			continue
		}
		f.save.file(fmt.Sprintf("evidence-%d.json", i+1), o.doc.Raw())
		b.evidence = append(b.evidence, o)
	}
}

// askCities asks every shown city for its own statements, several at once.
func (f *fetcher) askCities(ctx context.Context, b *bundle, newest *object, pollID string) {
	members, _ := newest.optionalList("members")
	var cities []string
	for _, n := range members {
		if city := origin(n.text("actor")); city != "" && !slices.Contains(cities, city) && len(cities) < maxMembers {
			cities = append(cities, city)
		}
	}
	answers := make([]answer, len(cities))
	var wait sync.WaitGroup
	turn := make(chan struct{}, askAtOnce)
	for i, city := range cities {
		wait.Add(1)
		turn <- struct{}{}
		go func() {
			defer func() { <-turn; wait.Done() }()
			answers[i].items, _, answers[i].err = f.items(ctx, statementsAt(city, pollID))
		}()
	}
	wait.Wait()
	for i, city := range cities {
		b.own[city] = answers[i]
		if answers[i].err == nil {
			f.save.city(city, answers[i].items)
		}
	}
}

// object reads an object that must lie at its own address, with the host of
// the one that led to it.
func (f *fetcher) object(ctx context.Context, address, near string) (*object, error) {
	if !sameOrigin(address, near) {
		return nil, fault("origin", "%s does not lie where %s does", address, near)
	}
	o, err := f.anywhere(ctx, address)
	if err != nil {
		return nil, err
	}
	if o.id != address {
		return nil, fault("origin", "at %s lies an object with the id %s", address, o.id)
	}
	return o, nil
}

func (f *fetcher) anywhere(ctx context.Context, address string) (*object, error) {
	raw, err := f.get(ctx, address, maxObjectBytes)
	if err != nil {
		return nil, err
	}
	o, err := read(raw)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", address, err)
	}
	return o, nil
}

// get reads an address within the limits of time and size. An answer that
// comes from another host than was asked counts as none.
func (f *fetcher) get(ctx context.Context, address string, limit int64) ([]byte, error) {
	if !strings.HasPrefix(origin(address), "https://") && !(f.plainHTTP && origin(address) != "") {
		return nil, fmt.Errorf("read %.200q: not an https address", address)
	}
	ctx, cancel := context.WithTimeout(ctx, askTime)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, fmt.Errorf("read %.200q: %w", address, err)
	}
	request.Header.Set("Accept", "application/activity+json, application/json;q=0.9")
	response, err := f.client.Do(request)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", address, err)
	}
	defer response.Body.Close()
	if !sameOrigin(response.Request.URL.String(), address) {
		return nil, fault("origin", "%s leads to another host", address)
	}
	switch response.StatusCode {
	case http.StatusOK:
	case http.StatusNotFound, http.StatusGone:
		return nil, fmt.Errorf("read %s: %w (%d)", address, errNotThere, response.StatusCode)
	default:
		return nil, fmt.Errorf("read %s: answer %d", address, response.StatusCode)
	}
	raw, err := io.ReadAll(io.LimitReader(response.Body, limit+1))
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", address, err)
	}
	if int64(len(raw)) > limit {
		return nil, fmt.Errorf("read %s: larger than %d MB", address, limit>>20)
	}
	return raw, nil
}
