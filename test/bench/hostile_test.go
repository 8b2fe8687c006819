package bench_test

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// An attack sends one thing and gives the status of the answer, 0 for none.
// Where open is set, letting it in is right: it must then do no harm.
type attack struct {
	name string
	open bool
	do   func(n int) int
}

// hostility is what bad servers do, all in turn.
type hostility struct {
	f      *fediverse
	town   *town
	client *http.Client
	replay func() (letter, bool) // a good delivery that was let in

	mu    sync.Mutex
	said  map[string]map[int]int
	most  map[string]time.Duration // the longest that one took
	slots chan struct{}
	wait  sync.WaitGroup
	next  atomic.Int64
}

func newHostility(f *fediverse, town *town, replay func() (letter, bool)) *hostility {
	return &hostility{
		f: f, town: town, replay: replay, said: map[string]map[int]int{}, most: map[string]time.Duration{}, slots: make(chan struct{}, 200),
		client: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 64}, Timeout: 90 * time.Second},
	}
}

// strike begins the next attack; one that has to wait for others is left out.
func (h *hostility) strike() {
	attacks := h.attacks()
	n := int(h.next.Add(1))
	a := attacks[n%len(attacks)]
	select {
	case h.slots <- struct{}{}:
	default:
		return
	}
	h.wait.Go(func() {
		defer func() { <-h.slots }()
		began := time.Now()
		status := a.do(n)
		h.mu.Lock()
		defer h.mu.Unlock()
		h.most[a.name] = max(h.most[a.name], time.Since(began))
		if h.said[a.name] == nil {
			h.said[a.name] = map[int]int{}
		}
		h.said[a.name][status]++
	})
}

func (h *hostility) attacks() []attack {
	evil := func(n int) string { return h.f.at("evil", fmt.Sprintf("/u/%d", n%50)) }
	inbox := h.town.base + "/inbox"
	note := func(by string, n int) map[string]any {
		id := fmt.Sprintf("%s/n/%d", by, n)
		return map[string]any{"id": id + "/activity", "type": "Create", "to": []string{public}, "cc": []string{h.town.host}, "object": map[string]any{
			"id": id, "type": "Note", "attributedTo": by, "to": []string{public}, "cc": []string{h.town.host}, "content": "<p>evil</p>",
			"tag": []any{map[string]any{"type": "Mention", "href": h.town.host, "name": "@taras"}},
		}}
	}
	// keyAt signs as somebody whose key is at an address that is a trap.
	keyAt := func(uri string, n int) int {
		return h.send(h.f.write(inbox, uri, note(uri, n)).request())
	}
	raw := func(body string, n int) int {
		by := evil(n)
		return h.send(h.f.sign(inbox, by+"#main-key", h.f.keys[h.f.key(by)], []byte(body)).request())
	}
	return []attack{
		{"bad signature", false, func(n int) int {
			by := evil(n)
			l := h.f.write(inbox, by, note(by, n))
			other := h.f.sign(inbox, by+"#main-key", h.f.keys[(h.f.key(by)+1)%len(h.f.keys)], l.body)
			return h.send(other.request())
		}},
		{"signed for somebody else", false, func(n int) int {
			by, victim := evil(n), h.f.good(n)
			l := h.f.write(inbox, victim, note(victim, n))
			return h.send(h.f.sign(inbox, by+"#main-key", h.f.keys[h.f.key(by)], l.body).request())
		}},
		{"wrong digest", false, func(n int) int {
			by := evil(n)
			l := h.f.write(inbox, by, note(by, n))
			l.body = bytes.Replace(l.body, []byte("evil"), []byte("EVIL"), 1)
			return h.send(l.request())
		}},
		{"2 MB in chunks", false, func(n int) int {
			by := evil(n)
			r := h.f.write(inbox, by, note(by, n)).request()
			r.Body, r.ContentLength = io.NopCloser(io.LimitReader(spaces{}, 2<<20)), -1
			return h.send(r)
		}},
		{"2 MB", false, func(n int) int {
			by := evil(n)
			r := h.f.write(inbox, by, note(by, n)).request()
			r.Body, r.ContentLength = io.NopCloser(io.LimitReader(spaces{}, 2<<20)), 2<<20
			return h.send(r)
		}},
		{"a byte a second", false, h.drip},
		{"deep JSON", false, func(n int) int {
			return raw(fmt.Sprintf(`{"@context":%q,"id":"%s/d/%d","type":"Like","actor":%q,"object":%s1%s}`, streams, evil(n), n, evil(n),
				strings.Repeat(`{"a":[`, 20_000), strings.Repeat("]}", 20_000)), n)
		}},
		{"names twice", false, func(n int) int {
			return raw(fmt.Sprintf(`{"@context":%q,"id":"%s/d/%d","type":"Like","actor":%q,"object":%q,"actor":%q}`, streams, evil(n), n, evil(n), h.town.host, h.f.good(n)), n)
		}},
		{"key at a private address", false, func(n int) int {
			return keyAt(h.f.at("evil", fmt.Sprintf("/private/%c%d", 'a'+n%3, n)), n)
		}},
		{"key behind a loop", false, func(n int) int { return keyAt(h.f.at("evil", fmt.Sprintf("/round/%d", n)), n) }},
		{"key server hangs", false, func(n int) int { return keyAt(h.f.at("hangs", fmt.Sprintf("/u/%d", n)), n) }},
		{"key a byte a second", false, func(n int) int { return keyAt(h.f.at("drips", fmt.Sprintf("/u/%d", n)), n) }},
		{"key without an end", false, func(n int) int { return keyAt(h.f.at("pours", fmt.Sprintf("/u/%d", n)), n) }},
		{"key is a gzip bomb", false, func(n int) int { return keyAt(h.f.at("bomb", fmt.Sprintf("/u/%d", n)), n) }},
		{"key server answers 500", false, func(n int) int { return keyAt(h.f.at("fails", fmt.Sprintf("/u/%d", n)), n) }},
		{"body is a gzip bomb", false, func(n int) int {
			by := evil(n)
			r := h.f.sign(inbox, by+"#main-key", h.f.keys[h.f.key(by)], h.f.bomb).request()
			r.Header.Set("Content-Encoding", "gzip")
			return h.send(r)
		}},
		{"endless collections", true, func(n int) int {
			by := evil(n)
			a := note(by, n)
			a["object"].(map[string]any)["inReplyTo"] = h.f.at("evil", fmt.Sprintf("/thread/%d", n))
			return h.send(h.f.write(inbox, by, a).request())
		}},
		{"boost of a bomb", true, func(n int) int {
			by := evil(n)
			what := h.f.at([]string{"bomb", "hangs", "pours"}[n%3], fmt.Sprintf("/n/%d", n))
			return h.send(h.f.write(inbox, by, map[string]any{"id": fmt.Sprintf("%s/b/%d", by, n), "type": "Announce", "to": []string{public}, "object": what}).request())
		}},
		{"replay", true, func(int) int {
			l, ok := h.replay()
			if !ok {
				return -1 // nothing yet
			}
			return h.send(l.request())
		}},
	}
}

func (h *hostility) send(r *http.Request) int {
	answer, err := h.client.Do(r)
	if err != nil {
		return 0
	}
	_, _ = io.Copy(io.Discard, answer.Body) // so that the connection is used again
	_ = answer.Body.Close()
	return answer.StatusCode
}

// drip sends a body so slowly that it would take an hour, until it is hung up on.
func (h *hostility) drip(int) int {
	conn, err := net.DialTimeout("tcp", h.town.address, 10*time.Second)
	if err != nil {
		return 0
	}
	defer conn.Close()
	fmt.Fprintf(conn, "POST /inbox HTTP/1.1\r\nHost: %s\r\nContent-Type: %s\r\nContent-Length: 3600\r\n\r\n", h.town.env["VICHE_HOST"], activityType)
	for range 90 {
		select {
		case <-h.f.over:
			return 0
		case <-time.After(time.Second):
		}
		if _, err := conn.Write([]byte(" ")); err != nil {
			return 0
		}
		var one [16]byte
		_ = conn.SetReadDeadline(time.Now().Add(time.Millisecond)) // it is a connection, it can
		if n, err := conn.Read(one[:]); n > 12 {
			status := 0
			_, _ = fmt.Sscanf(string(one[:n]), "HTTP/1.1 %d", &status) // 0 where it isn't one
			return status
		} else if wait, ok := err.(net.Error); err != nil && (!ok || !wait.Timeout()) {
			return 0
		}
	}
	return -2 // a minute and a half, and it still listens
}

// spaces has no end.
type spaces struct{}

func (spaces) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = ' '
	}
	return len(p), nil
}
