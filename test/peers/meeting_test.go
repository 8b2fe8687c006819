package peers_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"viche/actors"
	"viche/internal/city"
	"viche/internal/citytest"
	"viche/internal/store"
	"viche/modules/blogs"
)

// A meeting is one city and one Fedify server that go through everything that
// two servers say to each other. Each row of its table is one deed in one
// direction.
type meeting struct {
	t      *testing.T
	net    *citytest.Network
	town   *citytest.Town
	peer   *fedify
	mariia citytest.Resident
	petro  citytest.Resident // approves followers one by one
	last   time.Time         // until when the cities' clock has gone
	rows   []row
}

type row struct {
	activity  string
	direction string
	err       error
	took      time.Duration
}

// Directions of a row.
const (
	out = "Viche → Fedify"
	in  = "Fedify → Viche"
)

const (
	ivan   = "https://fedify.test/users/ivan"
	olha   = "https://fedify.test/users/olha"
	klub   = "https://fedify.test/users/klub"
	oselia = "https://fedify.test/users/oselia"
)

func newMeeting(t *testing.T, version string) *meeting {
	t.Helper()
	n := citytest.Fediverse(t, citytest.Options{Config: func(_ string, c *city.Config) { c.K, c.Step = 1, 1 }}, "ukraine", "kamianske")
	authority, cert, key := n.Certificates()
	m := &meeting{t: t, net: n, town: n.Town("kamianske"), last: time.Now()}
	m.peer = startFedify(t, version, trust{authority, cert, key}, n.Hosts())
	n.Meet(fedifyHost, m.peer.Address)
	m.mariia, m.petro = n.Resident("kamianske", "mariia", true), n.Resident("kamianske", "petro", true)
	m.change("update actors set open = 0 where uri = ?", m.petro.Actor)
	m.settle()
	return m
}

// row does one deed. A deed that fails is a row that says so, and the next
// ones go on.
func (m *meeting) row(activity, direction string, deed func() error) {
	m.t.Helper()
	start := time.Now()
	err := deed()
	m.rows = append(m.rows, row{activity, direction, err, time.Since(start)})
	if err != nil {
		m.t.Errorf("%s, %s: %v", activity, direction, err)
	}
}

// print writes the table, to the file that VICHE_PEERS_TABLE names too: who runs
// the tests sees it even when nothing failed.
func (m *meeting) print(title string) {
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n%-58s %-16s %-5s %s\n", title, "what", "direction", "", "took")
	failed := 0
	for _, r := range m.rows {
		verdict := "ok"
		if r.err != nil {
			verdict = "FAIL"
			failed++
		}
		fmt.Fprintf(&b, "%-58s %-16s %-5s %s\n", r.activity, r.direction, verdict, r.took.Round(time.Millisecond))
	}
	fmt.Fprintf(&b, "%d rows, %d failed", len(m.rows), failed)
	fmt.Println(b.String())
	name := os.Getenv("VICHE_PEERS_TABLE")
	if name == "" {
		return
	}
	f, err := os.OpenFile(name, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err == nil {
		_, err = fmt.Fprintln(f, b.String())
		err = errors.Join(err, f.Close())
	}
	if err != nil {
		m.t.Error(err)
	}
}

// settle lets the cities do what is due, at the time that it really is.
func (m *meeting) settle() {
	m.net.Advance(time.Since(m.last))
	m.last = time.Now()
	m.net.Settle()
}

// ask has the peer do something, while the cities work.
func (m *meeting) ask(command string, arguments map[string]any, result any) error {
	done := make(chan error, 1)
	go func() { done <- m.peer.try(command, arguments, result) }()
	for {
		select {
		case err := <-done:
			m.settle()
			if err != nil {
				return fmt.Errorf("fedify %s: %w", command, err)
			}
			return nil
		case <-time.After(10 * time.Millisecond): // the peer is another process
			m.settle()
		}
	}
}

// shows waits until the database of the city answers a query with want.
func (m *meeting) shows(want int, query string, args ...any) error {
	got := -1
	for end := time.Now().Add(8 * time.Second); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		m.settle()
		if err := m.town.DB.Read().NewRaw(query, args...).Scan(m.t.Context(), &got); err != nil {
			return fmt.Errorf("%s: %w", query, err)
		}
		if got == want {
			return nil
		}
	}
	return fmt.Errorf("%s gives %d, want %d", query, got, want)
}

func (m *meeting) change(query string, args ...any) {
	m.t.Helper()
	err := m.town.DB.Write(m.t.Context(), func(ctx context.Context, tx *store.Tx) error {
		_, err := tx.Exec(ctx, query, args...)
		return err
	})
	if err != nil {
		m.t.Fatal(err)
	}
}

func (m *meeting) writer(r citytest.Resident) blogs.Writer {
	m.t.Helper()
	w, err := m.town.Blogs.Writer(m.t.Context(), r.Account)
	if err != nil {
		m.t.Fatal(err)
	}
	return w
}

func (m *meeting) actor(uri string) actors.Actor {
	m.t.Helper()
	a, err := m.town.Federation.Actor(m.t.Context(), uri)
	if err != nil {
		m.t.Fatalf("actor %s: %v", uri, err)
	}
	return a
}

// say publishes a post of mariia's.
func (m *meeting) say(d blogs.Draft) (*blogs.Post, error) {
	if d.Visibility == "" {
		d.Visibility = blogs.Public
	}
	p, err := m.town.Blogs.Publish(m.t.Context(), m.writer(m.mariia), d)
	m.settle()
	return p, err
}

// came is a post of the peer's as the city has it.
func (m *meeting) came(uri string) (p *blogs.Post, err error) {
	for end := time.Now().Add(8 * time.Second); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		m.settle()
		p, err = m.town.Blogs.ByURI(m.t.Context(), m.town.DB.Read(), uri)
		if err == nil || !errors.Is(err, store.ErrNotFound) {
			break
		}
	}
	return p, err
}

// told is an activity as Fedify understood it.
type told struct {
	Type, ID, Actor, Target, Content string
	Objects, To, Cc                  []string
	Object, Within                   *toldPost
}

type toldPost struct {
	Type, ID, AttributedTo, InReplyTo, Name, Content, Summary, Published, Updated string
	MovedTo                                                                       string
	Sensitive                                                                     *bool
	Languages, To, Cc, AlsoKnownAs                                                []string
	Tags                                                                          []struct{ Type, Name, Href string }
	Attachments                                                                   []struct{ Type, MediaType, URL, Name string }
}

// arrived waits until Fedify has taken in an activity of a type about an object.
func (m *meeting) arrived(kind, actor, object string) (a told, err error) {
	arguments := map[string]any{"type": kind, "actor": actor, "seconds": 12}
	if object != "" {
		arguments["object"] = object
	}
	err = m.ask("arrived", arguments, &a)
	return a, err
}

// sent is what a command that sends an activity answers.
type sent struct{ ID, Activity string }

func (m *meeting) post(arguments map[string]any) (s sent, err error) {
	err = m.ask("post", arguments, &s)
	return s, err
}

func (m *meeting) act(kind, as, object string, to string, more map[string]any) (s sent, err error) {
	arguments := map[string]any{"type": kind, "as": as, "object": object, "to": []string{to}}
	for k, v := range more {
		arguments[k] = v
	}
	err = m.ask("act", arguments, &s)
	return s, err
}

// expect is a fault unless a fact holds.
func expect(fact bool, format string, args ...any) error {
	if fact {
		return nil
	}
	return fmt.Errorf(format, args...)
}
