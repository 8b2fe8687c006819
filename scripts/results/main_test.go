package main

import (
	"strings"
	"testing"
)

func TestReportCountsAndShowsWhatFailed(t *testing.T) {
	tests := []struct {
		name, in string
		want     []string
		ok       bool
	}{
		{"all pass", `{"Action":"pass","Package":"a","Test":"T1"}
{"Action":"pass","Package":"a","Elapsed":0.5}`,
			[]string{"ok    a  500ms", "\n1 passed, 0 failed, 0 skipped"}, true},
		{"a failure shows its output", `{"Action":"output","Package":"a","Test":"T1","Output":"    a_test.go:3: got 1, want 2\n"}
{"Action":"fail","Package":"a","Test":"T1"}
{"Action":"fail","Package":"a"}`,
			[]string{"got 1, want 2", "failed: a T1", "\n0 passed, 1 failed, 0 skipped"}, false},
		{"a skip tells why", `{"Action":"output","Package":"a","Test":"T1","Output":"=== RUN   T1\n"}
{"Action":"output","Package":"a","Test":"T1","Output":"    a_test.go:3: no data\n"}
{"Action":"output","Package":"a","Test":"T1","Output":"--- SKIP: T1 (0.00s)\n"}
{"Action":"skip","Package":"a","Test":"T1"}
{"Action":"pass","Package":"a","Test":"T2"}`,
			[]string{"skip  a T1: a_test.go:3: no data", "\n1 passed, 0 failed, 1 skipped"}, true},
		{"a package that ends without a failed test is broken", `{"Action":"pass","Package":"a","Test":"T1"}
{"Action":"output","Package":"a","Output":"panic: test timed out\n"}
{"Action":"fail","Package":"a"}`,
			[]string{"panic: test timed out", "broken: a", "\n1 passed, 1 failed, 0 skipped"}, false},
		{"a build that fails", `{"Action":"build-output","ImportPath":"a","Output":"a.go:1: undefined: x\n"}
{"Action":"build-fail","ImportPath":"a"}
{"Action":"fail","Package":"a","FailedBuild":"a"}`,
			[]string{"undefined: x", "broken: build of a", "\n0 passed, 1 failed, 0 skipped"}, false},
		{"nothing ran", ``, []string{"0 passed, 0 failed, 0 skipped"}, false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			var out strings.Builder
			if got := report(strings.NewReader(test.in), &out, false); got != test.ok {
				t.Errorf("report = %t, want %t", got, test.ok)
			}
			for _, want := range test.want {
				if !strings.Contains(out.String(), want) {
					t.Errorf("output lacks %q:\n%s", want, out.String())
				}
			}
		})
	}
}
