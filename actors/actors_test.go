package actors_test

import (
	"context"
	"crypto/rsa"
	"errors"
	"fmt"
	"strings"
	"testing"

	"viche/actors"
	"viche/internal/store"
	"viche/internal/store/storetest"
)

// marked seals by marking, so that a test sees a wrong purpose or none.
type marked struct{}

func (marked) Seal(purpose string, plain []byte) ([]byte, error) {
	return append([]byte("sealed:"+purpose+":"), plain...), nil
}

func (marked) Unseal(purpose string, sealed []byte) ([]byte, error) {
	plain, ok := strings.CutPrefix(string(sealed), "sealed:"+purpose+":")
	if !ok {
		return nil, errors.New("sealed for something else")
	}
	return []byte(plain), nil
}

const base = "https://lviv.test"

func write(t *testing.T, db *store.DB, f func(ctx context.Context, tx *store.Tx) error) error {
	t.Helper()
	return db.Write(t.Context(), f)
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func remote(n int, shared string) actors.RemoteActor {
	uri := fmt.Sprintf("https://far.test/users/u%d", n)
	return actors.RemoteActor{URI: uri, Type: "Person", Handle: fmt.Sprintf("u%d", n), Inbox: uri + "/inbox", SharedInbox: shared, Open: true,
		Keys: []actors.PublicKey{{URI: uri + "#main-key", Kind: actors.KeyRSA, Text: "pem"}}}
}

func TestFoundingTwiceChangesNothing(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		book := actors.New(db, marked{}, base)
		must(t, book.Found(t.Context(), "Львів"))
		before, err := book.Own(t.Context(), db.Read(), actors.Instance)
		must(t, err)
		keyID, key, err := book.RSA(t.Context(), before.ID)
		must(t, err)
		if keyID != base+"/actor#main-key" || key.N.BitLen() != 2048 {
			t.Errorf("key of the instance = %s, %d bits", keyID, key.N.BitLen())
		}
		again := actors.New(db, marked{}, base)
		must(t, again.Found(t.Context(), "Львівська громада"))
		after, err := again.Own(t.Context(), db.Read(), actors.Instance)
		must(t, err)
		_, same, err := again.RSA(t.Context(), after.ID)
		must(t, err)
		if after.ID != before.ID || !same.Equal(key) || after.Name != "Львівська громада" {
			t.Errorf("after the second start: %+v, key kept: %v", after, same.Equal(key))
		}
		for _, s := range actors.Spheres {
			if a, err := again.BySlug(t.Context(), db.Read(), s.Slug); err != nil || a.Type != "Group" || a.URI != base+"/spheres/"+s.Slug {
				t.Errorf("sphere %s = %+v, %v", s.Slug, a, err)
			}
		}
		if news, err := again.ByHandle(t.Context(), db.Read(), "@city@lviv.test"); err != nil || news.URI != base+"/news" {
			t.Errorf("@city = %+v, %v", news, err)
		}
	})
}

func TestPrivateKeysAreStoredSealed(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		book := actors.New(db, marked{}, base)
		var olena actors.Actor
		must(t, write(t, db, func(ctx context.Context, tx *store.Tx) (err error) {
			olena, err = book.Create(ctx, tx, actors.Local{Kind: actors.Resident, Handle: "olena"})
			return err
		}))
		if keys, err := book.PublicKeys(t.Context(), db.Read(), olena.ID); err != nil || len(keys) != 0 {
			t.Fatalf("keys before the first need = %v, %v", keys, err)
		}
		found := make(chan *rsa.PrivateKey, 4)
		for range 4 { // everybody needs it at once and gets the same one
			go func() {
				_, k, _ := book.RSA(context.Background(), olena.ID)
				found <- k
			}()
		}
		first := <-found
		for range 3 {
			if k := <-found; k == nil || !k.Equal(first) {
				t.Fatal("two callers got different keys")
			}
		}
		keys, err := book.PublicKeys(t.Context(), db.Read(), olena.ID)
		must(t, err)
		if len(keys) != 2 || keys[0].Kind != actors.KeyRSA || !strings.Contains(keys[0].Text, "BEGIN PUBLIC KEY") || keys[1].URI != olena.URI+"#main-ed25519" {
			t.Errorf("public keys = %v", keys)
		}
		rows, err := db.Read().QueryContext(t.Context(), "select sealed from actor_keys")
		must(t, err)
		defer rows.Close()
		for rows.Next() {
			var sealed []byte
			must(t, rows.Scan(&sealed))
			if !strings.HasPrefix(string(sealed), "sealed:actor-key:") {
				t.Error("a private key lies open")
			}
		}
	})
}

func TestHandlesThatWouldMislead(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		book := actors.New(db, marked{}, base)
		create := func(handle string) error {
			return write(t, db, func(ctx context.Context, tx *store.Tx) error {
				_, err := book.Create(ctx, tx, actors.Local{Kind: actors.Resident, Handle: handle})
				return err
			})
		}
		for _, handle := range []string{"", "Olena", "olena@x", "o.k", "ecology", "city", "actor", "олена", strings.Repeat("a", 31)} {
			if err := create(handle); !errors.Is(err, store.ErrInvalid) {
				t.Errorf("Create(%q) = %v, want ErrInvalid", handle, err)
			}
		}
		must(t, create("olena"))
		if err := create("olena"); !errors.Is(err, store.ErrExists) {
			t.Errorf("second olena = %v, want ErrExists", err)
		}
	})
}

func TestInboxesOfFollowersCollapse(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		book := actors.New(db, marked{}, base)
		must(t, book.Found(t.Context(), "Львів"))
		ecology, err := book.BySlug(t.Context(), db.Read(), "ecology")
		must(t, err)
		must(t, write(t, db, func(ctx context.Context, tx *store.Tx) error {
			for i := range 5 {
				shared := "https://far.test/inbox"
				if i == 4 {
					shared = ""
				}
				a, err := book.Upsert(ctx, tx, remote(i, shared))
				if err != nil {
					return err
				}
				f, err := book.Follow(ctx, tx, a.URI+"#follow", a, ecology)
				if err != nil || !f.Accepted {
					return fmt.Errorf("follow = %+v, %v", f, err)
				}
			}
			return nil
		}))
		got, err := book.Inboxes(t.Context(), db.Read(), ecology.ID, "", 10)
		must(t, err)
		if want := "[https://far.test/inbox https://far.test/users/u4/inbox]"; fmt.Sprint(got) != want {
			t.Errorf("Inboxes = %v, want %s", got, want)
		}
		got, err = book.Inboxes(t.Context(), db.Read(), ecology.ID, got[0], 10)
		must(t, err)
		if want := "[https://far.test/users/u4/inbox]"; fmt.Sprint(got) != want {
			t.Errorf("second page = %v, want %s", got, want)
		}
		page, err := book.FollowersOf(t.Context(), db.Read(), ecology.ID, 0, 2)
		must(t, err)
		next, err := book.FollowersOf(t.Context(), db.Read(), ecology.ID, page[1].ID, 10)
		must(t, err)
		if len(page) != 2 || len(next) != 3 || next[0].ID >= page[1].ID {
			t.Errorf("pages of followers: %v then %v", page, next)
		}
		if n, _, err := book.CountFollows(t.Context(), db.Read(), ecology.ID); err != nil || n != 5 {
			t.Errorf("CountFollows = %d, %v, want 5", n, err)
		}
	})
}

func TestFollowAgainKeepsOneRow(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		book := actors.New(db, marked{}, base)
		must(t, book.Found(t.Context(), "Львів"))
		news, err := book.Own(t.Context(), db.Read(), actors.News)
		must(t, err)
		must(t, write(t, db, func(ctx context.Context, tx *store.Tx) error {
			a, err := book.Upsert(ctx, tx, remote(1, ""))
			if err != nil {
				return err
			}
			first, err := book.Follow(ctx, tx, "https://far.test/f/1", a, news)
			if err != nil {
				return err
			}
			second, err := book.Follow(ctx, tx, "https://far.test/f/2", a, news)
			if err != nil {
				return err
			}
			if first.ID != second.ID || second.URI != "https://far.test/f/2" || !second.Accepted {
				t.Errorf("follow twice: %+v, then %+v", first, second)
			}
			// Our own wish waits for the other side.
			mine, err := book.Follow(ctx, tx, base+"/f/1", news, a)
			if err != nil || mine.Accepted {
				t.Errorf("follow of a remote actor = %+v, %v; want it waiting", mine, err)
			}
			if err := book.Accept(ctx, tx, a.ID, a.ID); !errors.Is(err, store.ErrNotFound) {
				t.Errorf("accept of nothing = %v, want ErrNotFound", err)
			}
			if _, err := book.Follow(ctx, tx, base+"/f/2", news, news); !errors.Is(err, store.ErrDenied) {
				t.Errorf("following oneself = %v, want ErrDenied", err)
			}
			return nil
		}))
	})
}

func TestStrangersCannotTouchOurActors(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		book := actors.New(db, marked{}, base)
		must(t, book.Found(t.Context(), "Львів"))
		err := write(t, db, func(ctx context.Context, tx *store.Tx) error {
			_, err := book.Upsert(ctx, tx, actors.RemoteActor{URI: base + "/actor", Type: "Person"})
			return err
		})
		if !errors.Is(err, store.ErrDenied) {
			t.Errorf("Upsert of our own actor = %v, want ErrDenied", err)
		}
		must(t, write(t, db, func(ctx context.Context, tx *store.Tx) error {
			victim, err := book.Upsert(ctx, tx, remote(1, ""))
			if err != nil {
				return err
			}
			thief := remote(2, "")
			thief.Keys = []actors.PublicKey{{URI: victim.URI + "#main-key", Kind: actors.KeyRSA, Text: "other"}}
			if _, err := book.Upsert(ctx, tx, thief); err != nil {
				return err
			}
			k, owner, _, err := book.KeyOwner(ctx, tx, victim.URI+"#main-key")
			if err != nil || owner.ID != victim.ID || k.Text != "pem" {
				t.Errorf("the victim's key now speaks for %s with %q", owner.URI, k.Text)
			}
			if err := book.Forget(ctx, tx, victim.ID); err != nil {
				return err
			}
			gone, err := book.Upsert(ctx, tx, remote(1, ""))
			if err != nil || !gone.Deleted {
				t.Errorf("a deleted actor came back: %+v, %v", gone, err)
			}
			return nil
		}))
	})
}

func TestBlockedHostInEverySpelling(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		book := actors.New(db, marked{}, base)
		must(t, write(t, db, func(ctx context.Context, tx *store.Tx) error {
			if err := book.Block(ctx, tx, "https://Bad.Example.", "spam"); err != nil {
				return err
			}
			if err := book.Block(ctx, tx, "погано.укр", "spam"); err != nil {
				return err
			}
			if err := book.Block(ctx, tx, "lviv.test", "x"); !errors.Is(err, store.ErrInvalid) {
				t.Errorf("blocking ourselves = %v, want ErrInvalid", err)
			}
			return book.Allow(ctx, tx, "good.bad.example", "ours")
		}))
		for host, want := range map[string]bool{
			"bad.example": true, "BAD.example:8443": true, "bad.example.": true, "a.b.bad.example": true,
			"good.bad.example": false, "notbad.example": false, "bad.example.evil": false, "example": false,
			"погано.укр": true, "xn--80af5abdb.xn--j1amh": true, "": true,
		} {
			if got, err := book.Blocked(t.Context(), db.Read(), host); err != nil || got != want {
				t.Errorf("Blocked(%q) = %v, %v; want %v", host, got, err, want)
			}
		}
	})
}

func TestOriginsAreComparedWhole(t *testing.T) {
	t.Parallel()
	const victim = "https://victim.example/users/a"
	for uri, want := range map[string]bool{
		"https://victim.example/x": true, "https://VICTIM.example:443/": true, "https://victim.example./": true,
		"https://victim.example.evil/": false, "https://victim.example@evil/": false, "https://evil/victim.example": false,
		"http://victim.example/": false, "https://victim.example:8443/": false, "https://vict%69m.example/": false,
		"https://vісtim.example/": false, "https://sub.victim.example/": false, "//victim.example/": false, "acct:a@victim.example": false, "": false,
	} {
		if got := actors.SameOrigin(uri, victim); got != want {
			t.Errorf("SameOrigin(%q, %q) = %v, want %v", uri, victim, got, want)
		}
	}
}
