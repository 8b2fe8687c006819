package notify_test

import (
	"bufio"
	"context"
	"fmt"
	"log/slog"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/riverqueue/river"

	"viche/internal/notify"
	"viche/internal/store"
	"viche/internal/store/storetest"
)

// postOffice is a mail server on this machine that keeps what it gets, and
// answers the first tries as it is told.
type postOffice struct {
	address string

	mu      sync.Mutex
	got     []string
	answers []string // to RCPT, one a try; then 250
}

func openPostOffice(t *testing.T, answers ...string) *postOffice {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	o := &postOffice{address: l.Addr().String(), answers: answers}
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go o.serve(conn)
		}
	}()
	return o
}

func (o *postOffice) serve(conn net.Conn) {
	defer conn.Close()
	in := bufio.NewScanner(conn)
	say := func(s string) { fmt.Fprintf(conn, "%s\r\n", s) }
	say("220 here")
	for in.Scan() {
		switch verb := strings.ToUpper(strings.Fields(in.Text() + " ?")[0]); verb {
		case "EHLO", "HELO", "MAIL", "RSET", "NOOP":
			say("250 ok")
		case "RCPT":
			say(o.answer())
		case "DATA":
			say("354 go on")
			var text strings.Builder
			for in.Scan() && in.Text() != "." {
				text.WriteString(in.Text() + "\n")
			}
			o.mu.Lock()
			o.got = append(o.got, text.String())
			o.mu.Unlock()
			say("250 ok")
		case "QUIT":
			say("221 bye")
			return
		default:
			say("502 what?")
		}
	}
}

func (o *postOffice) answer() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(o.answers) == 0 {
		return "250 ok"
	}
	answer := o.answers[0]
	o.answers = o.answers[1:]
	return answer
}

func (o *postOffice) letters() []string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return append([]string(nil), o.got...)
}

func send(t *testing.T, db *store.DB, p *notify.Post, fail bool) {
	t.Helper()
	err := db.Write(context.Background(), func(ctx context.Context, tx *store.Tx) error {
		err := p.Send(ctx, tx, notify.Mail{To: "olena@example.org", Subject: "Підтвердьте пошту", Text: "Посилання:\n\nhttp://example.org/x\n"})
		if err == nil && fail {
			err = store.ErrDenied
		}
		return err
	})
	if (err != nil) != fail {
		t.Fatalf("send: %v", err)
	}
}

func work(t *testing.T, db *store.DB, p *notify.Post) {
	t.Helper()
	workers := river.NewWorkers()
	p.Jobs(workers)
	if err := db.StartJobs(context.Background(), workers, nil); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(db.StopJobs)
}

// newest waits until the newest letter satisfies done.
func newest(t *testing.T, p *notify.Post, done func(notify.Letter) bool) notify.Letter {
	t.Helper()
	deadline := time.Now().Add(20 * time.Second)
	for {
		letters, err := p.Letters(context.Background(), 1)
		if err != nil {
			t.Fatal(err)
		}
		if len(letters) == 1 && done(letters[0]) {
			return letters[0]
		}
		if time.Now().After(deadline) {
			t.Fatalf("letters = %+v", letters)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

func TestLetterGoesOutAfterTheCommitAndIsWiped(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		office := openPostOffice(t)
		p, err := notify.Open(db, "smtp://"+office.address, "viche@example.org", slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatal(err)
		}
		send(t, db, p, true) // rolled back: never sent
		send(t, db, p, false)
		work(t, db, p)
		letter := newest(t, p, func(l notify.Letter) bool { return !l.Sent.IsZero() })
		if letter.Text != "" {
			t.Errorf("text after sending = %q, want it wiped", letter.Text)
		}
		got := office.letters()
		if len(got) != 1 || !strings.Contains(got[0], "To: <olena@example.org>") || !strings.Contains(got[0], "http://example.org/x") {
			t.Errorf("the post office got %q, want one letter", got)
		}
	})
}

func TestRefusedLetterIsNotTriedForeverAndTellsNoAddress(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		office := openPostOffice(t, "550 olena@example.org is unknown")
		p, err := notify.Open(db, "smtp://"+office.address, "viche@example.org", slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatal(err)
		}
		send(t, db, p, false)
		work(t, db, p)
		letter := newest(t, p, func(l notify.Letter) bool { return l.LastError != "" })
		if strings.Contains(letter.LastError, "olena") || !strings.Contains(letter.LastError, "550") {
			t.Errorf("noted error = %q, want the code and not the address", letter.LastError)
		}
		deadline := time.Now().Add(10 * time.Second)
		for {
			var state string
			if err := db.Read().NewRaw("select state from river_job where kind = 'mail'").Scan(context.Background(), &state); err != nil {
				t.Fatal(err)
			}
			if state == "cancelled" {
				return
			}
			if time.Now().After(deadline) {
				t.Fatalf("job is %q, want cancelled", state)
			}
			time.Sleep(20 * time.Millisecond)
		}
	})
}

func TestWithoutAServerLettersWait(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		p, err := notify.Open(db, "", "viche@example.org", slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatal(err)
		}
		send(t, db, p, false)
		letters, err := p.Letters(context.Background(), 10)
		if err != nil || len(letters) != 1 || !strings.Contains(letters[0].Text, "http://example.org/x") || p.Sends() {
			t.Errorf("letters = %+v, %v, want the one with its text", letters, err)
		}
		if n, err := db.Waiting(context.Background()); err != nil || n != 0 {
			t.Errorf("jobs = %d, %v, want none", n, err)
		}
	})
}

func TestServerAddressIsChecked(t *testing.T) {
	for _, address := range []string{"mail.example.org", "http://mail.example.org", "smtp://", "smtp://mail.example.org?from=nobody", "smtp://u:secret@:587"} {
		_, err := notify.Open(nil, address, "viche@example.org", slog.New(slog.DiscardHandler))
		if err == nil || strings.Contains(err.Error(), "secret") {
			t.Errorf("Open(%q) = %v, want a refusal that tells no password", address, err)
		}
	}
}
