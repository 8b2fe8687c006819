package web

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"time"
)

// A flash is one message for the next page: what a form has done. It travels in
// a cookie, as a key and its variables, so the server keeps nothing and nobody
// can make it say words that are not ours.
type flash struct {
	Key  string         `json:"k"`
	Args map[string]any `json:"a,omitempty"`
}

// Flash shows the message of key, with its variables as pairs, on the page that
// the browser sees next. Variables are best strings: the printer has formatted
// dates and numbers already.
func (s *Site) Flash(w http.ResponseWriter, key string, args ...any) {
	f := flash{Key: key, Args: map[string]any{}}
	for i := 0; i+1 < len(args); i += 2 {
		if name, ok := args[i].(string); ok {
			f.Args[name] = args[i+1]
		}
	}
	raw, err := json.Marshal(f)
	if err != nil || len(raw) > 2000 { // a cookie holds 4 kB; losing a courtesy beats losing the page
		s.log.Warn("flash message left out", "key", key, "error", err)
		return
	}
	s.setCookie(w, "flash", base64.RawURLEncoding.EncodeToString(raw), 5*time.Minute)
}

// takeFlash returns the waiting message, once.
func (s *Site) takeFlash(w http.ResponseWriter, r *http.Request) string {
	value, ok := s.cookie(r, "flash")
	if !ok {
		return ""
	}
	s.setCookie(w, "flash", "", -1)
	var f flash
	raw, err := base64.RawURLEncoding.DecodeString(value)
	if err != nil || json.Unmarshal(raw, &f) != nil || !s.o.Locale.Has(f.Key) {
		return ""
	}
	return s.Printer(r).T(f.Key, f.Args)
}
