package federation

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"testing"

	"github.com/go-chi/chi/v5"

	"viche/actors"
	"viche/internal/store"
	"viche/internal/store/storetest"
)

// TestTownsOfOnePort is how the demo runs: plain http, one port, the hosts told
// apart by name, ids that carry the port.
func TestTownsOfOnePort(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port := listener.Addr().(*net.TCPAddr).Port
	client := NewClient(ClientOptions{
		Scheme: "http", AllowPrivate: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")},
		Resolve: func(_ context.Context, host string) (netip.Addr, bool) {
			return netip.MustParseAddr("127.0.0.1"), strings.HasSuffix(host, ".localhost")
		},
	})
	hosts := map[string]http.Handler{}
	var towns []*town
	for _, name := range []string{"lviv", "kharkiv"} {
		host := fmt.Sprintf("%s.localhost:%d", name, port)
		db := storetest.Open(t, storetest.SQLite(t), store.Options{})
		book := actors.New(db, sealed{}, "http://"+host)
		if err := book.Found(t.Context(), name); err != nil {
			t.Fatal(err)
		}
		c := New(Options{DB: db, Book: book, Client: client, Base: "http://" + host})
		r := chi.NewRouter()
		c.Routes(r)
		hosts[host] = r
		towns = append(towns, &town{City: c})
	}
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { hosts[r.Host].ServeHTTP(w, r) })}
	go func() { _ = server.Serve(listener) }() // ends with Close
	t.Cleanup(func() { _ = server.Close() })

	lviv, kharkiv := towns[0], towns[1]
	olena := kharkiv.resident(t, "olena")
	ecology, err := kharkiv.Lookup(t.Context(), fmt.Sprintf("@ecology@lviv.localhost:%d", port))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := kharkiv.Lookup(t.Context(), "@nobody@lviv.localhost"); err == nil {
		t.Error("a handle without the port led somewhere")
	}
	kharkiv.write(t, func(ctx context.Context, tx *store.Tx) error { return kharkiv.Follow(ctx, tx, olena, ecology) })
	settle(t, towns...)
	if f, err := kharkiv.Book.Following(t.Context(), kharkiv.DB.Read(), olena.ID, ecology.ID); err != nil || !f.Accepted {
		t.Errorf("follow = %+v, %v; want it accepted", f, err)
	}
	known, err := lviv.Book.ByHandle(t.Context(), lviv.DB.Read(), fmt.Sprintf("@olena@kharkiv.localhost:%d", port))
	if err != nil || known.URI != olena.URI {
		t.Errorf("olena at lviv = %+v, %v", known, err)
	}
}
