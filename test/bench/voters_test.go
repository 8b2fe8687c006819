package bench_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"viche/internal/city"
	"viche/internal/store"
	"viche/modules/people"
	"viche/modules/polls"
)

// A voter is a verified resident with both credentials.
type voter struct {
	token, session string

	acknowledged string // the last answer that the server confirmed
	changes      int    // as the server told at that time
	attempted    string // sent, and not answered
}

// An election is a city with residents and one open poll.
type election struct {
	*instance
	poll   string
	voters []voter
}

// newElection adds the residents through the module that signs them up, many to
// a change, and opens the poll for all of them.
func newElection(t testing.TB, i *instance, n int) *election {
	t.Helper()
	e := &election{instance: i, voters: make([]voter, n)}
	i.inside(t, func(ctx context.Context, c *city.City) {
		accounts := make([]int64, n)
		const atOnce = 500
		for from := 0; from < n; from += atOnce {
			if err := c.DB.Write(ctx, func(ctx context.Context, tx *store.Tx) error {
				for k := from; k < min(from+atOnce, n); k++ {
					handle := fmt.Sprintf("mesh%06d", k)
					added, err := c.People.AddResidentIn(ctx, tx, people.NewResident{Handle: handle, Email: handle + "@mail.test", Verified: true, Reason: "benchmark"})
					if err != nil {
						return err
					}
					accounts[k] = added.Account
					if e.voters[k].token, err = c.People.NewToken(ctx, tx, added.Account, people.DefaultScopes, "benchmark", 0); err != nil {
						return err
					}
				}
				return nil
			}); err != nil {
				t.Fatal(err)
			}
		}
		e.signIn(t, ctx, c, accounts)
		time.Sleep(time.Second) // a poll opens at a whole second, and takes who was verified before it
		p, err := c.Polls.OpenPoll(ctx, polls.Draft{
			Title: "Чи потрібен окремий збір відходів?", Options: []string{"Так", "Ні", "Важко відповісти"},
			Sphere: "ecology", ClosesAt: c.DB.Now().Add(7 * 24 * time.Hour), By: "benchmark",
		})
		if err != nil {
			t.Fatal(err)
		}
		if p.Register != n {
			t.Fatalf("%d on the register, want %d", p.Register, n)
		}
		e.poll = p.PollID
		if c.DB.Postgres() {
			settle(t, i.env["VICHE_DATABASE"])
		}
	})
	return e
}

// settle does at once what PostgreSQL would have done by itself in the days
// since all these residents signed up.
func settle(t testing.TB, dsn string) {
	t.Helper()
	ctx := context.Background()
	conn, err := pgx.Connect(ctx, dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(ctx)
	for _, command := range []string{"vacuum analyze", "checkpoint"} {
		if _, err := conn.Exec(ctx, command); err != nil {
			t.Fatal(err)
		}
	}
}

// signIn opens a session for everybody, many at once: they share an fsync.
func (e *election) signIn(t testing.TB, ctx context.Context, c *city.City, accounts []int64) {
	next := make(chan int)
	var wg sync.WaitGroup
	for range 64 {
		wg.Go(func() {
			for k := range next {
				w := httptest.NewRecorder()
				if err := c.Site.SignIn(ctx, w, httptest.NewRequest(http.MethodPost, "/sign-in", nil), accounts[k], 0); err != nil {
					t.Error(err)
					continue
				}
				cookie := w.Result().Cookies()[0]
				e.voters[k].session = cookie.Name + "=" + cookie.Value
			}
		})
	}
	for k := range accounts {
		next <- k
	}
	close(next)
	wg.Wait()
	if t.Failed() {
		t.FailNow()
	}
}

// final closes the poll and gives the count of the box.
func (e *election) final(t testing.TB) (ballots, changes int, counts map[string]int) {
	t.Helper()
	e.inside(t, func(ctx context.Context, c *city.City) {
		if err := c.Polls.Close(ctx, e.poll, "the benchmark is over", "benchmark"); err != nil {
			t.Fatal(err)
		}
		p, err := c.Polls.Load(ctx, c.DB.Read(), e.poll)
		if err != nil {
			t.Fatal(err)
		}
		s, err := c.Box.Latest(ctx, p.Box())
		if err != nil || !s.Final {
			t.Fatalf("no final count: %v", err)
		}
		ballots, changes, counts = s.Verified.Ballots, s.Verified.Changes, map[string]int{}
		for i, o := range p.Options() {
			counts[o.ID] = s.Verified.Questions[0].Counts[i]
		}
	})
	return ballots, changes, counts
}

// byToken is the request of a program that casts with a bearer token.
func (e *election) byToken(v *voter, choice string) []byte {
	body := `{"choices":["` + choice + `"]}`
	return fmt.Appendf(nil, "PUT /api/viche/v1/polls/%s/ballot HTTP/1.1\r\nHost: %s\r\nAuthorization: Bearer %s\r\n"+
		"Content-Type: application/json\r\nAccept: application/json\r\nContent-Length: %d\r\n\r\n%s",
		e.poll, e.env["VICHE_HOST"], v.token, len(body), body)
}

// byForm is the request of a browser that sends the form of the poll's page.
func (e *election) byForm(v *voter, choice string) []byte {
	body := "choices=" + choice
	return fmt.Appendf(nil, "POST /polls/%s/ballot HTTP/1.1\r\nHost: %[2]s\r\nOrigin: http://%[2]s\r\nSec-Fetch-Site: same-origin\r\nCookie: %s\r\n"+
		"Content-Type: application/x-www-form-urlencoded\r\nAccept: text/html\r\nAccept-Encoding: gzip\r\nAccept-Language: uk\r\nContent-Length: %d\r\n\r\n%s",
		e.poll, e.env["VICHE_HOST"], v.session, len(body), body)
}

// ownAnswer asks for a voter's own ballot; "" if there is none.
func (e *election) ownAnswer(c *client, v *voter) (string, error) {
	status, body, err := c.do(fmt.Appendf(nil, "GET /api/viche/v1/polls/%s/ballot HTTP/1.1\r\nHost: %s\r\nAuthorization: Bearer %s\r\n\r\n",
		e.poll, e.env["VICHE_HOST"], v.token))
	if err != nil || status == http.StatusNotFound {
		return "", err
	}
	var own struct{ Choices []string }
	if err := json.Unmarshal(body, &own); err != nil || status != http.StatusOK || len(own.Choices) != 1 {
		return "", fmt.Errorf("own ballot: %d %s (%w)", status, body, err)
	}
	return own.Choices[0], nil
}

// cast sends one ballot and keeps what the server answered.
func (e *election) cast(c *client, v *voter, request []byte, choice string) error {
	v.attempted = choice
	status, body, err := c.do(request)
	if err != nil {
		return err
	}
	switch status {
	case http.StatusSeeOther: // the form tells no number
		if v.acknowledged != "" && v.acknowledged != choice {
			v.changes++
		}
	case http.StatusOK:
		var answer struct{ Changes int }
		if err := json.Unmarshal(body, &answer); err != nil {
			return fmt.Errorf("cast: %s: %w", body, err)
		}
		v.changes = answer.Changes
	default:
		return fmt.Errorf("cast: %d %s", status, body)
	}
	v.acknowledged, v.attempted = choice, ""
	return nil
}

// A client keeps one connection. It does as little as it can, since it runs on
// the same cores as the server that it measures.
type client struct {
	net.Conn
	in *bufio.Reader
}

func dial(address string) (*client, error) {
	conn, err := net.Dial("tcp", address)
	if err != nil {
		return nil, err
	}
	return &client{conn, bufio.NewReader(conn)}, nil
}

// do sends a request and reads the status and the body of the answer, of which
// it understands no more than this server sends.
func (c *client) do(request []byte) (status int, body []byte, err error) {
	if _, err := c.Write(request); err != nil {
		return 0, nil, err
	}
	length := 0
	for {
		line, err := c.in.ReadSlice('\n')
		if err != nil {
			return 0, nil, err
		}
		line = bytes.TrimSpace(line)
		switch name, value, _ := bytes.Cut(line, []byte(":")); {
		case len(line) == 0:
			body = make([]byte, length)
			_, err := io.ReadFull(c.in, body)
			return status, body, err
		case status == 0:
			if len(line) < len("HTTP/1.1 200") || !bytes.HasPrefix(line, []byte("HTTP/1.1 ")) {
				return 0, nil, fmt.Errorf("not an answer: %q", line)
			}
			if status, err = strconv.Atoi(string(line[9:12])); err != nil {
				return 0, nil, fmt.Errorf("not an answer: %q", line)
			}
		case bytes.EqualFold(name, []byte("Content-Length")):
			if length, err = strconv.Atoi(string(bytes.TrimSpace(value))); err != nil {
				return 0, nil, fmt.Errorf("not an answer: %q", line)
			}
		case bytes.EqualFold(name, []byte("Transfer-Encoding")):
			return 0, nil, fmt.Errorf("an answer in chunks: %q", line)
		}
	}
}
