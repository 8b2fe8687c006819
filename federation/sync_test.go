package federation

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"viche/actors"
	"viche/federation/ap"
	"viche/internal/store"
)

// TestFollowersDigest is the vector of FEP-8fcf.
func TestFollowersDigest(t *testing.T) {
	t.Parallel()
	raw, err := os.ReadFile(filepath.Join(shared(t, "vectors"), "fep", "fep-8fcf-digest.json"))
	if err != nil {
		t.Fatal(err)
	}
	var v struct {
		Followers []string
		Expected  string `json:"expected_in_spec"`
	}
	if err := json.Unmarshal(raw, &v); err != nil || v.Expected == "" {
		t.Fatal(err)
	}
	if got := followersDigest(v.Followers); got != v.Expected {
		t.Errorf("digest = %s, want %s", got, v.Expected)
	}
	if got := followersDigest(nil); got != strings.Repeat("0", 64) {
		t.Errorf("digest of nobody = %s", got)
	}
}

// TestSyncHeaderIsHeldToItsActor refuses lists of others and of other servers.
func TestSyncHeaderIsHeldToItsActor(t *testing.T) {
	t.Parallel()
	ada := actors.Actor{URI: "https://one.test/users/ada", Followers: "https://one.test/users/ada/followers"}
	digest := strings.Repeat("0f", 32)
	line := func(collection, url, digest string) string {
		return `collectionId="` + collection + `", url="` + url + `", digest="` + digest + `"`
	}
	for name, c := range map[string]struct {
		header string
		want   bool
	}{
		"sound":             {line(ada.Followers, "https://one.test/list", digest), true},
		"another's":         {line("https://one.test/users/eve/followers", "https://one.test/list", digest), false},
		"elsewhere":         {line(ada.Followers, "https://two.test/list", digest), false},
		"a look-alike host": {line(ada.Followers, "https://one.test.evil.test/list", digest), false},
		"short digest":      {line(ada.Followers, "https://one.test/list", "0f"), false},
		"no quotes":         {"collectionId=" + ada.Followers, false},
		"empty":             {"", false},
	} {
		if _, _, got := readSync(c.header, ada); got != c.want {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
}

// TestFollowersAreSynchronised has each side forget a follow, and agree again
// with the next letter to followers.
func TestFollowersAreSynchronised(t *testing.T) {
	t.Parallel()
	each(t, []string{"lviv.test", "kharkiv.test"}, func(t *testing.T, f *fediverse, towns ...*town) {
		lviv, kharkiv := towns[0], towns[1]
		ada := lviv.resident(t, "ada")
		there, err := kharkiv.Lookup(t.Context(), "@ada@lviv.test")
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{"olena", "taras", "iryna"} {
			who := kharkiv.resident(t, name)
			kharkiv.write(t, func(ctx context.Context, tx *store.Tx) error { return kharkiv.Follow(ctx, tx, who, there) })
		}
		settle(t, towns...)
		number := 0
		tell := func() {
			t.Helper()
			number++
			lviv.write(t, func(ctx context.Context, tx *store.Tx) error {
				e := ap.Envelope{ID: lviv.ActivityURI(), Actor: ada.URI, To: []string{ada.Followers}}
				raw, err := e.Like("https://kharkiv.test/posts/1")
				if err != nil {
					return err
				}
				return lviv.Publish(ctx, tx, ada, raw, Audience{Followers: []int64{ada.ID}})
			})
			settle(t, towns...)
		}
		jobs := func() int {
			return kharkiv.count(t, "select count(*) from river_job where kind = ?", syncWish{}.Kind())
		}
		tell()
		if n := jobs(); n != 0 {
			t.Fatalf("%d lists are asked for while both sides agree", n)
		}

		lviv.write(t, func(ctx context.Context, tx *store.Tx) error {
			_, err := tx.Exec(ctx, "delete from follows where follower = (select id from actors where uri = 'https://kharkiv.test/users/taras')")
			return err
		})
		kharkiv.write(t, func(ctx context.Context, tx *store.Tx) error {
			_, err := tx.Exec(ctx, "delete from follows where follower = (select id from actors where uri = 'https://kharkiv.test/users/iryna')")
			return err
		})
		f.pass(2 * time.Minute) // what was said about followers lately is said again
		tell()
		tell()
		if n := jobs(); n != 1 {
			t.Fatalf("%d lists are asked for, want 1 an hour", n)
		}
		wish := syncWish{Actor: ada.URI, URL: ada.URI + syncPath}
		if err := kharkiv.synchronise(t.Context(), wish); err != nil {
			t.Fatal(err)
		}
		settle(t, towns...)
		if n := kharkiv.count(t, "select count(*) from follows"); n != 1 {
			t.Errorf("%d follows at kharkiv, want olena's", n)
		}
		if n := lviv.count(t, "select count(*) from follows f join actors a on a.id = f.follower where a.uri = 'https://kharkiv.test/users/olena'"); n != 1 {
			t.Error("lviv lost olena's follow")
		}
		if n := lviv.count(t, "select count(*) from follows"); n != 1 {
			t.Errorf("%d follows at lviv, want olena's", n)
		}

		// Who may see the list: the server of those on it.
		if answer, err := f.client().Get(t.Context(), wish.URL, ap.ContentType, nil); err != nil || answer.Status != http.StatusUnauthorized {
			t.Errorf("unsigned = %+v, %v; want 401", answer, err)
		}
		far := f.stranger(t, "far.test")
		key := far.person("eve") + "#main-key"
		raw, err := f.client().Document(t.Context(), wish.URL, &Signer{Sign: func(r *http.Request, body []byte, _ string) error {
			return signCavage(r, body, key, testKey(), f.clock())
		}})
		if err != nil || strings.Contains(string(raw), "kharkiv") {
			t.Errorf("a stranger got %s, %v", raw, err)
		}
	})
}

// TestOnlyWholeListsEndFollows reads lists as Mastodon gives them, and refuses
// each of which a part may be missing.
func TestOnlyWholeListsEndFollows(t *testing.T) {
	t.Parallel()
	many := make([]string, 3000)
	for i := range many {
		many[i] = fmt.Sprintf("https://lviv.test/users/u%d", i)
	}
	long, err := json.Marshal(many)
	if err != nil {
		t.Fatal(err)
	}
	const head = `{"id":"https://far.test/users/ada/followers_synchronization","type":"OrderedCollection"`
	for name, c := range map[string]struct {
		raw  string
		want int // -1: refused
	}{
		"Mastodon's, without a number": {head + `,"orderedItems":["https://lviv.test/users/a"]}`, 1},
		"3,000 without a number":       {head + `,"orderedItems":` + string(long) + `}`, 3000},
		"empty":                        {head + `,"orderedItems":[]}`, 0},
		"one, bare":                    {head + `,"items":"https://lviv.test/users/a"}`, 1},
		"its number agrees":            {head + `,"totalItems":1,"orderedItems":["https://lviv.test/users/a"]}`, 1},
		"its number is higher":         {head + `,"totalItems":2,"orderedItems":["https://lviv.test/users/a"]}`, -1},
		"its number is none":           {head + `,"totalItems":"x","orderedItems":["https://lviv.test/users/a"]}`, -1},
		"only where its pages are":     {head + `,"first":"https://far.test/page"}`, -1},
		"a page of it inside":          {head + `,"first":{"orderedItems":["https://lviv.test/users/a"]}}`, -1},
		"a page":                       {head + `,"next":"https://far.test/2","orderedItems":["https://lviv.test/users/a"]}`, -1},
		"no items at all":              {head + `}`, -1},
		"an item that is no id":        {head + `,"orderedItems":["https://lviv.test/users/a",{"type":"Person"}]}`, -1},
	} {
		got, err := wholeList([]byte(c.raw))
		if c.want < 0 && !errors.Is(err, ErrRefused) || c.want >= 0 && (err != nil || len(got) != c.want) {
			t.Errorf("%s: %d ids, %v; want %d", name, len(got), err, c.want)
		}
	}
}
