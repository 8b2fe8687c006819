package bench_test

import (
	"bufio"
	"context"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"viche/actors"
	"viche/internal/city"
	"viche/internal/store"
	"viche/modules/people"
	"viche/modules/polls"
)

// A town is a city that its own process serves, as the soak needs it.
type town struct {
	*instance
	*server
	t    testing.TB
	base string

	writer, host string // residents: olha writes to many, taras is answered
	token, reply string // their bearer tokens
	poll         string // an open poll
}

func newTown(t testing.TB, dsn string) *town {
	t.Helper()
	i := newInstance(t, dsn)
	for name, value := range map[string]string{"VICHE_SCHEME": "http", "VICHE_ALLOW_PRIVATE": "127.0.0.0/8", "VICHE_LOG": "warn"} {
		i.env[name] = value
	}
	base := "http://" + i.env["VICHE_HOST"]
	return &town{instance: i, t: t, base: base, writer: base + "/users/olha", host: base + "/users/taras"}
}

// settle opens the city in this process, before it is served: two residents
// with tokens, a poll, and those who follow the one who writes.
func (s *town) settle(followers []string) {
	s.t.Helper()
	s.inside(s.t, func(ctx context.Context, c *city.City) { s.people(ctx, c, followers) })
}

func (s *town) people(ctx context.Context, c *city.City, followers []string) {
	t := s.t
	t.Helper()
	for _, one := range []struct {
		handle string
		token  *string
	}{{"olha", &s.token}, {"taras", &s.reply}} {
		added, err := c.People.AddResident(ctx, people.NewResident{Handle: one.handle, Name: one.handle, Email: one.handle + "@mail.test", Verified: true, Reason: "soak"})
		if err != nil {
			t.Fatal(err)
		}
		if *one.token, err = c.People.IssueToken(ctx, one.handle, people.DefaultScopes, "soak"); err != nil {
			t.Fatal(err)
		}
		if one.handle != "olha" {
			continue
		}
		olha, err := c.Book.ByID(ctx, c.DB.Read(), added.ActorID)
		if err != nil {
			t.Fatal(err)
		}
		if err := c.DB.Write(ctx, func(ctx context.Context, tx *store.Tx) error {
			for _, uri := range followers {
				a, err := c.Book.Upsert(ctx, tx, actors.RemoteActor{URI: uri, Type: "Person", Inbox: uri + "/inbox"})
				if err != nil {
					return err
				}
				if _, err := c.Book.Follow(ctx, tx, uri+"#follow", a, olha); err != nil {
					return err
				}
			}
			return nil
		}); err != nil {
			t.Fatal(err)
		}
	}
	time.Sleep(time.Second) // a poll opens at a whole second, and takes who was verified before it
	p, err := c.Polls.OpenPoll(ctx, polls.Draft{
		Title: "Чи потрібен окремий збір відходів?", Options: []string{"Так", "Ні", "Важко відповісти"},
		Sphere: "ecology", ClosesAt: c.DB.Now().Add(7 * 24 * time.Hour), By: "soak",
	})
	if err != nil {
		t.Fatal(err)
	}
	s.poll = p.URI
}

// open starts the process.
func (s *town) open() { s.server = s.instance.serve(s.t) }

// stop ends the process as an operator does, and gives what it logged.
func (s *town) stop() string {
	s.t.Helper()
	s.end(s.t, syscall.SIGTERM)
	return s.log.String()
}

// metrics reads what the city measures, each sample by its name with labels.
func (s *town) metrics() (map[string]float64, error) {
	client := http.Client{Timeout: 10 * time.Second}
	answer, err := client.Get("http://" + s.instance.address + "/metrics")
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("metrics: status %d", answer.StatusCode)
	}
	out := map[string]float64{}
	lines := bufio.NewScanner(answer.Body)
	for lines.Scan() {
		at := strings.LastIndexByte(lines.Text(), ' ')
		if at < 0 || lines.Text()[0] == '#' {
			continue
		}
		if out[lines.Text()[:at]], err = strconv.ParseFloat(lines.Text()[at+1:], 64); err != nil {
			return nil, err
		}
	}
	return out, lines.Err()
}
