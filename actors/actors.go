// Package actors keeps everybody who can say something on the network: the
// instance itself, its spheres and news, residents and clubs, and those of
// other servers; with their keys, who follows whom, and which servers are shut
// out. It never uses the network: package federation fetches and hands over.
package actors

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"sync"
	"time"

	"github.com/uptrace/bun"

	"viche/internal/store"
)

// The kinds of our own actors; an actor of another server has none.
const (
	Instance = "instance"
	News     = "news"
	Sphere   = "sphere"
	Resident = "resident"
	Club     = "club"

	// Organisation is an account that publishes and never votes.
	Organisation = "organisation"
)

// Actor is somebody, here or elsewhere. URI is the name that never changes.
type Actor struct {
	bun.BaseModel `bun:"table:actors"`

	ID          int64  `bun:"id,pk"`
	URI         string `bun:"uri"`
	Type        string `bun:"type"` // Person, Group, Application, …
	Kind        string `bun:"kind"`
	Handle      string `bun:"handle"`
	Host        string `bun:"host"`
	Name        string `bun:"name"`
	Summary     string `bun:"summary"`
	URL         string `bun:"url"` // the page for people
	Icon        string `bun:"icon"`
	Inbox       string `bun:"inbox"`
	SharedInbox string `bun:"shared_inbox"`
	Outbox      string `bun:"outbox"`
	Followers   string `bun:"followers"`
	Local       bool   `bun:"local"`
	Open        bool   `bun:"open"` // follows are accepted by themselves
	Suspended   bool   `bun:"suspended"`
	Deleted     bool   `bun:"deleted"`
	Published   int64  `bun:"published"` // Unix milliseconds
	Fetched     int64  `bun:"fetched"`   // when we last heard from its server; 0 for our own
	Featured    string `bun:"featured"`  // the collection of what it pinned
	MovedTo     string `bun:"moved_to"`  // the actor that goes on in its place
	MovedAt     int64  `bun:"moved_at"`
	Aliases     string `bun:"aliases"` // JSON: ids that are the same person
	Image       string `bun:"image"`
	Indexable   bool   `bun:"indexable"` // may be found by search
	Fields      string `bun:"fields"`    // JSON: lines of the profile
}

// Address is the handle as people write it, @name@host.
func (a Actor) Address() string { return "@" + a.Handle + "@" + a.Host }

// Label is the name to show: the chosen one, or else the handle.
func (a Actor) Label() string {
	if a.Name != "" {
		return a.Name
	}
	return a.Handle
}

// Age is how long ago we last heard of a remote actor.
func (a Actor) Age(now time.Time) time.Duration { return now.Sub(store.Time(a.Fetched)) }

// A Sealer encrypts secrets that have to lie in the database; *keys.File is
// the one of a running city.
type Sealer interface {
	Seal(purpose string, plain []byte) ([]byte, error)
	Unseal(purpose string, sealed []byte) ([]byte, error)
}

// Book is all actors of one instance.
type Book struct {
	db     *store.DB
	sealer Sealer
	base   string
	host   string

	onlyListed bool // servers that are not ruled allow are not met

	making sync.Mutex // one key pair is made at a time: it costs a tenth of a second
	opened opened
}

// New is the book of the instance at base, such as https://kamianske.example.
func New(db *store.DB, s Sealer, base string) *Book {
	return &Book{db: db, sealer: s, base: base, host: HostOf(base), opened: opened{pairs: map[int64]*pair{}}}
}

// Base is the address that all ids of this instance begin with.
func (b *Book) Base() string { return b.base }

// Host is the instance's host, with a port where it is not the default one.
func (b *Book) Host() string { return b.host }

// ByURI finds an actor by its id, or store.ErrNotFound.
func (b *Book) ByURI(ctx context.Context, idb bun.IDB, uri string) (Actor, error) {
	return b.one(ctx, idb, "where uri = ?", uri)
}

// ByID finds an actor by its row, or store.ErrNotFound.
func (b *Book) ByID(ctx context.Context, idb bun.IDB, id int64) (Actor, error) {
	return b.one(ctx, idb, "where id = ?", id)
}

// ByHandle finds "olena", one of ours, or "olena@lviv.example", anybody's, with
// or without the @ in front.
func (b *Book) ByHandle(ctx context.Context, idb bun.IDB, handle string) (Actor, error) {
	name, host, _ := strings.Cut(strings.TrimPrefix(strings.TrimSpace(handle), "@"), "@")
	name = strings.ToLower(name)
	if host == "" || strings.EqualFold(host, b.host) || strings.EqualFold(host, hostname(b.host)) {
		return b.one(ctx, idb, "where local = 1 and handle = ?", name)
	}
	host, err := foldHost(host)
	if err != nil {
		return Actor{}, fmt.Errorf("handle %q: %w", handle, store.ErrNotFound)
	}
	return b.one(ctx, idb, "where local = 0 and host = ? and lower(handle) = ? order by fetched desc", host, name)
}

// Own finds the instance's one actor of a kind: Instance or News.
func (b *Book) Own(ctx context.Context, idb bun.IDB, kind string) (Actor, error) {
	return b.one(ctx, idb, "where local = 1 and kind = ?", kind)
}

// BySlug finds a sphere's channel.
func (b *Book) BySlug(ctx context.Context, idb bun.IDB, slug string) (Actor, error) {
	return b.one(ctx, idb, "where local = 1 and kind = 'sphere' and handle = ?", slug)
}

// ByIDs finds several at once, by row id; missing ones are left out.
func (b *Book) ByIDs(ctx context.Context, idb bun.IDB, ids []int64) (map[int64]Actor, error) {
	found := map[int64]Actor{}
	if len(ids) == 0 {
		return found, nil
	}
	var list []Actor
	if err := idb.NewRaw("select * from actors where id in (?)", bun.List(ids)).Scan(ctx, &list); err != nil {
		return nil, fmt.Errorf("actors: %w", store.Kind(err))
	}
	for _, a := range list {
		found[a.ID] = a
	}
	return found, nil
}

// Count says how many of our actors of a kind there are.
func (b *Book) Count(ctx context.Context, idb bun.IDB, kind string) (n int, err error) {
	err = idb.NewRaw("select count(*) from actors where local = 1 and deleted = 0 and kind = ?", kind).Scan(ctx, &n)
	return n, store.Kind(err)
}

func (b *Book) one(ctx context.Context, idb bun.IDB, where string, args ...any) (Actor, error) {
	a, err := b.scanOne(ctx, idb, where, args...)
	if errors.Is(err, store.ErrNotFound) {
		return Actor{}, fmt.Errorf("actor %v: %w", args, store.ErrNotFound)
	}
	if err != nil {
		return a, fmt.Errorf("actor %v: %w", args, store.Kind(err))
	}
	return a, nil
}

// hostname is a host without its port.
func hostname(host string) string {
	name, _, _ := strings.Cut(host, ":")
	return name
}

var handles = regexp.MustCompile(`^[a-z0-9_]{1,30}$`)

// reserved handles would be mistaken for a part of the instance.
var reserved = map[string]bool{"actor": true, "admin": true, "root": true, "viche": true, "instance": true, "city": true,
	"support": true, "moderator": true, "operator": true, "trust": true, "coordinator": true, "postmaster": true, "abuse": true}

// ValidHandle tells whether a resident or club may be called so.
func ValidHandle(handle string) bool {
	return handles.MatchString(handle) && !reserved[handle] && !IsSphere(handle)
}
