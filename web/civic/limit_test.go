package civic_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/go-chi/chi/v5"

	"viche/web/civic"
)

// limitedAPI is the API of a city with the least limit, and a clock of its own.
func limitedAPI(c *client) (ask func(token, from string) *httptest.ResponseRecorder, move func(time.Duration)) {
	town := c.n.Town("kamianske")
	var mu sync.Mutex
	now := time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC)
	r := chi.NewRouter()
	civic.New(civic.Options{
		Polls: town.Polls, People: town.People, Union: town.Union, Words: town.Words, Limit: 1, // raised to what is promised
		Now: func() time.Time { mu.Lock(); defer mu.Unlock(); return now },
	}).Routes(r)
	ask = func(token, from string) *httptest.ResponseRecorder {
		q := httptest.NewRequest(http.MethodGet, civic.Prefix+"/polls/none", nil)
		q.RemoteAddr = from
		if token != "" {
			q.Header.Set("Authorization", "Bearer "+token)
		}
		w := httptest.NewRecorder()
		r.ServeHTTP(w, q)
		return w
	}
	return ask, func(d time.Duration) { mu.Lock(); defer mu.Unlock(); now = now.Add(d) }
}

func TestTokenHasThreeHundredRequestsInFiveMinutes(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, c *client) {
		ask, move := limitedAPI(c)
		olena, petro := c.n.Resident("kamianske", "olena", true), c.n.Resident("kamianske", "petro", true)
		token := c.n.Bearer(&olena)
		for i := range civic.LeastLimit {
			// The address changes on the way, as telephones do.
			if w := ask(token, fmt.Sprintf("192.0.2.%d:99", i%200)); w.Code != http.StatusNotFound {
				t.Fatalf("request %d = %d, want 404", i+1, w.Code)
			}
		}
		w := ask(token, "192.0.2.1:99")
		wait, err := strconv.Atoi(w.Header().Get("Retry-After"))
		if w.Code != http.StatusTooManyRequests || err != nil || wait < 1 || wait > 300 {
			t.Fatalf("one too many = %d, Retry-After %q; want 429 and some seconds", w.Code, w.Header().Get("Retry-After"))
		}
		if err := described().check(http.MethodGet, "/polls/none", w.Result(), w.Body.Bytes()); err != nil {
			t.Errorf("the answer differs from openapi.json: %v", err)
		}
		if w := ask(c.n.Bearer(&petro), "192.0.2.1:99"); w.Code != http.StatusNotFound {
			t.Errorf("another token = %d, want 404", w.Code)
		}
		if w := ask("", "192.0.2.1:99"); w.Code != http.StatusNotFound {
			t.Errorf("no token, same address = %d, want 404", w.Code)
		}
		move(time.Duration(wait) * time.Second)
		if w := ask(token, "192.0.2.1:99"); w.Code != http.StatusNotFound {
			t.Errorf("after waiting as told = %d, want 404", w.Code)
		}
		move(civic.Window)
		for i := range civic.LeastLimit {
			if w := ask(token, "192.0.2.1:99"); w.Code != http.StatusNotFound {
				t.Fatalf("request %d of a new window = %d, want 404", i+1, w.Code)
			}
		}
	}, "kamianske")
}

// Guessing tokens is not free: each guess counts against where it comes from.
func TestWithoutATokenTheAddressCounts(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, c *client) {
		ask, _ := limitedAPI(c)
		for i := range civic.LeastLimit {
			token, want := "", http.StatusNotFound
			if i%2 == 1 {
				token, want = fmt.Sprintf("guess-%d", i), http.StatusUnauthorized
			}
			if w := ask(token, fmt.Sprintf("[2001:db8:1:2::%x]:99", i)); w.Code != want {
				t.Fatalf("request %d = %d, want %d", i+1, w.Code, want)
			}
		}
		for _, one := range []struct {
			token, from string
			want        int
		}{
			{"", "[2001:db8:1:2:ffff::1]:7", http.StatusTooManyRequests}, {"guess", "[2001:db8:1:2::1]:7", http.StatusTooManyRequests},
			{"", "[2001:db8:1:3::1]:7", http.StatusNotFound}, {"", "192.0.2.1:7", http.StatusNotFound},
			{"guess", "192.0.2.1:7", http.StatusUnauthorized},
		} {
			if w := ask(one.token, one.from); w.Code != one.want {
				t.Errorf("token %q from %s = %d, want %d", one.token, one.from, w.Code, one.want)
			}
		}
	}, "kamianske")
}
