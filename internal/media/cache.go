package media

import (
	"container/list"
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"image"
	"image/jpeg"
	"image/png"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/semaphore"
	"golang.org/x/sync/singleflight"

	"viche/internal/store"
)

// Fetch gets a picture of another server. The caller of Proxy hands it over, so
// that this package reaches no network itself. The body is closed after use.
type Fetch func(ctx context.Context, url string) (io.ReadCloser, error)

const (
	fetches      = 8                // at once
	fetchWithin  = 20 * time.Second // for one
	failedFor    = 10 * time.Minute // before it is tried again
	maxFailed    = 10_000           // that are remembered
	noticedEvery = time.Hour        // how exactly the disk knows when a copy was last used
)

// Proxy gives our copy of a picture of another server, fetching it if there is
// none. Many who ask at once cause one fetch; one that failed is not tried again
// for some minutes. Copies make room for others, the longest unused first.
// Errors: store.ErrUnavailable if it cannot be had.
func (s *Store) Proxy(ctx context.Context, url string, fetch Fetch) (Picture, error) {
	key := s.keyOf(url)
	if name, ok := s.cache.get(key); ok {
		if pic, err := s.describe(name); err == nil {
			return pic, nil
		}
		s.cache.forget(key) // somebody deleted the file
	}
	if s.cache.failedLately(key) {
		return Picture{}, fmt.Errorf("picture of another server: it failed lately: %w", store.ErrUnavailable)
	}
	// Whoever asked first may leave; those who wait for the same stay.
	done := s.cache.flight.DoChan(key, func() (any, error) {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), fetchWithin)
		defer cancel()
		pic, err := s.fetch(ctx, key, url, fetch)
		if err != nil {
			s.cache.failed(key)
		}
		return pic, err
	})
	select {
	case <-ctx.Done():
		return Picture{}, ctx.Err()
	case r := <-done:
		if r.Err != nil {
			return Picture{}, fmt.Errorf("picture of another server: %w (%w)", store.ErrUnavailable, r.Err)
		}
		return r.Val.(Picture), nil
	}
}

func (s *Store) fetch(ctx context.Context, key, url string, fetch Fetch) (Picture, error) {
	if err := s.cache.fetching.Acquire(ctx, 1); err != nil {
		return Picture{}, err
	}
	defer s.cache.fetching.Release(1)
	body, err := fetch(ctx, url)
	if err != nil {
		return Picture{}, err
	}
	defer body.Close()
	pic, err := s.save(ctx, body, key)
	if err != nil {
		return Picture{}, err
	}
	s.drop(s.cache.put(key, pic.Name, pic.Bytes))
	return pic, nil
}

// drop deletes the files of copies that made room.
func (s *Store) drop(names []string) {
	for _, name := range names {
		// A file that stays is found when the folder is opened next.
		_ = os.Remove(s.path(name))
		_ = os.Remove(small(s.path(name)))
	}
}

// describe reads what is known of a stored picture.
func (s *Store) describe(name string) (Picture, error) {
	f, err := s.open(name, false)
	if err != nil {
		return Picture{}, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return Picture{}, err
	}
	read := map[string]func(io.Reader) (image.Config, error){".jpg": jpeg.DecodeConfig, ".png": png.DecodeConfig}[filepath.Ext(name)]
	config, err := read(f)
	if err != nil {
		return Picture{}, err
	}
	return Picture{Name: name, Type: types[filepath.Ext(name)], Width: config.Width, Height: config.Height, Bytes: info.Size()}, nil
}

// keyOf names the copy of what lies at an address. Whoever knows the address
// does not know the name.
func (s *Store) keyOf(url string) string {
	mac := hmac.New(sha256.New, s.salt)
	mac.Write([]byte(url)) // never fails
	return "r" + hex.EncodeToString(mac.Sum(nil)[:20])
}

// openSalt reads what makes names of copies this folder's own, or makes it.
func openSalt(dir string) ([]byte, error) {
	path := filepath.Join(dir, "salt")
	salt, err := os.ReadFile(path)
	if err == nil && len(salt) == 32 {
		return salt, nil
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	salt = make([]byte, 32)
	_, _ = rand.Read(salt) // never fails
	return salt, put(path, salt)
}

// cache knows which copies there are and when each was last used.
type cache struct {
	limit    int64
	now      func() time.Time
	flight   singleflight.Group
	fetching *semaphore.Weighted

	mu    sync.Mutex
	total int64
	order *list.List // of *copied, the last used first
	has   map[string]*list.Element
	fails map[string]time.Time // when each may be tried again
	touch func(name string, at time.Time)
}

type copied struct {
	key, name string
	bytes     int64
	used      time.Time // as the disk knows it
}

func newCache(limit int64, now func() time.Time) *cache {
	return &cache{
		limit: limit, now: now, fetching: semaphore.NewWeighted(fetches),
		order: list.New(), has: map[string]*list.Element{}, fails: map[string]time.Time{},
	}
}

func (c *cache) get(key string) (name string, ok bool) {
	c.used(key)
	c.mu.Lock()
	defer c.mu.Unlock()
	e, ok := c.has[key]
	if !ok {
		return "", false
	}
	return e.Value.(*copied).name, true
}

// used moves a copy to the front.
func (c *cache) used(key string) {
	c.mu.Lock()
	e, ok := c.has[key]
	if !ok {
		c.mu.Unlock()
		return
	}
	c.order.MoveToFront(e)
	one := e.Value.(*copied)
	now := c.now()
	stale := now.Sub(one.used) > noticedEvery
	if stale {
		one.used = now
	}
	name := one.name
	c.mu.Unlock()
	if stale && c.touch != nil {
		c.touch(name, now)
	}
}

// put adds a copy and returns the names of those that must go for it.
func (c *cache) put(key, name string, bytes int64) (gone []string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.take(key)
	delete(c.fails, key)
	c.has[key] = c.order.PushFront(&copied{key, name, bytes, c.now()})
	c.total += bytes
	for c.total > c.limit && c.order.Len() > 1 {
		last := c.order.Back().Value.(*copied)
		gone = append(gone, last.name)
		c.take(last.key)
	}
	return gone
}

func (c *cache) forget(key string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.take(key)
}

// take leaves a copy out of the books; c.mu is held.
func (c *cache) take(key string) {
	if e, ok := c.has[key]; ok {
		c.total -= e.Value.(*copied).bytes
		c.order.Remove(e)
		delete(c.has, key)
	}
}

func (c *cache) failed(key string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := c.now()
	if len(c.fails) >= maxFailed {
		for k, until := range c.fails {
			if len(c.fails) < maxFailed/2 && now.Before(until) {
				break
			}
			delete(c.fails, k)
		}
	}
	c.fails[key] = now.Add(failedFor)
}

func (c *cache) failedLately(key string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	until, ok := c.fails[key]
	if ok && !c.now().Before(until) {
		delete(c.fails, key)
		return false
	}
	return ok
}

// look goes through the folder as it is found: copies of others enter the books
// in the order of their last use, and what was being written when the program
// ended is deleted.
func (s *Store) look(now time.Time) error {
	s.cache.touch = func(name string, at time.Time) {
		_ = os.Chtimes(s.path(name), at, at) // without it the copy only seems older
	}
	type found struct {
		name string
		size int64
		used time.Time
	}
	var all []found
	smalls := map[string]int64{}
	err := filepath.WalkDir(s.dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil {
			return err
		}
		name := d.Name()
		switch {
		case strings.HasPrefix(name, unfinished):
			if now.Sub(info.ModTime()) > time.Hour {
				return os.Remove(path)
			}
		case name[0] != 'r':
		case wellNamed.MatchString(name):
			all = append(all, found{name, info.Size(), info.ModTime()})
		default:
			smalls[strings.Replace(name, ".small.", ".", 1)] += info.Size()
		}
		return nil
	})
	if err != nil {
		return err
	}
	slices.SortFunc(all, func(a, b found) int { return a.used.Compare(b.used) })
	for _, f := range all {
		key, _, _ := strings.Cut(f.name, ".")
		gone := s.cache.put(key, f.name, f.size+smalls[f.name])
		s.cache.order.Front().Value.(*copied).used = f.used
		s.drop(gone)
	}
	return nil
}
