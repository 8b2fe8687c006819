package main

import (
	"strings"
	"testing"
)

func TestParseReadsEveryMetric(t *testing.T) {
	in := `goos: linux
pkg: viche/internal/ballot
cpu: A fast one
BenchmarkCast/sqlite-2     1200   850000 ns/op   1176 casts/s   4096 B/op   61 allocs/op
BenchmarkCast/sqlite-2     some log line
PASS
ok   viche/internal/ballot 3.1s
`
	f, err := parse(strings.NewReader(in))
	if err != nil {
		t.Fatal(err)
	}
	if len(f.Benchmarks) != 1 || f.CPU != "A fast one" {
		t.Fatalf("parse = %+v, want one benchmark and the CPU's name", f)
	}
	b := f.Benchmarks[0]
	if b.Name != "Cast/sqlite" || b.Package != "viche/internal/ballot" || b.Runs != 1200 {
		t.Errorf("benchmark = %+v", b)
	}
	for unit, want := range map[string]float64{"ns/op": 850000, "casts/s": 1176, "B/op": 4096, "allocs/op": 61} {
		if got := b.Metrics[unit]; got != want {
			t.Errorf("%s = %v, want %v", unit, got, want)
		}
	}
	var out strings.Builder
	if err := table(&out, f); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(out.String(), "850µs") || !strings.Contains(out.String(), "1176 casts/s") {
		t.Errorf("table lacks the figures:\n%s", out.String())
	}
}

func TestParseRefusesAnEmptyRun(t *testing.T) {
	if _, err := parse(strings.NewReader("PASS\nok  \tviche/x\t0.1s\n")); err == nil {
		t.Error("a run without benchmarks passes for one")
	}
}
