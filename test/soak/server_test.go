package soak_test

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
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

// A town is a city that its own process serves.
type town struct {
	t       testing.TB
	env     map[string]string
	base    string
	address string
	cmd     *exec.Cmd
	log     bytes.Buffer // read only once the process has ended

	writer, host string // residents: olha writes to many, taras is answered
	token, reply string // their bearer tokens
	poll         string // an open poll
}

func newTown(t testing.TB, dsn string) *town {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	_ = l.Close() // only its port was wanted
	_, port, _ := net.SplitHostPort(address)
	s := &town{t: t, address: address, base: "http://localhost:" + port, env: map[string]string{
		"VICHE_HOST": "localhost:" + port, "VICHE_LISTEN": address, "VICHE_DATABASE": dsn, "VICHE_DATA": t.TempDir(),
		"VICHE_SCHEME": "http", "VICHE_ALLOW_PRIVATE": "127.0.0.0/8", "VICHE_LOG": "warn",
	}}
	s.writer, s.host = s.base+"/users/olha", s.base+"/users/taras"
	return s
}

// settle opens the city in this process, before it is served: two residents
// with tokens, a poll, and those who follow the one who writes.
func (s *town) settle(followers []string) {
	t := s.t
	t.Helper()
	cfg, faults := city.FromEnv(func(name string) string { return s.env[name] })
	if err := city.Faults(faults); err != nil {
		t.Fatal(err)
	}
	cfg.Logger = slog.New(slog.DiscardHandler)
	ctx := context.Background()
	c, err := city.Open(ctx, cfg)
	if err != nil {
		t.Fatal(err)
	}
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
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
}

// serve builds the program, starts it and waits until it is ready.
func (s *town) serve() {
	t := s.t
	t.Helper()
	path := filepath.Join(t.TempDir(), "viche")
	build := exec.Command("go", "build", "-trimpath", "-o", path, "viche/cmd/viche")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, out)
	}
	s.cmd = exec.Command(path, "serve")
	s.cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + os.Getenv("HOME")}
	for name, value := range s.env {
		s.cmd.Env = append(s.cmd.Env, name+"="+value)
	}
	s.cmd.Stdout, s.cmd.Stderr = &s.log, &s.log
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if s.cmd.ProcessState == nil {
			_ = s.cmd.Process.Kill() // it may have ended by itself
			_ = s.cmd.Wait()
		}
	})
	for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		answer, err := http.Get("http://" + s.address + "/readyz")
		if err != nil {
			continue
		}
		_ = answer.Body.Close() // the status is all there is to know
		if answer.StatusCode == http.StatusOK {
			return
		}
	}
	t.Fatal("the server is not ready after a minute")
}

// stop ends the process as an operator does, and gives what it logged.
func (s *town) stop() string {
	s.t.Helper()
	if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		s.t.Fatalf("the server ended by itself: %v", err)
	}
	if err := s.cmd.Wait(); err != nil {
		s.t.Errorf("the server ended with %v", err)
	}
	return s.log.String()
}

// metrics reads what the city measures, each sample by its name with labels.
func (s *town) metrics() (map[string]float64, error) {
	client := http.Client{Timeout: 10 * time.Second}
	answer, err := client.Get("http://" + s.address + "/metrics")
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
