package federation

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"viche/actors"
	"viche/federation/ap"
	"viche/internal/store"
	"viche/internal/store/storetest"
)

// TestSecondKnock sends to a host that takes RFC 9421 alone, and to one that
// takes draft-cavage alone: two attempts at first, then the right one at once,
// by another process too.
func TestSecondKnock(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		book := actors.New(db, sealed{}, here)
		if err := book.Found(t.Context(), "lviv"); err != nil {
			t.Fatal(err)
		}
		var mu sync.Mutex
		var seen []string
		only := ""
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			body, _ := io.ReadAll(r.Body)
			style := cavageStyle
			if r.Header.Get("Signature-Input") != "" {
				style = rfc9421Style
			}
			mu.Lock()
			seen = append(seen, style)
			mu.Unlock()
			if style != only {
				w.WriteHeader(http.StatusUnauthorized)
				return
			}
			// It must hold to our own rules too.
			cl, err := readClaim(r, body, "http://"+r.Host, time.Now())
			if err != nil {
				t.Errorf("%s: %v", style, err)
			} else if _, key, err := book.RSA(context.Background(), instanceOf(t, book, db).ID); err != nil || cl.verify(&key.PublicKey) != nil {
				t.Errorf("%s: the signature does not fit", style)
			}
			w.WriteHeader(http.StatusAccepted)
		}))
		defer server.Close()
		process := func() *City { return New(Options{DB: db, Book: book, Client: loopback(true), Base: here}) }
		send := func(c *City) (styles []string) {
			sign, err := c.instanceSigner(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			answer, err := c.Client.Post(t.Context(), server.URL+"/inbox?a=b", ap.ContentType, []byte(`{"id":"x"}`), sign)
			if err != nil || answer.Status != http.StatusAccepted {
				t.Fatalf("post: %v, %+v", err, answer)
			}
			mu.Lock()
			defer mu.Unlock()
			styles, seen = seen, nil
			return styles
		}
		c := process()
		for _, step := range []struct {
			only string
			by   *City
			want int
		}{
			{rfc9421Style, c, 2}, {rfc9421Style, c, 1}, {rfc9421Style, process(), 1}, {cavageStyle, c, 2}, {cavageStyle, c, 1}, {cavageStyle, process(), 1},
		} {
			only = step.only
			if got := send(step.by); len(got) != step.want || got[len(got)-1] != step.only {
				t.Errorf("a host that takes %s alone was asked with %q, want %d attempts", step.only, got, step.want)
			}
		}
	})
}

func instanceOf(t *testing.T, book *actors.Book, db *store.DB) actors.Actor {
	t.Helper()
	a, err := book.Own(context.Background(), db.Read(), actors.Instance)
	if err != nil {
		t.Error(err)
	}
	return a
}
