package bench_test

import (
	"context"
	"fmt"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"viche/actors"
	"viche/federation"
	"viche/federation/ap"
	"viche/internal/city"
	"viche/internal/store"
)

// BenchmarkFanOut lets a running server send one post to VICHE_BENCH_FOLLOWERS
// inboxes on 200 hosts, the receiver on the same machine; besides, one host
// hangs and one refuses. Then the same followers have shared inboxes.
func BenchmarkFanOut(b *testing.B) {
	n := number(b, "VICHE_BENCH_FOLLOWERS", 10_000)
	for _, kind := range kinds {
		b.Run(kind.name, func(b *testing.B) {
			for _, shared := range []bool{false, true} {
				b.Run(map[bool]string{false: "own", true: "shared"}[shared], func(b *testing.B) {
					for range b.N {
						sendPost(b, newInstance(b, kind.dsn(b)), n, shared)
					}
					b.ReportMetric(0, "ns/op") // a whole run is no useful unit
				})
			}
		})
	}
}

const hosts = 200

func sendPost(b *testing.B, i *instance, n int, shared bool) {
	i.env["VICHE_SCHEME"], i.env["VICHE_ALLOW_PRIVATE"] = "http", "127.0.0.0/8"
	c := newCrowd(b)
	want := n
	if shared {
		want = hosts
	}
	var mu sync.Mutex
	got := map[string]bool{}
	var first, last time.Time
	all := make(chan struct{})
	c.took = func(inbox string) {
		mu.Lock()
		defer mu.Unlock()
		if strings.HasPrefix(inbox, "http://127.0.3.") || got[inbox] {
			return
		}
		got[inbox] = true
		last = time.Now()
		if first.IsZero() {
			first = last
		}
		if len(got) == want {
			close(all)
		}
	}
	var published time.Duration
	i.inside(b, func(ctx context.Context, town *city.City) {
		follow(b, ctx, town, c, n, shared)
		published = publish(b, ctx, town)
	})
	s := i.serve(b)
	defer s.end(b, syscall.SIGKILL)
	used, ours := cpu(b, s.cmd.Process.Pid), cpu(b, os.Getpid())
	select {
	case <-all:
	case <-time.After(5 * time.Minute):
		mu.Lock()
		defer mu.Unlock()
		b.Fatalf("%d of %d inboxes were reached", len(got), want)
	}
	spent, receiver := cpu(b, s.cmd.Process.Pid)-used, cpu(b, os.Getpid())-ours
	sign := c.signing()
	each := spent / time.Duration(want)
	b.ReportMetric(float64(published.Microseconds())/1000, "publish-ms")
	b.ReportMetric(float64(want)/last.Sub(first).Seconds(), "deliveries/s")
	b.ReportMetric(float64(each.Microseconds()), "cpu-µs/delivery")
	b.ReportMetric(float64(sign.Microseconds()), "signature-µs")
	b.ReportMetric(float64((each - sign).Microseconds()), "beyond-µs/delivery")
	b.ReportMetric(float64(receiver.Microseconds())/float64(want), "receiver-µs/delivery")
	b.ReportMetric(resident(b, s.cmd.Process.Pid), "rss-MiB")
	db := i.look(b)
	for end := time.Now().Add(time.Minute); ; time.Sleep(50 * time.Millisecond) {
		left := count(b, db, "select count(*) from deliveries where host not like '127.0.3.%'")
		if left == 0 {
			break
		}
		if time.Now().After(end) {
			b.Fatalf("%d deliveries are left", left)
		}
	}
	s.end(b, syscall.SIGKILL)
}

// follow makes n people elsewhere follow the city's news, and one on a host
// that hangs, and one on a host that refuses.
func follow(b *testing.B, ctx context.Context, town *city.City, c *crowd, n int, shared bool) {
	b.Helper()
	news, err := town.Book.Own(ctx, town.DB.Read(), actors.News)
	if err != nil {
		b.Fatal(err)
	}
	one := func(ctx context.Context, tx *store.Tx, uri, inbox string) error {
		r := actors.RemoteActor{URI: uri, Type: "Person", Inbox: uri + "/inbox", SharedInbox: inbox}
		a, err := town.Book.Upsert(ctx, tx, r)
		if err != nil {
			return err
		}
		_, err = town.Book.Follow(ctx, tx, uri+"#follow", a, news)
		return err
	}
	for from := 0; from < n; from += 1000 {
		err := town.DB.Write(ctx, func(ctx context.Context, tx *store.Tx) error {
			if from == 0 {
				if err := one(ctx, tx, c.person("127.0.3.1", 0), ""); err != nil {
					return err
				}
				if err := one(ctx, tx, "http://127.0.3.2:1/u/0", ""); err != nil {
					return err
				}
			}
			for k := from; k < min(from+1000, n); k++ {
				host, inbox := fmt.Sprintf("127.0.2.%d", 1+k%hosts), ""
				if shared {
					inbox = fmt.Sprintf("http://%s:%d/inbox", host, c.port)
				}
				if err := one(ctx, tx, c.person(host, k), inbox); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			b.Fatal(err)
		}
	}
}

// publish says something to all of them, and how long that took.
func publish(b *testing.B, ctx context.Context, town *city.City) time.Duration {
	b.Helper()
	news, err := town.Book.Own(ctx, town.DB.Read(), actors.News)
	if err != nil {
		b.Fatal(err)
	}
	if _, _, err := town.Book.RSA(ctx, news.ID); err != nil { // made once in the life of an actor
		b.Fatal(err)
	}
	raw, err := ap.Envelope{ID: town.Federation.ActivityURI(), Actor: news.URI, To: []string{ap.Public}, Cc: []string{news.Followers}}.
		Announce(town.Federation.Base + "/polls/1")
	if err != nil {
		b.Fatal(err)
	}
	began := time.Now()
	err = town.DB.Write(ctx, func(ctx context.Context, tx *store.Tx) error {
		return town.Federation.Publish(ctx, tx, news, raw, federation.Audience{Followers: []int64{news.ID}})
	})
	if err != nil {
		b.Fatal(err)
	}
	return time.Since(began)
}
