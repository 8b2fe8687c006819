package standing

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/go-chi/chi/v5"

	"viche/actors"
	rules "viche/actors/standing"
	"viche/federation/ap"
	"viche/internal/store"
	"viche/web"
)

// A Credential is a status as its home instance signs it (R1.7): whose, which,
// until when. It says nothing else of the person.
type Credential struct {
	Issuer    string // the home instance's actor
	Subject   string // the resident's
	Status    rules.Status
	Territory string
	From      time.Time
	Until     time.Time
}

// kind is the type of a credential's document.
const kind = "StatusCredential"

// leeway is how long after the next turn a credential still holds: until then its
// holder has got a new one.
const leeway = 3 * 24 * time.Hour

// sign writes the credential of an account; store.ErrNotFound for who has no
// status.
func (s *Standing) sign(ctx context.Context, account int64, subject actors.Actor) ([]byte, error) {
	top, err := s.Of(ctx, account)
	if err != nil {
		return nil, err
	}
	if top.Level == rules.None {
		return nil, fmt.Errorf("credential of account %d: no status: %w", account, store.ErrNotFound)
	}
	self, err := s.Book.Own(ctx, s.DB.Read(), actors.Instance)
	if err != nil {
		return nil, err
	}
	id, key, err := s.Book.Ed25519(ctx, self.ID)
	if err != nil {
		return nil, err
	}
	now := s.DB.Now()
	from := s.MonthOf(now)
	holds := map[string]any{"id": subject.URI, "status": top.Level.String(), "territory": s.Territory}
	if top.Scope != rules.Everywhere {
		holds["sphere"] = sphereOf(top.Scope).Slug
	}
	return ap.Sign(map[string]any{
		"id": s.Base + "/standing/of/" + subject.Handle, "type": kind, "issuer": self.URI,
		"validFrom": ap.FormatTime(from), "validUntil": ap.FormatTime(from.AddDate(0, 1, 0).Add(leeway)),
		"credentialSubject": holds,
	}, key, id, now)
}

// What may be wrong with a credential, in words of pages.
var (
	errForm    = store.Invalid("credential", "standing.check.form")
	errIssuer  = store.Invalid("credential", "standing.check.issuer")
	errProof   = store.Invalid("credential", "standing.check.proof")
	errExpired = store.Invalid("credential", "standing.check.expired")
	errFetch   = store.Invalid("credential", "standing.check.fetch")
)

// maxCredential bounds what is read as one.
const maxCredential = 16 << 10

// read takes a credential apart; nothing in it is believed yet.
func read(raw []byte) (c Credential, err error) {
	var doc struct {
		Type       string    `json:"type"`
		Issuer     string    `json:"issuer"`
		ValidFrom  time.Time `json:"validFrom"`
		ValidUntil time.Time `json:"validUntil"`
		Subject    struct {
			ID        string `json:"id"`
			Status    string `json:"status"`
			Sphere    string `json:"sphere"`
			Territory string `json:"territory"`
		} `json:"credentialSubject"`
	}
	if len(raw) > maxCredential || json.Unmarshal(raw, &doc) != nil || doc.Type != kind {
		return c, errForm
	}
	c = Credential{
		Issuer: doc.Issuer, Subject: doc.Subject.ID, Territory: doc.Subject.Territory, From: doc.ValidFrom, Until: doc.ValidUntil,
		Status: rules.Status{Level: rules.LevelOf(doc.Subject.Status), Scope: scopeOf(doc.Subject.Sphere)},
	}
	known := doc.Subject.Sphere == "" || c.Status.Scope != rules.Everywhere
	if c.Status.Level == rules.None || !known || c.Issuer == "" || c.Subject == "" {
		return c, errForm
	}
	return c, nil
}

// Check says whose status a signed document vouches for, and which; or why it is
// not to be believed, as a *store.FieldError. The issuer vouches only for its own
// residents, by a key that its own actor lists.
func (s *Standing) Check(ctx context.Context, raw []byte) (Credential, error) {
	c, err := read(raw)
	if err != nil {
		return c, err
	}
	method, _, err := ap.ProofMethod(raw)
	if err != nil || !actors.SameOrigin(method, c.Issuer) || !actors.SameOrigin(c.Subject, c.Issuer) {
		return c, errIssuer
	}
	text, err := s.keyOf(ctx, c.Issuer, method)
	if err != nil {
		return c, err
	}
	key, err := ap.DecodeMultikey(text)
	if err != nil || ap.VerifyProof(raw, key) != nil {
		return c, errProof
	}
	if now := s.DB.Now(); now.Before(c.From) || !now.Before(c.Until) {
		return c, errExpired
	}
	return c, nil
}

// keyOf is the key that an instance's actor lists under this id.
func (s *Standing) keyOf(ctx context.Context, issuer, method string) (string, error) {
	self, err := s.Book.Own(ctx, s.DB.Read(), actors.Instance)
	if err != nil {
		return "", err
	}
	if issuer == self.URI {
		keys, err := s.Book.PublicKeys(ctx, s.DB.Read(), self.ID)
		for _, k := range keys {
			if k.URI == method && k.Kind == actors.KeyEd25519 {
				return k.Text, nil
			}
		}
		return "", errors.Join(err, errIssuer)
	}
	raw, err := s.Fetch(ctx, issuer)
	if err != nil {
		return "", errFetch
	}
	actor, err := ap.ParseActor(raw)
	if err != nil || actor.ID != issuer || actor.Type != "Application" {
		return "", errIssuer
	}
	for _, k := range actor.AssertionMethods {
		if k.ID == method {
			return k.Text, nil
		}
	}
	return "", errIssuer
}

func (s *Standing) ownCredential(w http.ResponseWriter, r *http.Request) {
	v := web.ViewerOf(r)
	actor, err := s.Book.ByID(r.Context(), s.DB.Read(), v.ActorID)
	var raw []byte
	if err == nil {
		raw, err = s.sign(r.Context(), v.AccountID, actor)
	}
	if err != nil {
		s.site.Error(w, r, err)
		return
	}
	w.Header().Set("Content-Disposition", `attachment; filename="viche-status.json"`)
	write(w, raw)
}

// serveCredential gives a credential to others, if its holder shows the status;
// who does not, who has none and who is not there answer alike.
func (s *Standing) serveCredential(w http.ResponseWriter, r *http.Request) {
	raw, err := s.public(r.Context(), strings.TrimPrefix(chi.URLParam(r, "handle"), "@"))
	if err != nil {
		s.site.Error(w, r, err)
		return
	}
	write(w, raw)
}

func (s *Standing) public(ctx context.Context, handle string) ([]byte, error) {
	actor, err := s.Book.ByHandle(ctx, s.DB.Read(), handle)
	if err != nil {
		return nil, err
	}
	account, err := s.Holder(ctx, actor.ID)
	if err != nil {
		return nil, err
	}
	shown, err := s.shown(ctx, account)
	if err == nil && !shown {
		err = fmt.Errorf("credential of %s: %w", handle, store.ErrNotFound)
	}
	if err != nil {
		return nil, err
	}
	return s.sign(ctx, account, actor)
}

func write(w http.ResponseWriter, raw []byte) {
	w.Header().Set("Content-Type", ap.ContentType)
	w.Header().Set("Cache-Control", "no-store")
	_, _ = w.Write(raw) // the reader has gone if this fails
}

// checkView is the page that checks a credential.
type checkView struct {
	Text   string
	Errors web.FormErrors
	Found  *foundView
}

type foundView struct {
	Status, Subject, Issuer string
	Until                   time.Time
}

func (s *Standing) showCheck(w http.ResponseWriter, r *http.Request) {
	s.site.Render(w, r, http.StatusOK, "standing/check", checkView{})
}

// check takes a credential that was pasted, or its address.
func (s *Standing) check(w http.ResponseWriter, r *http.Request) {
	view := checkView{Text: strings.TrimSpace(r.PostFormValue("credential"))}
	c, err := s.look(r.Context(), view.Text)
	if view.Errors.Take(err) {
		s.site.Render(w, r, http.StatusUnprocessableEntity, "standing/check", view)
		return
	}
	if err != nil {
		s.site.Error(w, r, err)
		return
	}
	words := s.site.Printer(r)
	view.Found = &foundView{Status: s.nameIn(words, c.Status, c.Territory), Subject: c.Subject, Issuer: c.Issuer, Until: c.Until}
	s.site.Render(w, r, http.StatusOK, "standing/check", view)
}

func (s *Standing) look(ctx context.Context, text string) (Credential, error) {
	raw := []byte(text)
	if strings.HasPrefix(text, "https://") || strings.HasPrefix(text, "http://") {
		var err error
		if raw, err = s.Fetch(ctx, text); err != nil {
			return Credential{}, errFetch
		}
	}
	return s.Check(ctx, raw)
}
