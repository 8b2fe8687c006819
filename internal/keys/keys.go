// Package keys keeps the secrets of an instance in one file outside the
// database: without it the database gives nobody's answer. The file is never
// logged and never part of an ordinary back-up. Several processes of one city
// may share it; a change re-reads it under a lock and replaces it whole.
package keys

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"github.com/google/renameio/v2"
)

// ErrMissing says that there is no key file where one is needed.
var ErrMissing = errors.New("key file is missing")

// ErrDestroyed says that a poll's sealing key is gone, so its answers are too.
var ErrDestroyed = errors.New("the sealing key of this poll has been destroyed")

// File is an opened key file. It is safe for use by many goroutines.
type File struct {
	path string
	mu   sync.RWMutex
	c    contents
}

type contents struct {
	Version int               `json:"version"`
	City    []byte            `json:"city"`   // derives the voter secrets
	Person  []byte            `json:"person"` // hashes personal codes
	Actors  []byte            `json:"actors"` // seals private keys in the database
	Tally   tallyKey          `json:"tally"`
	Polls   map[string][]byte `json:"polls"` // one random sealing key a poll
}

type tallyKey struct {
	Name string `json:"name"` // such as tally-2026
	Seed []byte `json:"seed"`
}

// Create makes a new key file with fresh random keys; it never overwrites one.
// The tally key is called kind-year, such as "tally-2026" or "trust-2026".
func Create(path, kind string, now time.Time) (*File, error) {
	if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("create key file %s: %w", path, fs.ErrExist)
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, fmt.Errorf("create key file: %w", err)
	}
	f := &File{path: path, c: contents{
		Version: 1, City: random(), Person: random(), Actors: random(),
		Tally: tallyKey{Name: fmt.Sprintf("%s-%d", kind, now.Year()), Seed: random()},
		Polls: map[string][]byte{},
	}}
	if err := f.store(); err != nil {
		return nil, err
	}
	return f, nil
}

// Open reads a key file. A file that is damaged or incomplete is refused with
// the reason: to go on with new keys would orphan every ballot.
func Open(path string) (*File, error) {
	f := &File{path: path}
	if err := f.load(); err != nil {
		return nil, err
	}
	return f, nil
}

// Fingerprint names these keys without giving them away; the database keeps it
// so that a foreign key file is noticed at the start.
func (f *File) Fingerprint() string {
	return hex.EncodeToString(mac(f.c.City, "fingerprint")[:8])
}

// PersonKey hashes a normalised personal code, such as "rnokpp:v1:…". Equal
// codes give equal keys; nobody without the file can try codes out.
func (f *File) PersonKey(code string) []byte { return mac(f.c.Person, "person", code) }

// VoterSecret belongs to the person, not to an account: whoever is verified
// again under another account has the same one.
func (f *File) VoterSecret(personKey []byte) []byte {
	return mac(f.c.City, "voter-secret", string(personKey))
}

// GuestSecret is VoterSecret for an account elsewhere, by its actor's id.
func (f *File) GuestSecret(actor string) []byte { return mac(f.c.City, "guest-secret", actor) }

// Derive gives a key for one purpose, such as signing short-lived cookies.
func (f *File) Derive(purpose string) []byte { return mac(f.c.City, "derive", purpose) }

// Tally is the key that signs the city's statements (the coordinator's trust
// key), and its name, the fragment of its id.
func (f *File) Tally() (name string, key ed25519.PrivateKey) {
	return f.c.Tally.Name, ed25519.NewKeyFromSeed(f.c.Tally.Seed)
}

// NewSealing makes the sealing key of a poll that is being opened, or returns
// the one that it has. The key is on disk before this returns.
func (f *File) NewSealing(poll string) ([]byte, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	var key []byte
	err := f.change(func() {
		key = f.c.Polls[poll]
		if key == nil {
			key = random()
			f.c.Polls[poll] = key
		}
	})
	return key, err
}

// Sealing returns the sealing key of a poll, or ErrDestroyed.
func (f *File) Sealing(poll string) ([]byte, error) {
	f.mu.RLock()
	key := f.c.Polls[poll]
	f.mu.RUnlock()
	if key != nil {
		return key, nil
	}
	f.mu.Lock() // another process may have opened the poll
	defer f.mu.Unlock()
	if err := f.load(); err != nil {
		return nil, err
	}
	if key = f.c.Polls[poll]; key == nil {
		return nil, ErrDestroyed
	}
	return key, nil
}

// Destroy forgets a poll's sealing key for ever.
func (f *File) Destroy(poll string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.change(func() { delete(f.c.Polls, poll) })
}

// Seal encrypts a secret that has to lie in the database, such as an actor's
// private key. The purpose is bound to it.
func (f *File) Seal(purpose string, plain []byte) ([]byte, error) {
	aead, err := f.aead()
	if err != nil {
		return nil, err
	}
	nonce := make([]byte, aead.NonceSize())
	_, _ = rand.Read(nonce) // crypto/rand.Read never fails
	return aead.Seal(nonce, nonce, plain, []byte(purpose)), nil
}

// Unseal is the inverse of Seal with the same purpose.
func (f *File) Unseal(purpose string, sealed []byte) ([]byte, error) {
	aead, err := f.aead()
	if err != nil {
		return nil, err
	}
	if len(sealed) < aead.NonceSize() {
		return nil, errors.New("unseal: too short")
	}
	plain, err := aead.Open(nil, sealed[:aead.NonceSize()], sealed[aead.NonceSize():], []byte(purpose))
	if err != nil {
		return nil, fmt.Errorf("unseal %s: was the key file exchanged? %w", purpose, err)
	}
	return plain, nil
}

func (f *File) aead() (cipher.AEAD, error) {
	block, err := aes.NewCipher(f.c.Actors)
	if err != nil {
		return nil, fmt.Errorf("seal: %w", err)
	}
	return cipher.NewGCM(block)
}

// change re-reads, edits and replaces the file while no other process does.
func (f *File) change(edit func()) error {
	lock, err := os.OpenFile(f.path+".lock", os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return fmt.Errorf("lock key file: %w", err)
	}
	defer lock.Close()
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX); err != nil {
		return fmt.Errorf("lock key file: %w", err)
	}
	if err := f.load(); err != nil {
		return err
	}
	edit()
	return f.store()
}

func (f *File) load() error {
	raw, err := os.ReadFile(f.path)
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%w: %s", ErrMissing, f.path)
	}
	if err != nil {
		return fmt.Errorf("key file: %w", err)
	}
	var c contents
	if err := json.Unmarshal(raw, &c); err != nil {
		return fmt.Errorf("key file %s is damaged; restore it from its own back-up", f.path)
	}
	for name, key := range map[string][]byte{"city": c.City, "person": c.Person, "actors": c.Actors, "tally": c.Tally.Seed} {
		if len(key) != 32 {
			return fmt.Errorf("key file %s is damaged: its %s key is not 32 bytes; restore it from its own back-up", f.path, name)
		}
	}
	if c.Version != 1 {
		return fmt.Errorf("key file %s has version %d, this program reads version 1", f.path, c.Version)
	}
	if c.Polls == nil {
		c.Polls = map[string][]byte{}
	}
	f.c = c
	return nil
}

// store replaces the file whole: after a power cut there is the old one or the
// new one.
func (f *File) store() error {
	raw, err := json.Marshal(f.c)
	if err != nil {
		return fmt.Errorf("key file: %w", err)
	}
	if err := renameio.WriteFile(f.path, raw, 0o600); err != nil {
		return fmt.Errorf("key file: %w", err)
	}
	return nil
}

func random() []byte {
	b := make([]byte, 32)
	_, _ = rand.Read(b) // crypto/rand.Read never fails
	return b
}

// mac is HMAC-SHA-256 over length-prefixed parts, so that no two lists of parts
// give the same bytes.
func mac(key []byte, parts ...string) []byte {
	h := hmac.New(sha256.New, key)
	for _, p := range parts {
		n := len(p)
		_, _ = h.Write([]byte{byte(n >> 24), byte(n >> 16), byte(n >> 8), byte(n)}) // a hash never fails
		_, _ = h.Write([]byte(p))
	}
	return h.Sum(nil)
}
