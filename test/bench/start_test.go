package bench_test

import (
	"context"
	"os"
	"syscall"
	"testing"
	"time"

	"viche/internal/city"
	"viche/internal/territory"
)

// codifier is the ministry's whole table, where it lies beside the repository.
const codifier = "../../../shared/data/katottg/katottg-2025-05-16.csv.gz"

// existing is a city whose database has been in use: with the whole codifier,
// if that is at hand.
func existing(t testing.TB, dsn string) *instance {
	t.Helper()
	i := newInstance(t, dsn)
	i.inside(t, func(ctx context.Context, c *city.City) {
		table, err := os.Open(codifier)
		if err != nil {
			t.Logf("the city has no codifier: %v", err)
			return
		}
		defer table.Close()
		if _, err := territory.Import(ctx, c.DB, table, table.Name()); err != nil {
			t.Fatal(err)
		}
	})
	return i
}

// BenchmarkStart starts the program ten times on an existing database: from the
// start of the process until /readyz says yes.
func BenchmarkStart(b *testing.B) {
	binary(b)
	for _, kind := range kinds {
		b.Run(kind.name, func(b *testing.B) {
			i := existing(b, kind.dsn(b))
			i.serve(b).end(b, syscall.SIGTERM) // reads the files once
			b.ResetTimer()
			var all, most, spent time.Duration
			const starts = 10
			for range b.N {
				for range starts {
					s := i.serve(b)
					all, most = all+s.started, max(most, s.started)
					spent += cpu(b, s.cmd.Process.Pid)
					s.end(b, syscall.SIGTERM)
				}
			}
			each := float64(b.N * starts)
			b.ReportMetric(float64(all.Milliseconds())/each, "ready-ms")
			b.ReportMetric(float64(most.Milliseconds()), "ready-most-ms")
			b.ReportMetric(float64(spent.Milliseconds())/each, "cpu-ms")
			b.ReportMetric(0, "ns/op")
		})
	}
}

// BenchmarkIdle is what the program holds in memory after a minute in which
// nobody asked for anything, and the CPU that the minute took.
func BenchmarkIdle(b *testing.B) {
	binary(b)
	for _, kind := range kinds {
		b.Run(kind.name, func(b *testing.B) {
			i := existing(b, kind.dsn(b))
			for range b.N {
				s := i.serve(b)
				before := cpu(b, s.cmd.Process.Pid)
				time.Sleep(time.Minute)
				b.ReportMetric(resident(b, s.cmd.Process.Pid), "resident-MiB")
				b.ReportMetric(float64((cpu(b, s.cmd.Process.Pid) - before).Milliseconds()), "cpu-ms/min")
				s.end(b, syscall.SIGTERM)
			}
			b.ReportMetric(0, "ns/op")
		})
	}
}
