package civic

import (
	"strconv"
	"testing"
	"time"
)

// A flood of addresses costs a bounded memory, and forgets first who is quiet.
func TestFloodOfAddressesIsBounded(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC)
	l := newLimits(LeastLimit, func() time.Time { return now })
	for i := range mostBuckets {
		l.take("quiet-" + strconv.Itoa(i))
	}
	now = now.Add(Window)
	for range LeastLimit {
		l.take("busy")
	}
	if _, ok := l.take("busy"); ok {
		t.Error("the busy one was forgotten, though the quiet ones sufficed")
	}
	if len(l.buckets) != 1 {
		t.Errorf("%d are remembered, want the busy one alone", len(l.buckets))
	}
	for i := range 3 * mostBuckets {
		l.take("flood-" + strconv.Itoa(i))
		if len(l.buckets) > mostBuckets {
			t.Fatalf("%d are remembered, want at most %d", len(l.buckets), mostBuckets)
		}
	}
}
