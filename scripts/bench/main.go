// Command bench reads what `go test -bench` prints, writes the figures as JSON
// with what they were taken on, and prints them as a table.
//
//	go test -run '^$' -bench . -benchmem ./... | bench -write bench.json
package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"
)

// figures is bench.json.
type figures struct {
	Taken      time.Time   `json:"taken"`
	Go         string      `json:"go"`
	CPU        string      `json:"cpu"`
	Cores      int         `json:"cores"`
	Commit     string      `json:"commit"`
	Benchmarks []benchmark `json:"benchmarks"`
}

type benchmark struct {
	Package string             `json:"package"`
	Name    string             `json:"name"`
	Runs    int                `json:"runs"`
	Metrics map[string]float64 `json:"metrics"` // "ns/op" and whatever the benchmark reports
}

func main() {
	path := flag.String("write", "", "the JSON file to write")
	flag.Parse()
	if err := run(os.Stdin, os.Stdout, *path); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(in io.Reader, out io.Writer, path string) error {
	f, err := parse(in)
	if err != nil {
		return err
	}
	f.Taken, f.Go, f.Cores = time.Now().UTC().Truncate(time.Second), runtime.Version(), runtime.NumCPU()
	if commit, err := exec.Command("git", "rev-parse", "--short", "HEAD").Output(); err == nil {
		f.Commit = strings.TrimSpace(string(commit))
	}
	if path != "" {
		text, err := json.MarshalIndent(f, "", " ")
		if err != nil {
			return err
		}
		if err := os.WriteFile(path, append(text, '\n'), 0o644); err != nil {
			return err
		}
	}
	return table(out, f)
}

// The trailing "-2" is how many cores the benchmark ran on.
var cores = regexp.MustCompile(`-\d+$`)

func parse(in io.Reader) (figures, error) {
	var f figures
	pkg := ""
	lines := bufio.NewScanner(in)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		line := lines.Text()
		if name, ok := strings.CutPrefix(line, "pkg: "); ok {
			pkg = name
		}
		if name, ok := strings.CutPrefix(line, "cpu: "); ok {
			f.CPU = strings.TrimSpace(name)
		}
		fields := strings.Fields(line)
		if len(fields) < 4 || len(fields)%2 != 0 || !strings.HasPrefix(fields[0], "Benchmark") {
			continue
		}
		b := benchmark{Package: pkg, Metrics: map[string]float64{}}
		b.Name = cores.ReplaceAllString(strings.TrimPrefix(fields[0], "Benchmark"), "")
		var err error
		if b.Runs, err = strconv.Atoi(fields[1]); err != nil {
			continue // a log line that begins like a result
		}
		for i := 2; i < len(fields); i += 2 {
			value, err := strconv.ParseFloat(fields[i], 64)
			if err != nil {
				return f, fmt.Errorf("benchmark line %q: %w", line, err)
			}
			b.Metrics[fields[i+1]] = value
		}
		f.Benchmarks = append(f.Benchmarks, b)
	}
	if err := lines.Err(); err != nil {
		return f, err
	}
	if len(f.Benchmarks) == 0 {
		return f, errors.New("no benchmark ran")
	}
	return f, nil
}

func table(out io.Writer, f figures) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	if _, err := fmt.Fprintln(w, "benchmark\tpackage\truns\ttime\tother"); err != nil {
		return err
	}
	for _, b := range f.Benchmarks {
		var others []string
		for unit, value := range b.Metrics {
			if unit != "ns/op" {
				others = append(others, strconv.FormatFloat(value, 'f', -1, 64)+" "+unit)
			}
		}
		slices.Sort(others)
		_, err := fmt.Fprintf(w, "%s\t%s\t%d\t%s\t%s\n", b.Name, b.Package, b.Runs,
			time.Duration(b.Metrics["ns/op"]), strings.Join(others, ", "))
		if err != nil {
			return err
		}
	}
	return w.Flush()
}
