// Command results reads the events of `go test -json` and says plainly what
// came of the tests: a line for each package, the whole output of whatever
// failed, the reason of whatever was skipped, and at the end their numbers.
//
//	go test -json ./... | results
//	cat *.json | results -total    the numbers and the failed tests alone
package main

import (
	"bufio"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"
	"time"
)

// event is one line of `go test -json`. Building has its own: these name an
// ImportPath in place of a Package.
type event struct {
	Action      string
	Package     string
	ImportPath  string
	Test        string
	Output      string
	Elapsed     float64
	FailedBuild string
}

// tally is what the run has come to so far.
type tally struct {
	out                     io.Writer
	quiet                   bool
	passed, failed, skipped int
	broken                  []string            // packages and builds that failed without a failed test
	names                   []string            // failed tests
	output                  map[string][]string // by package and test, until it ends
	tests                   map[string]int      // failed tests by package
}

func main() {
	total := flag.Bool("total", false, "print the numbers and the failed tests alone")
	flag.Parse()
	if ok := report(os.Stdin, os.Stdout, *total); !ok {
		os.Exit(1)
	}
}

// report reads events until the input ends and tells whether all is well.
// A run without a single test is not.
func report(in io.Reader, out io.Writer, quiet bool) bool {
	t := &tally{out: out, quiet: quiet, output: map[string][]string{}, tests: map[string]int{}}
	lines := bufio.NewReader(in)
	for {
		line, err := lines.ReadBytes('\n')
		if len(line) > 0 {
			t.read(line)
		}
		if err != nil {
			break
		}
	}
	for _, name := range t.names {
		t.always("failed: %s\n", name)
	}
	for _, name := range t.broken {
		t.always("broken: %s\n", name)
	}
	t.always("%d passed, %d failed, %d skipped\n", t.passed, t.failed+len(t.broken), t.skipped)
	return t.failed == 0 && len(t.broken) == 0 && t.passed > 0
}

func (t *tally) read(line []byte) {
	var e event
	if err := json.Unmarshal(line, &e); err != nil {
		t.say("%s", line) // what `go` says outside of any test
		return
	}
	where := e.Package + e.ImportPath + " " + e.Test
	switch {
	case e.Action == "output" || e.Action == "build-output":
		t.output[where] = append(t.output[where], e.Output)
	case e.Action == "build-fail":
		t.end(where, true)
		t.broken = append(t.broken, "build of "+e.ImportPath)
	case e.Test != "":
		t.testEnded(e, where)
	default:
		t.packageEnded(e, where)
	}
}

func (t *tally) testEnded(e event, where string) {
	switch e.Action {
	case "pass":
		t.passed++
		t.end(where, false)
	case "fail":
		t.failed++
		t.tests[e.Package]++
		t.names = append(t.names, e.Package+" "+e.Test)
		t.end(where, true)
	case "skip":
		t.skipped++
		t.say("skip  %s %s: %s\n", e.Package, e.Test, reason(t.output[where]))
		t.end(where, false)
	}
}

func (t *tally) packageEnded(e event, where string) {
	elapsed := time.Duration(e.Elapsed * float64(time.Second)).Round(10 * time.Millisecond)
	switch e.Action {
	case "pass":
		t.say("ok    %s  %s\n", e.Package, elapsed)
		t.end(where, false)
	case "fail":
		t.say("FAIL  %s  %s\n", e.Package, elapsed)
		// Without a failed test it is the package that broke: a time-out, an
		// exit, a race found outside of tests. A failed build is told already.
		if t.tests[e.Package] == 0 && e.FailedBuild == "" {
			t.broken = append(t.broken, e.Package)
			t.end(where, true)
		} else {
			t.end(where, false)
		}
	case "skip":
		t.end(where, false)
	}
}

// end forgets the output of what has ended, showing it first if it matters.
func (t *tally) end(where string, show bool) {
	if show {
		t.say("%s", strings.Join(t.output[where], ""))
	}
	delete(t.output, where)
}

// reason is what the test said on skipping itself.
func reason(output []string) string {
	for _, line := range output {
		if !strings.HasPrefix(strings.TrimSpace(line), "--- SKIP") && !strings.HasPrefix(line, "=== ") {
			return strings.TrimSpace(line)
		}
	}
	return "no reason given"
}

func (t *tally) say(format string, a ...any) {
	if !t.quiet {
		t.always(format, a...)
	}
}

// A line that can't be written has nobody who could read of it.
func (t *tally) always(format string, a ...any) { _, _ = fmt.Fprintf(t.out, format, a...) }
