package federation

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/go-chi/chi/v5"

	"viche/actors"
	"viche/federation/ap"
	"viche/internal/store"
	"viche/internal/store/storetest"
)

// eachBench runs f on SQLite and, where there is one, on PostgreSQL.
func eachBench(b *testing.B, f func(b *testing.B, db *store.DB)) {
	b.Run("sqlite", func(b *testing.B) { f(b, storetest.Open(b, storetest.SQLite(b), store.Options{})) })
	if os.Getenv("VICHE_TEST_POSTGRES") != "" {
		b.Run("postgres", func(b *testing.B) { f(b, storetest.Open(b, storetest.Postgres(b), store.Options{})) })
	}
}

// crowded is one town on a real port, and how many others.
type bench struct {
	*City
	base string
}

func startBench(b *testing.B, db *store.DB) *bench {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	base := "http://" + listener.Addr().String()
	book := actors.New(db, sealed{}, base)
	if err := book.Found(b.Context(), "lviv"); err != nil {
		b.Fatal(err)
	}
	client := NewClient(ClientOptions{Scheme: "http", AllowPrivate: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}})
	c := New(Options{DB: db, Book: book, Client: client, Base: base})
	router := chi.NewRouter()
	c.Routes(router)
	server := &http.Server{Handler: router}
	go func() { _ = server.Serve(listener) }() // ends with Close
	b.Cleanup(func() { _ = server.Close() })
	return &bench{City: c, base: base}
}

// people makes n actors of one server known, all with the same key: for the
// receiver that is no different.
func (b *bench) people(t *testing.B, n int) []string {
	text, err := actors.EncodeRSA(&testKey().PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	uris := make([]string, n)
	err = b.DB.Write(t.Context(), func(ctx context.Context, tx *store.Tx) error {
		for i := range uris {
			uris[i] = fmt.Sprintf("http://127.0.0.1:9/u/%d", i)
			if _, err := b.Book.Upsert(ctx, tx, actors.RemoteActor{URI: uris[i], Type: "Person", Inbox: uris[i] + "/inbox",
				Keys: []actors.PublicKey{{URI: uris[i] + "#main-key", Kind: actors.KeyRSA, Text: text}}}); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return uris
}

// note is a signed post, addressed to the town, as Mastodon words it.
func (b *bench) note(t *testing.B, by string, n int) *http.Request {
	id := fmt.Sprintf("%s/n/%d", by, n)
	to, cc := []string{ap.Public}, []string{by + "/followers", b.Base + "/news"}
	a := activity("Create", id+"/activity", by, map[string]any{
		"id": id, "type": "Note", "attributedTo": by, "content": fmt.Sprintf("<p>@city note number %d</p>", n), "to": to, "cc": cc,
		"published": time.Now().UTC().Format(time.RFC3339), "url": id,
		"tag": []any{map[string]any{"type": "Mention", "href": b.Base + "/news", "name": "@city"}},
	})
	a["to"], a["cc"] = to, cc
	body, err := json.Marshal(a)
	if err != nil {
		t.Fatal(err)
	}
	r, err := http.NewRequest(http.MethodPost, b.Base+"/inbox", bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/activity+json")
	if err := signCavage(r, body, by+"#main-key", testKey(), time.Now()); err != nil {
		t.Fatal(err)
	}
	return r
}

// keepNotes is a module that stores one row a note.
func (b *bench) keepNotes(t *testing.B) {
	err := b.DB.Write(t.Context(), func(ctx context.Context, tx *store.Tx) error {
		_, err := tx.Exec(ctx, "create table notes (uri text primary key, owner text not null, content text not null)")
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	b.Handle(On{Activity: "Create", Object: "Note", Do: func(ctx context.Context, tx *store.Tx, a *ap.Activity) error {
		_, err := tx.Exec(ctx, "insert into notes (uri, owner, content) values (?, ?, ?)", a.Object.ID, a.Actor, a.Object.Content)
		return err
	}})
}

// BenchmarkInbox is signed notes from 1,000 actors, 8 at a time over loopback,
// until all of them are stored and worked off. The time of the one who signs
// is not in it.
func BenchmarkInbox(b *testing.B) {
	eachBench(b, func(b *testing.B, db *store.DB) {
		town := startBench(b, db)
		town.keepNotes(b)
		uris := town.people(b, 1000)
		requests := make([]*http.Request, b.N)
		for i := range requests {
			requests[i] = town.note(b, uris[i%len(uris)], i)
		}
		client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 8}}
		before := cpu(b)
		b.ResetTimer()
		var next atomic.Int64
		var wait sync.WaitGroup
		for range 8 {
			wait.Add(1)
			go func() {
				defer wait.Done()
				for i := next.Add(1) - 1; i < int64(b.N); i = next.Add(1) - 1 {
					answer, err := client.Do(requests[i])
					if err != nil {
						b.Error(err)
						return
					}
					_, _ = io.Copy(io.Discard, answer.Body) // so that the connection is used again
					_ = answer.Body.Close()
					if answer.StatusCode != http.StatusAccepted {
						b.Errorf("status %d", answer.StatusCode)
					}
				}
			}()
		}
		wait.Wait()
		for n := -1; n != 0; {
			var err error
			if n, err = town.DrainInbox(b.Context()); err != nil {
				b.Fatal(err)
			}
		}
		b.StopTimer()
		b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "notes/s")
		b.ReportMetric(float64((cpu(b)-before).Microseconds())/float64(b.N), "µs-cpu/note")
		var stored int
		if err := db.ReadBound().Row(b.Context(), []any{&stored}, "select count(*) from notes"); err != nil || stored != b.N {
			b.Errorf("%d notes stored, %v; want %d", stored, err, b.N)
		}
	})
}

// BenchmarkFanOut is one post to as many inboxes as b.N on 200 hosts, two of
// which hang and refuse. The receiver is in the same process.
func BenchmarkFanOut(b *testing.B) {
	eachBench(b, func(b *testing.B, db *store.DB) {
		town := startBench(b, db)
		hang := make(chan struct{})
		var got atomic.Int64
		receiver := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if strings.HasPrefix(r.Host, "127.0.1.0:") {
				<-hang
			}
			_, _ = io.Copy(io.Discard, r.Body)
			w.WriteHeader(http.StatusAccepted)
			got.Add(1)
		}))
		b.Cleanup(receiver.Close)
		b.Cleanup(func() { close(hang) })
		port := receiver.Listener.Addr().(*net.TCPAddr).Port
		// The receiver listens at 127.0.0.1 alone, so the hosts are told apart by
		// name and all lead there.
		town.Client.options.Dial = func(ctx context.Context, network, addr string) (net.Conn, error) {
			if strings.HasPrefix(addr, "127.0.1.1:") {
				return nil, syscall.ECONNREFUSED
			}
			return (&net.Dialer{}).DialContext(ctx, network, receiver.Listener.Addr().String())
		}
		to := Audience{}
		for i := range b.N {
			to.Inboxes = append(to.Inboxes, fmt.Sprintf("http://127.0.1.%d:%d/u/%d/inbox", 2+i%198, port, i))
		}
		bad := []string{fmt.Sprintf("http://127.0.1.0:%d/inbox", port), fmt.Sprintf("http://127.0.1.1:%d/inbox", port)}
		to.Inboxes = append(bad, to.Inboxes...)
		news, err := town.Book.Own(b.Context(), db.Read(), actors.News)
		if err != nil {
			b.Fatal(err)
		}
		if _, _, err := town.Book.RSA(b.Context(), news.ID); err != nil {
			b.Fatal(err)
		}
		raw, err := ap.Envelope{ID: town.Base + "/activities/1", Actor: news.URI, To: []string{ap.Public}}.Announce("https://x.test/1")
		if err != nil {
			b.Fatal(err)
		}
		before := cpu(b)
		b.ResetTimer()
		if err := db.Write(b.Context(), func(ctx context.Context, tx *store.Tx) error { return town.Publish(ctx, tx, news, raw, to) }); err != nil {
			b.Fatal(err)
		}
		ctx, cancel := context.WithCancel(b.Context())
		ended := make(chan error)
		go func() { ended <- town.deliverAll(ctx) }()
		for got.Load() < int64(b.N) {
			time.Sleep(5 * time.Millisecond)
		}
		b.StopTimer()
		used := cpu(b) - before
		cancel()
		if err := <-ended; err != nil && ctx.Err() == nil {
			b.Error(err)
		}
		b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "deliveries/s")
		b.ReportMetric(float64(used.Microseconds())/float64(b.N), "µs-cpu/delivery")
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		b.ReportMetric(float64(m.Sys)/1e6, "MB")
	})
}

// cpu is what this process has used, in all its threads.
func cpu(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
