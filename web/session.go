package web

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"viche/internal/store"
)

// A Viewer is the signed-in person, as far as pages need to know.
type Viewer struct {
	AccountID, ActorID int64
	Handle, Name, Lang string
	Verified           bool
	Territory          string // KATOTTG code of where the person votes, "" before verification
	Roles              []Role

	// CredentialGeneration is that of the credentials which opened this session.
	// Staff who reset them start a new one, and an older ballot stays closed to it.
	CredentialGeneration int
}

// A Role somebody acts in. Scope is the sphere or club it is limited to, ""
// for the whole instance.
type Role struct{ Name, Scope string }

// The roles of those who work for a city.
const (
	Moderator = "moderator"
	Operator  = "operator"
	Officer   = "officer"
)

// Watches says whether the viewer watches over what belongs to a sphere: as a
// moderator or operator of it, or of the whole instance, to whom alone belongs
// what is of no sphere ("").
func (v *Viewer) Watches(sphere string) bool {
	return v.Has(Moderator, sphere) || v.Has(Operator, sphere)
}

// WatchesAny says whether the viewer watches over something.
func (v *Viewer) WatchesAny() bool { return v.HasAny(Moderator, Operator) }

// HasAny says whether the viewer holds one of some roles, for whatever scope.
func (v *Viewer) HasAny(names ...string) bool {
	return v != nil && slices.ContainsFunc(v.Roles, func(r Role) bool { return slices.Contains(names, r.Name) })
}

// Has says whether the viewer holds a role for a scope; one for the whole
// instance covers every scope. Nobody has no role.
func (v *Viewer) Has(name, scope string) bool {
	return v != nil && slices.ContainsFunc(v.Roles, func(r Role) bool {
		return r.Name == name && (r.Scope == "" || r.Scope == scope)
	})
}

// ViewerOf returns who is signed in, nil for nobody.
func ViewerOf(r *http.Request) *Viewer { return visitOf(r).viewer }

// WithViewer returns the request as made by v: for the APIs, which know people
// by their token, and for tests.
func WithViewer(r *http.Request, v *Viewer) *http.Request {
	is := *visitOf(r)
	is.viewer = v
	return withVisit(r, &is)
}

const (
	sessionIdle = 30 * 24 * time.Hour
	day         = 24 * time.Hour
)

// SignIn opens a session for an account and gives the browser its cookie. The
// session that the browser had before ends.
func (s *Site) SignIn(ctx context.Context, w http.ResponseWriter, r *http.Request, accountID int64, generation int) error {
	var token [32]byte
	_, _ = rand.Read(token[:]) // crypto/rand never fails since Go 1.24
	value := base64.RawURLEncoding.EncodeToString(token[:])
	old, hadOld := s.sessionKey(r)
	err := s.o.DB.Write(ctx, func(ctx context.Context, tx *store.Tx) error {
		if hadOld {
			if err := endSession(ctx, tx, old); err != nil {
				return err
			}
		}
		_, err := tx.Exec(ctx, `
			insert into sessions (token, account, generation, created, used, expires)
			values (?, ?, ?, ?, ?, ?)`,
			hash(value), accountID, generation, store.Millis(tx.Now), store.Millis(tx.Now.Truncate(day)), store.Millis(tx.Now.Add(sessionIdle)))
		return err
	})
	if err != nil {
		return fmt.Errorf("sign in: %w", err)
	}
	s.setCookie(w, "session", value, sessionIdle)
	return nil
}

// SignOut ends the session of this browser.
func (s *Site) SignOut(ctx context.Context, w http.ResponseWriter, r *http.Request) error {
	s.setCookie(w, "session", "", -1)
	key, ok := s.sessionKey(r)
	if !ok {
		return nil
	}
	err := s.o.DB.Write(ctx, func(ctx context.Context, tx *store.Tx) error { return endSession(ctx, tx, key) })
	if err != nil {
		return fmt.Errorf("sign out: %w", err)
	}
	return nil
}

func endSession(ctx context.Context, tx *store.Tx, key []byte) error {
	_, err := tx.Exec(ctx, `delete from sessions where token = ?`, key)
	return err
}

// EndSessions ends every session of an account, within the change that makes
// it necessary.
func EndSessions(ctx context.Context, tx *store.Tx, accountID int64) error {
	_, err := tx.Exec(ctx, `delete from sessions where account = ?`, accountID)
	return err
}

// SweepSessions removes those that have expired; run it once a day.
func (s *Site) SweepSessions(ctx context.Context) error {
	return s.o.DB.Write(ctx, func(ctx context.Context, tx *store.Tx) error {
		_, err := tx.Exec(ctx, `delete from sessions where expires < ?`, store.Millis(tx.Now))
		return err
	})
}

// Only lets those through of whom may says so; nobody may be nil. For the others
// there is no such page.
func (s *Site) Only(may func(*Viewer) bool) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if !may(ViewerOf(r)) {
				s.Error(w, r, store.ErrDenied)
				return
			}
			next.ServeHTTP(w, r)
		})
	}
}

// SignedIn lets only signed-in people through. Others are asked to sign in and
// come back to where they were; a program is told 401.
func (s *Site) SignedIn(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case ViewerOf(r) != nil:
			next.ServeHTTP(w, r)
		case wantsJSON(r):
			s.Error(w, r, errNobody)
		default:
			back := r.URL.RequestURI()
			if r.Method != http.MethodGet {
				back = r.URL.Path
			}
			Redirect303(w, r, "/sign-in?next="+url.QueryEscape(back))
		}
	})
}

// session finds out who asks. A lost session is nobody; a database that does
// not answer is an error, because "you are signed out" would be untrue.
func (s *Site) session(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		key, ok := s.sessionKey(r)
		if !ok || s.o.DB == nil || s.o.LoadViewer == nil || cookieless(r) || strings.HasPrefix(r.URL.Path, staticPrefix) {
			next.ServeHTTP(w, r)
			return
		}
		viewer, err := s.resume(r, key)
		switch {
		case errors.Is(err, store.ErrNotFound):
			s.setCookie(w, "session", "", -1)
		case err != nil:
			s.Error(w, r, fmt.Errorf("resume session: %w", err))
			return
		}
		v := visitOf(r)
		v.viewer, v.session = viewer, key
		next.ServeHTTP(w, r)
	})
}

func (s *Site) resume(r *http.Request, key []byte) (*Viewer, error) {
	ctx := r.Context()
	var account, used, expires int64
	var generation int
	err := s.o.DB.ReadBound().Row(ctx, []any{&account, &generation, &used, &expires}, `
		select account, generation, used, expires
		from sessions
		where token = ?`, key)
	if err != nil {
		return nil, err
	}
	now := s.now()
	if !now.Before(store.Time(expires)) {
		return nil, store.ErrNotFound
	}
	viewer, err := s.o.LoadViewer(ctx, account, generation)
	if errors.Is(err, store.ErrNotFound) || errors.Is(err, store.ErrDenied) {
		s.forget(ctx, key)
		return nil, store.ErrNotFound
	}
	if err != nil {
		return nil, err
	}
	viewer.CredentialGeneration = generation
	// Once a day at most, on reading only, and never where somebody votes: a
	// write beside a ballot would tell when it was cast.
	if today := now.Truncate(day); store.Time(used).Before(today) && r.Method == http.MethodGet && !Ballot(r.URL.Path) {
		s.prolong(ctx, key, now)
	}
	return viewer, nil
}

// forget and prolong are a courtesy: when they fail, the next request tries
// again, so the error is only logged.
func (s *Site) forget(ctx context.Context, key []byte) {
	err := s.o.DB.Write(ctx, func(ctx context.Context, tx *store.Tx) error { return endSession(ctx, tx, key) })
	if err != nil {
		s.log.WarnContext(ctx, "session not ended", "error", err)
	}
}

func (s *Site) prolong(ctx context.Context, key []byte, now time.Time) {
	err := s.o.DB.Write(ctx, func(ctx context.Context, tx *store.Tx) error {
		_, err := tx.Exec(ctx, `update sessions set used = ?, expires = ? where token = ?`,
			store.Millis(now.Truncate(day)), store.Millis(now.Add(sessionIdle)), key)
		return err
	})
	if err != nil {
		s.log.WarnContext(ctx, "session not prolonged", "error", err)
	}
}

func (s *Site) sessionKey(r *http.Request) ([]byte, bool) {
	value, ok := s.cookie(r, "session")
	if !ok || len(value) != 43 { // 32 bytes in base64
		return nil, false
	}
	return hash(value), true
}

func hash(value string) []byte {
	sum := sha256.Sum256([]byte(value))
	return sum[:]
}

// cookieName carries __Host- on https: no other host, not even a subdomain, can
// set such a cookie.
func (s *Site) cookieName(name string) string {
	if s.secure {
		return "__Host-viche-" + name
	}
	return "viche-" + name
}

// setCookie sets a cookie for age, or removes it if age is negative.
func (s *Site) setCookie(w http.ResponseWriter, name, value string, age time.Duration) {
	c := &http.Cookie{
		Name: s.cookieName(name), Value: value, Path: "/", MaxAge: int(age / time.Second),
		HttpOnly: true, SameSite: http.SameSiteLaxMode, Secure: s.secure,
	}
	if age < 0 {
		c.MaxAge = -1
	}
	http.SetCookie(w, c)
}

func (s *Site) cookie(r *http.Request, name string) (string, bool) {
	c, err := r.Cookie(s.cookieName(name))
	if err != nil || c.Value == "" {
		return "", false
	}
	return c.Value, true
}
