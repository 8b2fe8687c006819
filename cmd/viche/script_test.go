package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"viche": main})
}

// TestCommands runs the scripts of testdata, which read like an operator's
// shell. Each has a folder and a free port of its own.
func TestCommands(t *testing.T) {
	seed, err := filepath.Abs("../../internal/territory/seed.csv")
	if err != nil {
		t.Fatal(err)
	}
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata",
		RequireExplicitExec: true,
		Setup: func(e *testscript.Env) error {
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				return err
			}
			defer l.Close()
			e.Vars = append(e.Vars, "VICHE_LISTEN="+l.Addr().String(), "AT="+l.Addr().String(), "PORT=:"+strconv.Itoa(l.Addr().(*net.TCPAddr).Port), "SEED="+seed)
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"field": field, "ready": ready, "get": get, "append": appendTo, "fill": fill,
		},
	})
}

// field NAME VARIABLE keeps a member of the JSON object that the last command
// printed.
func field(ts *testscript.TestScript, _ bool, args []string) {
	var object map[string]any
	ts.Check(json.Unmarshal([]byte(ts.ReadFile("stdout")), &object))
	value, found := object[args[0]].(string)
	if !found || value == "" {
		ts.Fatalf("no text %q in %v", args[0], object)
	}
	ts.Setenv(args[1], value)
}

// ready waits until the script's server answers that it is.
func ready(ts *testscript.TestScript, _ bool, _ []string) {
	var err error
	for range 200 {
		var resp *http.Response
		if resp, err = http.Get("http://" + ts.Getenv("AT") + "/readyz"); err == nil {
			_ = resp.Body.Close() // nothing of it is read
			if resp.StatusCode == http.StatusOK {
				return
			}
			err = fmt.Errorf("status %d", resp.StatusCode)
		}
		time.Sleep(50 * time.Millisecond)
	}
	ts.Fatalf("the server is not ready: %v", err)
}

// get PATH STATUS [TOKEN] asks the script's server and prints the answer.
func get(ts *testscript.TestScript, _ bool, args []string) {
	r, err := http.NewRequest(http.MethodGet, "http://"+ts.Getenv("AT")+args[0], nil)
	ts.Check(err)
	r.Host = "localhost" + ts.Getenv("AT")[len("127.0.0.1"):]
	if len(args) > 2 {
		r.Header.Set("Authorization", "Bearer "+args[2])
	}
	resp, err := http.DefaultClient.Do(r)
	ts.Check(err)
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	ts.Check(err)
	if got := fmt.Sprint(resp.StatusCode); got != args[1] {
		ts.Fatalf("GET %s = %s, want %s: %s", args[0], got, args[1], body)
	}
	_, err = ts.Stdout().Write(body)
	ts.Check(err)
}

// append FILE TEXT adds a line.
func appendTo(ts *testscript.TestScript, _ bool, args []string) {
	f, err := os.OpenFile(ts.MkAbs(args[0]), os.O_APPEND|os.O_WRONLY, 0o600)
	ts.Check(err)
	_, err = fmt.Fprintln(f, args[1])
	ts.Check(err)
	ts.Check(f.Close())
}

// fill FILE… puts a time in a month in the place of $SOON.
func fill(ts *testscript.TestScript, _ bool, args []string) {
	soon := time.Now().AddDate(0, 1, 0).Format(time.RFC3339)
	for _, name := range args {
		text := strings.ReplaceAll(ts.ReadFile(name), "$SOON", soon)
		ts.Check(os.WriteFile(ts.MkAbs(name), []byte(text), 0o600))
	}
}
