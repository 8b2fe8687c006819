package standing

import (
	"slices"
	"time"

	rules "viche/actors/standing"
	"viche/internal/notify"
)

// letter tells a holder what changed: what was lost before what may be, and that
// before what was earned. It names levels, and nothing of how they came about.
func (s *Standing) letter(r Resident, changed []Record, now rules.Status, f rules.Formula) notify.Mail {
	words := s.Words.For(r.Lang)
	args := []any{"Status", s.name(words, now), "Link", s.Base + "/me/standing"}
	key := "standing.mail.rose"
	failing := slices.IndexFunc(changed, func(h Record) bool { return !h.Failing.IsZero() && h.Until.IsZero() })
	switch {
	case slices.ContainsFunc(changed, func(h Record) bool { return !h.Until.IsZero() }):
		key = "standing.mail.lost"
	case failing >= 0:
		key = "standing.mail.warned"
		args = append(args, "Kept", s.name(words, changed[failing].Status), "Until", words.Date(lastDay(f.Ends(changed[failing].Held))))
	}
	return notify.Mail{To: r.Email, Subject: words.T(key+".subject", args...), Text: words.T(key+".text", args...)}
}

// lastDay is the last day before an epoch.
func lastDay(epoch time.Time) time.Time { return epoch.AddDate(0, 0, -1) }
