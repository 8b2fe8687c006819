package bench_test

import (
	"net/http"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// BenchmarkInbox sends signed posts of 1,000 people elsewhere, eight at a time,
// to a running server: first one of each, whom nobody has met; then as many as
// VICHE_BENCH_NOTES says, until all are answered and worked off; then for ten
// seconds half as many a second as it took before.
func BenchmarkInbox(b *testing.B) {
	n := number(b, "VICHE_BENCH_NOTES", 10_000)
	for _, kind := range kinds {
		b.Run(kind.name, func(b *testing.B) {
			for range b.N {
				takeNotes(b, newInstance(b, kind.dsn(b)), n)
			}
			b.ReportMetric(0, "ns/op") // a whole run is no useful unit
		})
	}
}

func takeNotes(b *testing.B, i *instance, n int) {
	const people = 1000
	i.env["VICHE_SCHEME"], i.env["VICHE_ALLOW_PRIVATE"] = "http", "127.0.0.0/8"
	postgres := ""
	if dsn := i.env["VICHE_DATABASE"]; dsn[0] == 'p' {
		postgres = dsn
	}
	c := newCrowd(b)
	s := i.serve(b)
	defer s.end(b, syscall.SIGKILL)
	base := "http://" + i.env["VICHE_HOST"]
	sign := func(from, n int) []*http.Request {
		list := make([]*http.Request, n)
		inParallel(n, func(k int) {
			list[k] = c.note(base+"/inbox", c.person("127.0.1.1", (from+k)%people), base+"/news", from+k)
		})
		return list
	}
	db := i.look(b)
	drained := func() {
		b.Helper()
		for end := time.Now().Add(5 * time.Minute); count(b, db, "select count(*) from inbox where state = 'new'") > 0; time.Sleep(5 * time.Millisecond) {
			if time.Now().After(end) {
				b.Fatal("the inbox is not worked off after five minutes")
			}
		}
	}
	good := func(what string, r said) {
		b.Helper()
		if len(r.refuse) > 0 {
			b.Fatalf("%s: answers other than 202: %v\n%s", what, r.refuse, tail(s.log.String()))
		}
	}

	requests := sign(0, people)
	began := time.Now()
	met := c.send(requests, 8, 0)
	drained()
	b.ReportMetric(people/time.Since(began).Seconds(), "first-notes/s")
	b.ReportMetric(float64(c.asked.Load())/people, "fetches/person")
	good("first contact", met)

	before := resident(b, s.cmd.Process.Pid)
	var wall, spent, database time.Duration
	var last said
	for done := 0; done < n; {
		part := min(n-done, 10_000)
		requests := sign(people+done, part)
		began, used, theirs := time.Now(), cpu(b, s.cmd.Process.Pid), time.Duration(0)
		if postgres != "" {
			theirs = backends(b, postgres)
		}
		last = c.send(requests, 8, 0)
		drained()
		wall += time.Since(began)
		spent += cpu(b, s.cmd.Process.Pid) - used
		if postgres != "" {
			database += backends(b, postgres) - theirs
		}
		good("eight at a time", last)
		done += part
	}
	rate := float64(n) / wall.Seconds()
	b.ReportMetric(rate, "notes/s")
	b.ReportMetric(last.p(.99), "full-p99-ms")
	b.ReportMetric(float64(spent.Microseconds())/float64(n), "server-cpu-µs/note")
	if postgres != "" {
		b.ReportMetric(float64(database.Microseconds())/float64(n), "database-cpu-µs/note")
	}
	b.ReportMetric(before, "rss-before-MiB")
	b.ReportMetric(resident(b, s.cmd.Process.Pid), "rss-after-MiB")

	half := c.send(sign(people+n, int(rate*5)), 64, rate/2)
	good("half the rate", half)
	b.ReportMetric(half.p(.5), "half-p50-ms")
	b.ReportMetric(half.p(.99), "half-p99-ms")
	drained()
	if got, want := count(b, db, "select count(*) from inbox where state = 'done'"), people+n+int(rate*5); got != want {
		b.Errorf("%d notes are done, want %d", got, want)
	}
	s.end(b, syscall.SIGTERM)
}

// tail is the end of a log.
func tail(log string) string {
	lines := strings.Split(strings.TrimSpace(log), "\n")
	return strings.Join(lines[max(0, len(lines)-20):], "\n")
}

// inParallel calls do for each of n on all processors.
func inParallel(n int, do func(int)) {
	var next atomic.Int64
	var wait sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		wait.Add(1)
		go func() {
			defer wait.Done()
			for k := int(next.Add(1) - 1); k < n; k = int(next.Add(1) - 1) {
				do(k)
			}
		}()
	}
	wait.Wait()
}
