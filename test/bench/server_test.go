// Package bench_test measures the program as its operators run it: the built
// binary as a process of its own, asked over HTTP by another process on the
// same machine. docs/performance.md tells the figures.
package bench_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"viche/internal/city"
	"viche/internal/store/storetest"
)

// kinds are the two databases, each by the address of a new one.
var kinds = []struct {
	name string
	dsn  func(testing.TB) string
}{{"sqlite", storetest.SQLite}, {"postgres", storetest.Postgres}}

// binary builds the program once for all tests; the folder goes with the
// process that made it.
func binary(t testing.TB) string {
	t.Helper()
	path, err := build()
	if err != nil {
		t.Fatal(err)
	}
	return path
}

var buildDir string

func TestMain(m *testing.M) {
	code := m.Run()
	if buildDir != "" {
		_ = os.RemoveAll(buildDir) // a temporary folder
	}
	os.Exit(code)
}

// build builds as `make build` does; VICHE_BENCH_BUILD adds flags, such as an
// overlay for profiling.
var build = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "viche-bench")
	if err != nil {
		return "", err
	}
	buildDir = dir
	path := filepath.Join(dir, "viche")
	args := append([]string{"build", "-trimpath", "-o", path}, strings.Fields(os.Getenv("VICHE_BENCH_BUILD"))...)
	cmd := exec.Command("go", append(args, "viche/cmd/viche")...)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build: %w\n%s", err, out)
	}
	return path, nil
})

// An instance is the settings of one city, which a process may serve or the
// test itself may open.
type instance struct {
	env     map[string]string
	address string
}

func newInstance(t testing.TB, dsn string) *instance {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	_ = l.Close() // only its port was wanted
	_, port, _ := net.SplitHostPort(address)
	return &instance{address: address, env: map[string]string{
		"VICHE_HOST": "localhost:" + port, "VICHE_LISTEN": address, "VICHE_DATABASE": dsn, "VICHE_DATA": t.TempDir(),
	}}
}

// inside runs do on the city in this process, while no other one serves it.
func (i *instance) inside(t testing.TB, do func(context.Context, *city.City)) {
	t.Helper()
	cfg, faults := city.FromEnv(func(name string) string { return i.env[name] })
	if err := city.Faults(faults); err != nil {
		t.Fatal(err)
	}
	cfg.Logger = slog.New(slog.DiscardHandler)
	c, err := city.Open(context.Background(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	do(context.Background(), c)
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
}

// A server is a running process.
type server struct {
	*instance
	cmd     *exec.Cmd
	log     bytes.Buffer // read only once the process has ended
	started time.Duration
}

// serve starts the process and waits until /readyz says yes.
func (i *instance) serve(t testing.TB) *server {
	t.Helper()
	s := &server{instance: i, cmd: exec.Command(binary(t), "serve")}
	s.cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + os.Getenv("HOME")}
	for name, value := range i.env {
		s.cmd.Env = append(s.cmd.Env, name+"="+value)
	}
	s.cmd.Stdout, s.cmd.Stderr = &s.log, &s.log
	began := time.Now()
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.end(t, syscall.SIGKILL) })
	for time.Since(began) < time.Minute {
		answer, err := http.Get("http://" + i.address + "/readyz")
		if err == nil {
			_ = answer.Body.Close() // the status is all there is to know
			if answer.StatusCode == http.StatusOK {
				s.started = time.Since(began)
				return s
			}
		}
		time.Sleep(2 * time.Millisecond)
	}
	s.end(t, syscall.SIGKILL)
	t.Fatalf("the server is not ready after a minute:\n%s", &s.log)
	return nil
}

// end sends a signal and waits for the process; a second time does nothing.
func (s *server) end(t testing.TB, signal os.Signal) {
	t.Helper()
	if s.cmd.ProcessState != nil {
		return
	}
	if err := s.cmd.Process.Signal(signal); err != nil && !errors.Is(err, os.ErrProcessDone) {
		t.Fatal(err)
	}
	var exit *exec.ExitError
	if err := s.cmd.Wait(); err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	if signal == syscall.SIGTERM && !s.cmd.ProcessState.Success() {
		t.Fatalf("the server ended with %s:\n%s", s.cmd.ProcessState, &s.log)
	}
}

// cpu is what a process has used so far, in steps of ten milliseconds.
func cpu(t testing.TB, pid int) time.Duration {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		t.Skipf("no /proc to read the time of processes from: %v", err)
	}
	fields := strings.Fields(string(text[bytes.LastIndexByte(text, ')')+2:]))
	spent := time.Duration(0)
	for _, field := range fields[11:13] { // user and system
		ticks, err := strconv.Atoi(field)
		if err != nil {
			t.Fatal(err)
		}
		spent += time.Duration(ticks) * 10 * time.Millisecond
	}
	return spent
}

// resident is how much memory a process holds, in MiB.
func resident(t testing.TB, pid int) float64 {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Skipf("no /proc to read the memory of processes from: %v", err)
	}
	_, rest, _ := strings.Cut(string(text), "VmRSS:")
	kB, err := strconv.Atoi(strings.Fields(rest)[0])
	if err != nil {
		t.Fatal(err)
	}
	return float64(kB) / 1024
}
