package people

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"fmt"
	"strings"
	"unicode/utf8"

	"golang.org/x/crypto/argon2"
	"golang.org/x/text/unicode/norm"

	"viche/internal/store"
)

// cost is how dear one try of a password is. It is written into each hash, so
// it can be raised: older hashes are renewed at the next sign-in.
type cost struct {
	memory  uint32 // KiB
	time    uint32
	threads uint8
}

var current = cost{memory: 19 * 1024, time: 2, threads: 1}

const (
	passwordMin = 10
	passwordMax = 200 // characters; more would only make us work
)

// common holds passwords long enough for our rule that are still tried first.
var common = []string{"1234567890", "0123456789", "qwertyuiop", "йцукенгшщз", "password123", "password1234", "passwordpassword", "1111111111", "0000000000"}

func checkPassword(password, handle, email string) error {
	length := utf8.RuneCountInString(password)
	if length < passwordMin {
		return store.Invalid("password", "people.password.short", "Count", passwordMin)
	}
	if length > passwordMax {
		return store.Invalid("password", "people.password.long", "Count", passwordMax)
	}
	lower := strings.ToLower(password)
	for _, known := range append(common, handle, email) {
		if known != "" && lower == strings.ToLower(known) {
			return store.Invalid("password", "people.password.common")
		}
	}
	return nil
}

// HashPassword makes what is stored in place of a password:
// $argon2id$v=19$m=…,t=…,p=…$salt$hash.
func HashPassword(password string) string { return current.hash(password) }

func (c cost) hash(password string) string {
	salt := make([]byte, 16)
	_, _ = rand.Read(salt) // crypto/rand never fails
	key := argon2.IDKey(prepare(password), salt, c.time, c.memory, c.threads, 32)
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, c.memory, c.time, c.threads,
		base64.RawStdEncoding.EncodeToString(salt), base64.RawStdEncoding.EncodeToString(key))
}

// prepare writes one text in one way: a letter with its accent may be typed as
// one character or as two.
func prepare(password string) []byte { return norm.NFC.Bytes([]byte(password)) }

// matches compares in constant time; stale tells that the hash was made at
// another cost.
func matches(hash, password string) (ok, stale bool) {
	var version int
	var c cost
	parts := strings.Split(hash, "$")
	if len(parts) != 6 || parts[1] != "argon2id" {
		return false, false
	}
	if n, err := fmt.Sscanf(parts[2], "v=%d", &version); n != 1 || err != nil || version != argon2.Version {
		return false, false
	}
	if n, err := fmt.Sscanf(parts[3], "m=%d,t=%d,p=%d", &c.memory, &c.time, &c.threads); n != 3 || err != nil || c.time == 0 || c.threads == 0 {
		return false, false
	}
	salt, err := base64.RawStdEncoding.DecodeString(parts[4])
	if err != nil {
		return false, false
	}
	want, err := base64.RawStdEncoding.DecodeString(parts[5])
	if err != nil || len(want) == 0 {
		return false, false
	}
	got := argon2.IDKey(prepare(password), salt, c.time, c.memory, c.threads, uint32(len(want)))
	return subtle.ConstantTimeCompare(got, want) == 1, c != current
}

// nobody is compared with where no account is, so that the answer takes as
// long; no password matches it.
var nobody = "$argon2id$v=19$m=19456,t=2,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"

// try compares while it holds a slot, so a flood of sign-ins queues instead of
// eating the memory.
func (p *People) try(ctx context.Context, hash, password string) (ok, stale bool, err error) {
	err = p.withSlot(ctx, func() { ok, stale = matches(hash, password) })
	return ok, stale, err
}

func (p *People) hash(ctx context.Context, password string) (hash string, err error) {
	err = p.withSlot(ctx, func() { hash = HashPassword(password) })
	return hash, err
}

func (p *People) withSlot(ctx context.Context, do func()) error {
	select {
	case p.hashing <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	defer func() { <-p.hashing }()
	do()
	return nil
}
