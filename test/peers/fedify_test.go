package peers_test

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"sync"
	"testing"
	"time"
)

// Versions of Fedify that are met: the first signs as draft-cavage has it, the
// second tries RFC 9421 first.
const (
	fedify1 = "1"
	fedify2 = "2"
)

// fedify drives fedify.mjs: a server of another make with a few people on it.
type fedify struct {
	t       *testing.T
	in      io.WriteCloser
	lines   chan []byte
	last    int
	Address string // where its https really listens: 127.0.0.1:port
	Actor   string // the person's ActivityPub id
	Handle  string // "@ivan@fedify.test"
}

const fedifyHost = "fedify.test"

// startFedify runs the peer until the test ends. It reaches only the hosts of
// the map, "kamianske.test:443" to "127.0.0.1:port".
func startFedify(t *testing.T, version string, with trust, hosts map[string]string) *fedify {
	t.Helper()
	settings, err := json.Marshal(map[string]any{
		"host": fedifyHost, "version": version, "cert": with.cert, "key": with.key, "hosts": hosts, "log": os.Getenv("VICHE_PEER_LOG"),
	})
	if err != nil {
		t.Fatal(err)
	}

	node := exec.Command("node", "fedify.mjs", string(settings))
	node.Env = append(os.Environ(), "NODE_EXTRA_CA_CERTS="+with.authority)
	node.Stderr = testWriter{t}
	in, err := node.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := node.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := node.Start(); err != nil {
		t.Fatalf("start the Fedify peer: %v", err)
	}

	f := &fedify{t: t, in: in, lines: make(chan []byte, 16)}
	var reading sync.WaitGroup
	reading.Go(func() {
		defer close(f.lines)
		scanner := bufio.NewScanner(out)
		scanner.Buffer(nil, 4<<20)
		for scanner.Scan() {
			f.lines <- append([]byte(nil), scanner.Bytes()...)
		}
	})
	t.Cleanup(func() {
		_ = in.Close() // the end of its input ends the peer
		stop := time.AfterFunc(10*time.Second, func() { _ = node.Process.Kill() })
		defer stop.Stop()
		for range f.lines { // what nobody waited for
		}
		reading.Wait()
		if err := node.Wait(); err != nil {
			t.Errorf("the Fedify peer ended badly: %v", err)
		}
	})

	var first struct {
		Ready struct{ Address, Actor, Handle string }
	}
	if err := f.read(60*time.Second, &first); err != nil {
		t.Fatal(err)
	}
	f.Address, f.Actor, f.Handle = first.Ready.Address, first.Ready.Actor, first.Ready.Handle
	return f
}

// do sends a command of fedify.mjs and decodes its answer into out, which may
// be nil. What the peer refuses or waits for in vain ends the test.
func (f *fedify) do(command string, arguments map[string]any, out any) {
	f.t.Helper()
	if err := f.try(command, arguments, out); err != nil {
		f.t.Fatalf("fedify %s %v: %v", command, arguments, err)
	}
}

// try is do for commands that may fail, and for other goroutines than the
// test's own; one at a time.
func (f *fedify) try(command string, arguments map[string]any, out any) error {
	f.last++
	request := map[string]any{"id": f.last, "do": command}
	maps.Copy(request, arguments)
	line, err := json.Marshal(request)
	if err != nil {
		return err
	}
	if _, err := f.in.Write(append(line, '\n')); err != nil {
		return err
	}

	var answer struct {
		ID           int
		Ok           json.RawMessage
		Error, Stack string
	}
	if err := f.read(90*time.Second, &answer); err != nil {
		return err
	}
	if answer.ID != f.last {
		return fmt.Errorf("the peer answered command %d, want %d", answer.ID, f.last)
	}
	if answer.Error != "" {
		f.t.Logf("fedify: %s", answer.Stack)
		return errors.New(answer.Error)
	}
	if out == nil {
		return nil
	}
	return json.Unmarshal(answer.Ok, out)
}

func (f *fedify) read(wait time.Duration, out any) error {
	select {
	case line, ok := <-f.lines:
		if !ok {
			return errors.New("the Fedify peer ended; its last words are above")
		}
		if err := json.Unmarshal(line, out); err != nil {
			return fmt.Errorf("the Fedify peer said %q: %w", line, err)
		}
		return nil
	case <-time.After(wait):
		return fmt.Errorf("the Fedify peer said nothing in %s", wait)
	}
}

// testWriter keeps the peer's log beside the test that it belongs to.
type testWriter struct{ t *testing.T }

func (w testWriter) Write(p []byte) (int, error) {
	w.t.Logf("fedify: %s", p)
	return len(p), nil
}
