package people

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/go-chi/chi/v5"

	"viche/actors/identity"
	"viche/internal/store"
	"viche/web"
)

// Meeting is what a moderator says after having seen the person. Code, the tax
// number, lives only as long as this value.
type Meeting struct {
	Request   int64
	Moderator *web.Viewer
	Document  string
	Seen      bool
	Code      string
	Territory string
	Reason    string
}

// errDecided is for the moderator who comes second to a request.
var errDecided = fmt.Errorf("the request is decided: %w", store.ErrExists)

// VerifyInPerson verifies the person of a request, or, where two moderators
// decide, hands it to the second. done says which. Errors: FieldError for what
// was typed; store.ErrDenied for one's own request; store.ErrExists where the
// person has another account or the request is decided.
func (p *People) VerifyInPerson(ctx context.Context, m Meeting) (done bool, err error) {
	provider := identity.InPerson{Kind: m.Document, Seen: m.Seen, Code: m.Code}
	proof, err := provider.Prove(ctx)
	if err != nil {
		return false, err
	}
	if m.Reason, err = normalText("reason", m.Reason, noteMax); err != nil {
		return false, err
	}
	if m.Reason == "" {
		return false, store.Invalid("reason", "people.desk.reason.missing")
	}
	if err := p.checkTerritory(m.Territory); err != nil {
		return false, err
	}
	key, err := identity.Key(p.Keys, proof)
	if err != nil {
		return false, err
	}
	err = p.DB.Write(ctx, func(ctx context.Context, tx *store.Tx) error {
		wish, err := p.claim(ctx, tx, m.Request, m.Moderator, "open")
		if err != nil {
			return err
		}
		wish.Territory, wish.Document, wish.Reason, wish.PersonKey = m.Territory, proof.Document, m.Reason, key
		wish.Moderator = m.Moderator.AccountID
		if p.SecondModerator {
			return p.awaitSecond(ctx, tx, wish)
		}
		done = true
		return p.complete(ctx, tx, wish, m.Moderator.Handle, "")
	})
	if err != nil {
		return false, fmt.Errorf("verify in person: %w", err)
	}
	return done, nil
}

// ConfirmSecond is the decision of the second moderator, who is another person
// than the first and than the one to be verified.
func (p *People) ConfirmSecond(ctx context.Context, id int64, moderator *web.Viewer) error {
	err := p.DB.Write(ctx, func(ctx context.Context, tx *store.Tx) error {
		wish, err := p.claim(ctx, tx, id, moderator, "second")
		if err != nil {
			return err
		}
		if wish.Moderator == moderator.AccountID {
			return fmt.Errorf("the second moderator must be another: %w", store.ErrDenied)
		}
		first, err := accountBy(ctx, tx, "a.id = ?", wish.Moderator)
		if err != nil {
			return err
		}
		return p.complete(ctx, tx, wish, first.Handle, moderator.Handle)
	})
	if err != nil {
		return fmt.Errorf("second verification: %w", err)
	}
	return nil
}

// Refuse ends a request without verifying; the person reads the reason.
func (p *People) Refuse(ctx context.Context, id int64, moderator *web.Viewer, reason string) error {
	reason, err := normalText("reason", reason, noteMax)
	if err != nil {
		return err
	}
	if reason == "" {
		return store.Invalid("reason", "people.desk.reason.missing")
	}
	err = p.DB.Write(ctx, func(ctx context.Context, tx *store.Tx) error {
		wish, err := p.claim(ctx, tx, id, moderator, "open", "second")
		if err != nil {
			return err
		}
		if err := settle(ctx, tx, wish, "refused"); err != nil {
			return err
		}
		err = logVerification(ctx, tx, verification{
			account: wish.Account, provider: identity.InPerson{}.Name(), territory: wish.Territory,
			moderator: moderator.Handle, reason: reason, outcome: "refused",
		})
		if err != nil {
			return err
		}
		return p.tell(ctx, tx, wish.Account, "people.mail.refused", "Reason", reason, "Link", p.Base+"/me")
	})
	if err != nil {
		return fmt.Errorf("refuse verification: %w", err)
	}
	return nil
}

// claim reads a request that stands in one of the states, for a moderator who
// may decide on it.
func (p *People) claim(ctx context.Context, tx *store.Tx, id int64, moderator *web.Viewer, states ...string) (request, error) {
	if !moderator.Watches("") {
		return request{}, fmt.Errorf("not a moderator: %w", store.ErrDenied)
	}
	var wish request
	if err := store.Kind(tx.NewRaw(requestColumns+"where id = ?", id).Scan(ctx, &wish)); err != nil {
		return wish, fmt.Errorf("request %d: %w", id, err)
	}
	if wish.Account == moderator.AccountID {
		return wish, fmt.Errorf("nobody verifies themselves: %w", store.ErrDenied)
	}
	for _, state := range states {
		if wish.State == state {
			return wish, nil
		}
	}
	return wish, errDecided
}

func (p *People) awaitSecond(ctx context.Context, tx *store.Tx, wish request) error {
	// Whoever is verified already is found out now, not by the second moderator.
	var holder int64
	err := tx.Row(ctx, []any{&holder}, `select account from persons where person_key = ?`, wish.PersonKey)
	if err != nil && !isGone(err) {
		return err
	}
	if err == nil && holder != wish.Account {
		return fmt.Errorf("person has another account: %w", store.ErrExists)
	}
	n, err := tx.Exec(ctx, `
		update verification_requests
		set state = 'second', moderator = ?, document = ?, reason = ?, territory = ?, person_key = ?
		where id = ? and state = 'open'`,
		wish.Moderator, wish.Document, wish.Reason, wish.Territory, wish.PersonKey, wish.ID)
	if err == nil && n == 0 {
		return errDecided
	}
	return err
}

// complete does what a verification means: the request ends, the person is
// bound to the account, the entitlement begins, the log has a line, and the
// person a letter.
func (p *People) complete(ctx context.Context, tx *store.Tx, wish request, first, second string) error {
	if err := settle(ctx, tx, wish, "verified"); err != nil {
		return err
	}
	if err := bind(ctx, tx, wish.Account, wish.PersonKey); err != nil {
		return err
	}
	if err := entitle(ctx, tx, wish.PersonKey, wish.Territory, identity.Document); err != nil {
		return err
	}
	err := logVerification(ctx, tx, verification{
		account: wish.Account, provider: identity.InPerson{}.Name(), document: wish.Document,
		territory: wish.Territory, level: identity.Document,
		moderator: first, second: second, reason: wish.Reason, outcome: "verified",
	})
	if err != nil {
		return err
	}
	return p.tell(ctx, tx, wish.Account, "people.mail.verified", "Link", p.Base+"/me")
}

// settle ends a request and forgets the key that waited in it.
func settle(ctx context.Context, tx *store.Tx, wish request, state string) error {
	n, err := tx.Exec(ctx, `
		update verification_requests
		set state = ?, person_key = null, decided_at = ?
		where id = ? and state = ?`, state, store.Millis(tx.Now), wish.ID, wish.State)
	if err == nil && n == 0 {
		return errDecided
	}
	return err
}

// tell writes to the holder of an account.
func (p *People) tell(ctx context.Context, tx *store.Tx, account int64, key string, args ...any) error {
	a, err := accountBy(ctx, tx, "a.id = ?", account)
	if isGone(err) {
		return nil // suspended meanwhile: nobody to write to
	}
	if err != nil {
		return err
	}
	return p.write(ctx, tx, a.Email, a.Lang, key, args...)
}

// requestView is a request as pages show it.
type requestView struct {
	ID           string
	Handle, Name string
	Territory    string
	Note         string
	Created      time.Time
	Second       bool // awaits the second moderator
	Own          bool // the viewer's own request
	First        bool // the viewer has decided already
	Document     string
	Reason       string
}

func (s pages) requestView(r *http.Request, wish request, a Account) requestView {
	v := web.ViewerOf(r)
	words := s.site.Printer(r)
	view := requestView{
		ID: strconv.FormatInt(wish.ID, 10), Handle: a.Handle, Name: a.Name,
		Territory: s.Territories.Path(wish.Territory, words.Lang()), Note: wish.Note, Created: store.Time(wish.Created),
		Second: wish.State == "second", Own: wish.Account == v.AccountID, First: wish.Moderator == v.AccountID,
		Reason: wish.Reason,
	}
	if wish.Document != "" {
		view.Document = words.T("people.document." + wish.Document)
	}
	return view
}

type deskView struct {
	Requests []requestView
	Two      bool
}

func (s pages) desk(w http.ResponseWriter, r *http.Request) {
	ctx := r.Context()
	var wishes []request
	err := s.DB.Read().NewRaw(requestColumns+"where state in ('open', 'second') order by created limit 200").Scan(ctx, &wishes)
	if err != nil {
		s.site.Error(w, r, fmt.Errorf("list requests: %w", err))
		return
	}
	view := deskView{Two: s.SecondModerator}
	for _, wish := range wishes {
		a, err := accountBy(ctx, s.DB.Read(), "a.id = ?", wish.Account)
		if isGone(err) {
			continue // suspended: waits with the account
		}
		if err != nil {
			s.site.Error(w, r, err)
			return
		}
		view.Requests = append(view.Requests, s.requestView(r, wish, a))
	}
	s.site.Render(w, r, http.StatusOK, "people/desk", view)
}

type decideView struct {
	Request   requestView
	Picker    picker
	Documents []web.Choice
	Seen      []web.Choice
	Reason    string
	Refusal   string
	Errors    web.FormErrors
	Two       bool
	Decidable bool
}

func (s pages) showRequest(w http.ResponseWriter, r *http.Request) {
	s.renderRequest(w, r, http.StatusOK, web.FormErrors{})
}

// renderRequest never puts the tax number back into the page.
func (s pages) renderRequest(w http.ResponseWriter, r *http.Request, status int, wrong web.FormErrors) {
	ctx := r.Context()
	id, err := strconv.ParseInt(chi.URLParam(r, "id"), 10, 64)
	if err != nil {
		s.site.Error(w, r, store.ErrNotFound)
		return
	}
	var wish request
	if err := s.DB.Read().NewRaw(requestColumns+"where id = ?", id).Scan(ctx, &wish); err != nil {
		s.site.Error(w, r, store.Kind(err))
		return
	}
	a, err := accountBy(ctx, s.DB.Read(), "a.id = ?", wish.Account)
	if err != nil {
		s.site.Error(w, r, err)
		return
	}
	view := decideView{
		Errors: wrong, Two: s.SecondModerator, Reason: r.PostFormValue("reason"), Refusal: r.PostFormValue("refusal"),
		Decidable: wish.State == "open" || wish.State == "second",
	}
	words := s.site.Printer(r)
	if view.Picker, err = s.newPicker(r, words.T("people.place"), "/desk/verifications/"+strconv.FormatInt(id, 10), wish.Territory); err != nil {
		s.site.Error(w, r, err)
		return
	}
	view.Request = s.requestView(r, wish, a)
	for _, kind := range identity.Documents {
		view.Documents = append(view.Documents, web.Choice{
			Value: kind, Label: words.T("people.document." + kind), Checked: r.PostFormValue("document") == kind,
		})
	}
	view.Seen = []web.Choice{{Value: "1", Label: words.T("people.desk.seen.label"), Checked: r.PostFormValue("seen") != ""}}
	s.site.Render(w, r, status, "people/request", view)
}

func (s pages) decide(w http.ResponseWriter, r *http.Request) {
	ctx, moderator := r.Context(), web.ViewerOf(r)
	id, err := strconv.ParseInt(chi.URLParam(r, "id"), 10, 64)
	if err != nil {
		s.site.Error(w, r, store.ErrNotFound)
		return
	}
	done := "people.desk.verified"
	field := "code" // where a message goes that names no field
	switch r.PostFormValue("do") {
	case "verify":
		var whole bool
		whole, err = s.VerifyInPerson(ctx, Meeting{
			Request: id, Moderator: moderator,
			Document: r.PostFormValue("document"), Seen: r.PostFormValue("seen") != "", Code: r.PostFormValue("code"),
			Territory: r.PostFormValue("territory"), Reason: r.PostFormValue("reason"),
		})
		if !whole {
			done = "people.desk.handed"
		}
	case "second":
		field = "second"
		err = s.ConfirmSecond(ctx, id, moderator)
	case "refuse":
		field, done = "refusal", "people.desk.refused"
		err = s.Refuse(ctx, id, moderator, r.PostFormValue("refusal"))
	default:
		err = store.ErrNotFound
	}
	var wrong web.FormErrors
	var typed *store.FieldError
	switch {
	case err == nil:
		s.site.Flash(w, done)
		web.Redirect303(w, r, "/desk/verifications")
	case errors.As(err, &typed):
		if field == "refusal" {
			wrong.Add(field, typed.Key, typed.Args...)
		} else {
			wrong.Take(err)
		}
		s.renderRequest(w, r, http.StatusUnprocessableEntity, wrong)
	case errors.Is(err, errDecided):
		wrong.Add(field, "people.desk.decided")
		s.renderRequest(w, r, http.StatusConflict, wrong)
	case errors.Is(err, store.ErrExists):
		wrong.Add(field, "people.desk.already")
		s.renderRequest(w, r, http.StatusConflict, wrong)
	case errors.Is(err, store.ErrDenied):
		wrong.Add(field, "people.desk.denied")
		s.renderRequest(w, r, http.StatusForbidden, wrong)
	default:
		s.site.Error(w, r, err)
	}
}
