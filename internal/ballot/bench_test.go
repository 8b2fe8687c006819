package ballot_test

import (
	"runtime"
	"strconv"
	"syscall"
	"testing"
	"time"

	"viche/internal/ballot"
	"viche/internal/store"
	"viche/internal/store/storetest"
)

func cpu() time.Duration {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u) // cannot fail with these arguments
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// BenchmarkSnapshot takes the count of a box of a million ballots (and of a
// thousand, for scale): CPU of this process a pass, and the most heap in use.
func BenchmarkSnapshot(b *testing.B) {
	for _, kind := range []string{"sqlite", "postgres"} {
		for _, n := range []int{1_000, 1_000_000} {
			b.Run(kind+"/ballots="+strconv.Itoa(n), func(b *testing.B) {
				dsn := ""
				if kind == "sqlite" {
					dsn = storetest.SQLite(b)
				} else {
					dsn = storetest.Postgres(b)
				}
				db := storetest.Open(b, dsn, store.Options{})
				w := open(b, db, yesNo, n)
				if err := w.box.Fill(b.Context(), w.poll, n, person, func(i int) ballot.Answer {
					return ballot.Answer{{[]string{"o1", "o2", "o3"}[i%3]}}
				}); err != nil {
					b.Fatal(err)
				}
				runtime.GC()
				b.ResetTimer()
				spent, most := time.Duration(0), uint64(0)
				for b.Loop() {
					before := cpu()
					if err := w.box.CountOnly(b.Context(), w.poll); err != nil {
						b.Fatal(err)
					}
					spent += cpu() - before
					var m runtime.MemStats
					runtime.ReadMemStats(&m)
					most = max(most, m.HeapInuse)
				}
				b.ReportMetric(float64(spent.Milliseconds())/float64(b.N), "cpu-ms/pass")
				b.ReportMetric(float64(most>>20), "heap-MiB")
			})
		}
	}
}
