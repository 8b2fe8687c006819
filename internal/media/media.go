// Package media keeps pictures. Whatever people or servers send is decoded
// within limits, turned upright, made smaller and written anew, so that what is
// served is a plain picture of ours and nothing else: no metadata, no place where
// it was taken, no file that is two kinds at once.
//
// A Store keeps residents' pictures for as long as they are wanted, and copies of
// other servers' for as long as there is room (see Proxy).
package media

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"golang.org/x/sync/semaphore"

	"viche/internal/store"
)

// Why a picture is refused. Each is store.ErrInvalid, with a message key for
// whoever sent it.
var (
	ErrLarge  = store.Invalid("pictures", "media.refused.large")  // more than MaxBytes
	ErrPixels = store.Invalid("pictures", "media.refused.pixels") // more than MaxPixels, or than there is memory for
	ErrKind   = store.Invalid("pictures", "media.refused.kind")   // not JPEG, PNG, GIF or WebP
	ErrBroken = store.Invalid("pictures", "media.refused.broken") // cannot be read to its end
)

// What is taken, and what becomes of it.
const (
	MaxBytes  = 16 << 20
	MaxPixels = 40_000_000
	MaxSide   = 2048 // of what is kept
	SmallWide = 640  // of the small copy
	quality   = 85

	// memory bounds what all pictures that are being decoded take together, and
	// so what one may take.
	memory = 320 << 20
)

// Picture is one that is kept. Name is its address below /media/.
type Picture struct {
	Name          string
	Type          string // image/jpeg or image/png
	Width, Height int
	Bytes         int64 // with the small copy
	Blurhash      string
}

// Limits of a Store; zero values mean the defaults given.
type Limits struct {
	Decodes int              // pictures decoded at once: 2
	Cache   int64            // bytes of others' pictures: 1 GiB
	Now     func() time.Time // time.Now
}

// Store keeps pictures in a folder, which is its alone. It is safe for many
// goroutines of one process.
type Store struct {
	dir    string
	decode *semaphore.Weighted // by memory
	turns  *semaphore.Weighted // by number
	cache  *cache
	salt   []byte
}

// Open opens the folder, making it if need be, with default limits.
func Open(dir string) (*Store, error) { return OpenWith(dir, Limits{}) }

// OpenWith opens the folder with limits of one's own.
func OpenWith(dir string, l Limits) (*Store, error) {
	if l.Decodes <= 0 {
		l.Decodes = 2
	}
	if l.Cache <= 0 {
		l.Cache = 1 << 30
	}
	if l.Now == nil {
		l.Now = time.Now
	}
	for _, part := range []string{own, remote} {
		if err := os.MkdirAll(filepath.Join(dir, part), 0o750); err != nil {
			return nil, fmt.Errorf("open the pictures' folder: %w", err)
		}
	}
	salt, err := openSalt(dir)
	if err != nil {
		return nil, fmt.Errorf("open the pictures' folder: %w", err)
	}
	s := &Store{
		dir: dir, salt: salt, decode: semaphore.NewWeighted(memory), turns: semaphore.NewWeighted(int64(l.Decodes)),
		cache: newCache(l.Cache, l.Now),
	}
	if err := s.look(l.Now()); err != nil {
		return nil, fmt.Errorf("open the pictures' folder: %w", err)
	}
	return s, nil
}

// Save keeps a picture under a new random name. It reads at most MaxBytes and a
// byte of r. Errors: ErrLarge, ErrPixels, ErrKind, ErrBroken; those of ctx and of
// the disk.
func (s *Store) Save(ctx context.Context, r io.Reader) (Picture, error) {
	var id [16]byte
	_, _ = rand.Read(id[:]) // never fails
	pic, err := s.save(ctx, r, hex.EncodeToString(id[:]))
	if err != nil {
		return Picture{}, fmt.Errorf("save a picture: %w", err)
	}
	return pic, nil
}

// Remove deletes a picture and its small copy. One that is gone is no error.
func (s *Store) Remove(name string) error {
	if !wellNamed.MatchString(name) {
		return fmt.Errorf("remove picture %q: %w", name, store.ErrInvalid)
	}
	if key, _, _ := strings.Cut(name, "."); key[0] == 'r' {
		s.cache.forget(key)
	}
	// The large one first: what is not there has no small one.
	for _, path := range []string{s.path(name), small(s.path(name))} {
		if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("remove a picture: %w", err)
		}
	}
	return nil
}

// save reads, checks, re-encodes and writes a picture as id and its kind's ending.
func (s *Store) save(ctx context.Context, r io.Reader, id string) (Picture, error) {
	data, err := io.ReadAll(io.LimitReader(r, MaxBytes+1))
	if err != nil {
		return Picture{}, err
	}
	if len(data) > MaxBytes {
		return Picture{}, ErrLarge
	}
	made, err := s.remake(ctx, data)
	if err != nil {
		return Picture{}, err
	}
	pic := made.Picture
	pic.Name = id + made.ending
	path := s.path(pic.Name)
	if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
		return Picture{}, err
	}
	// The small copy first, so that it is there whenever the large one is.
	if made.small != nil {
		if err := put(small(path), made.small); err != nil {
			return Picture{}, err
		}
	}
	if err := put(path, made.large); err != nil {
		_ = os.Remove(small(path)) // nobody can ask for it
		return Picture{}, err
	}
	pic.Bytes = int64(len(made.large) + len(made.small))
	return pic, nil
}

// The two halves of the folder.
const (
	own    = "own"
	remote = "remote"
)

// wellNamed is what a name of ours looks like: nothing that comes from outside.
var wellNamed = regexp.MustCompile(`^(?:[0-9a-f]{32}|r[0-9a-f]{40})\.(?:jpg|png)$`)

// path is where a picture lies; its name must be well formed.
func (s *Store) path(name string) string {
	if name[0] == 'r' {
		return filepath.Join(s.dir, remote, name[1:3], name[3:5], name)
	}
	return filepath.Join(s.dir, own, name[:2], name[2:4], name)
}

// small is where the small copy of a picture lies.
func small(path string) string {
	ending := filepath.Ext(path)
	return strings.TrimSuffix(path, ending) + ".small" + ending
}

// put writes a file whole or not at all.
func put(path string, data []byte) error {
	f, err := os.CreateTemp(filepath.Dir(path), unfinished+"*")
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(f.Name()) }() // there only if something below went wrong
	_, err = io.Copy(f, bytes.NewReader(data))
	if err == nil {
		err = f.Sync()
	}
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err == nil {
		err = syncFolder(filepath.Dir(path))
	}
	return err
}

// unfinished begins the names of files that are being written.
const unfinished = ".part-"

// syncFolder makes a rename outlast a loss of power.
func syncFolder(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	err = d.Sync()
	if cerr := d.Close(); err == nil {
		err = cerr
	}
	return err
}
