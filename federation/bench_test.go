package federation

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"

	"github.com/go-chi/chi/v5"

	"viche/actors"
	"viche/federation/ap"
	"viche/internal/store"
	"viche/internal/store/storetest"
)

// BenchmarkInbox is a vote from elsewhere, from the request to its handler.
func BenchmarkInbox(b *testing.B) {
	db := storetest.Open(b, storetest.SQLite(b), store.Options{})
	book := actors.New(db, sealed{}, here)
	if err := book.Found(b.Context(), "lviv"); err != nil {
		b.Fatal(err)
	}
	c := New(Options{DB: db, Book: book, Client: NewClient(ClientOptions{}), Base: here})
	c.Handle(On{Activity: "Create", Object: "Vote", Do: func(context.Context, *store.Tx, *ap.Activity) error { return nil }})
	text, err := actors.EncodeRSA(&testKey().PublicKey)
	if err != nil {
		b.Fatal(err)
	}
	if err := db.Write(b.Context(), func(ctx context.Context, tx *store.Tx) error {
		_, err := book.Upsert(ctx, tx, actors.RemoteActor{URI: sender, Type: "Person", Inbox: sender + "/inbox",
			Keys: []actors.PublicKey{{URI: sender + "#main-key", Kind: actors.KeyRSA, Text: text}}})
		return err
	}); err != nil {
		b.Fatal(err)
	}
	router := chi.NewRouter()
	c.Routes(router)
	requests := make([]*http.Request, b.N)
	for i := range requests {
		vote := map[string]any{"id": fmt.Sprintf("%s#votes/%d", sender, i), "type": "Note", "attributedTo": sender, "name": "Yes", "inReplyTo": here + "/polls/1", "to": here + "/actor"}
		body, err := json.Marshal(activity("Create", fmt.Sprintf("%s#votes/%d/activity", sender, i), sender, vote))
		if err != nil {
			b.Fatal(err)
		}
		r := httptest.NewRequest(http.MethodPost, here+"/inbox", bytes.NewReader(body))
		r.Header.Set("Content-Type", "application/activity+json")
		r.URL.Host = r.Host
		if err := signCavage(r, body, sender+"#main-key", testKey(), db.Now()); err != nil {
			b.Fatal(err)
		}
		requests[i] = r
	}
	b.ResetTimer()
	var next atomic.Int64
	b.SetParallelism(32)
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			w := httptest.NewRecorder()
			router.ServeHTTP(w, requests[next.Add(1)-1])
			if w.Code != http.StatusAccepted {
				b.Errorf("status %d: %s", w.Code, w.Body)
			}
		}
	})
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "accepted/s")
	b.StopTimer()
	b.StartTimer()
	for {
		n, err := c.DrainInbox(b.Context())
		if err != nil {
			b.Fatal(err)
		}
		if n == 0 {
			break
		}
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "done/s")
}
