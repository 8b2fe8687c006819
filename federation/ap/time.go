package ap

import (
	"fmt"
	"time"
)

// FormatTime writes a time as our objects hold it: UTC, whole seconds.
func FormatTime(t time.Time) string {
	return t.UTC().Truncate(time.Second).Format("2006-01-02T15:04:05Z")
}

// ParseTime reads a time of our own objects, strictly
// YYYY-MM-DDThh:mm:ss[.f]Z. Strangers' times are read by Parse, which is
// milder.
func ParseTime(s string) (time.Time, error) {
	// time.RFC3339 also takes offsets, and a comma before the fraction.
	if len(s) < 20 || len(s) > 30 || s[len(s)-1] != 'Z' || (len(s) > 20 && s[19] != '.') {
		return time.Time{}, fmt.Errorf("not a time in UTC: %.40q", s)
	}
	t, err := time.Parse(time.RFC3339, s)
	if err != nil {
		return time.Time{}, fmt.Errorf("not a time in UTC: %.40q", s)
	}
	return t.UTC(), nil
}
