package store

import (
	"crypto/rand"
	"encoding/binary"
	"sync"
	"time"
)

// epoch keeps ids short and positive until 2093.
const epoch = 1704067200000 // 2024-01-01T00:00:00Z in Unix milliseconds

var ids struct {
	sync.Mutex
	last int64
}

// NewID returns a row id: 41 bits of milliseconds, 22 bits that start at random
// and then count, so that ids of one process rise and those of several differ.
// It reads the machine's clock on purpose: a test that stops the city's clock
// must not run out of ids.
func NewID() int64 {
	var b [4]byte
	_, _ = rand.Read(b[:]) // crypto/rand.Read never fails
	low := int64(binary.BigEndian.Uint32(b[:]) & (1<<21 - 1))
	id := (time.Now().UnixMilli()-epoch)<<22 | low
	ids.Lock()
	defer ids.Unlock()
	if id <= ids.last {
		id = ids.last + 1
	}
	ids.last = id
	return id
}

// Millis is how a moment stands in the database; the zero time stands as 0.
func Millis(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMilli()
}

// Time is the moment that Millis stored, in UTC.
func Time(ms int64) time.Time {
	if ms == 0 {
		return time.Time{}
	}
	return time.UnixMilli(ms).UTC()
}

// Flag is how a truth stands in the database, on both alike.
func Flag(b bool) int {
	if b {
		return 1
	}
	return 0
}
