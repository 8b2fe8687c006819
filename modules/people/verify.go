package people

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"

	"github.com/uptrace/bun"

	"viche/internal/store"
	"viche/web"
)

// request is somebody's wish to be verified in person.
type request struct {
	ID        int64  `bun:"id"`
	Account   int64  `bun:"account"`
	Territory string `bun:"territory"`
	Note      string `bun:"note"`
	Created   int64  `bun:"created"`
	State     string `bun:"state"` // open, second, verified, refused, withdrawn

	// What the first moderator said, where a second one is awaited.
	Moderator int64  `bun:"moderator"`
	Document  string `bun:"document"`
	Reason    string `bun:"reason"`
	PersonKey []byte `bun:"person_key"`
}

const requestColumns = `select id, account, territory, note, created, state,
	coalesce(moderator, 0) as moderator, document, reason, person_key
	from verification_requests `

// RequestVerification asks for a meeting with a moderator. One wish at a time.
func (p *People) RequestVerification(ctx context.Context, account int64, code, text string) error {
	text, err := normalText("note", text, noteMax)
	if err != nil {
		return err
	}
	if err := p.checkTerritory(code); err != nil {
		return err
	}
	err = p.DB.Write(ctx, func(ctx context.Context, tx *store.Tx) error {
		a, err := accountBy(ctx, tx, "a.id = ? and a.confirmed_at is not null", account)
		if err != nil {
			return err
		}
		if a.Kind == Organisation {
			return store.Invalid("territory", "people.verify.organisation")
		}
		now, holds, err := p.EntitlementOf(ctx, tx, account, tx.Now)
		if err != nil {
			return err
		}
		if holds && now.Territory == code {
			return store.Invalid("territory", "people.verify.same")
		}
		n, err := tx.Exec(ctx, `
			insert into verification_requests (id, account, territory, note, created, state)
			values (?, ?, ?, ?, ?, 'open')
			on conflict (account) where state in ('open', 'second') do nothing`,
			store.NewID(), account, code, text, store.Millis(tx.Now))
		if err == nil && n == 0 {
			return store.Invalid("territory", "people.verify.pending")
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("request verification: %w", err)
	}
	return nil
}

// Withdraw takes the wish back.
func (p *People) Withdraw(ctx context.Context, account int64) error {
	err := p.DB.Write(ctx, func(ctx context.Context, tx *store.Tx) error {
		_, err := tx.Exec(ctx, `
			update verification_requests
			set state = 'withdrawn', person_key = null, decided_at = ?
			where account = ? and state in ('open', 'second')`, store.Millis(tx.Now), account)
		return err
	})
	if err != nil {
		return fmt.Errorf("withdraw verification: %w", err)
	}
	return nil
}

// pending finds the undecided wish of an account.
func pending(ctx context.Context, idb bun.IDB, account int64) (request, bool, error) {
	var r request
	err := store.Kind(idb.NewRaw(requestColumns+"where account = ? and state in ('open', 'second')", account).Scan(ctx, &r))
	if isGone(err) {
		return r, false, nil
	}
	if err != nil {
		return r, false, fmt.Errorf("find request: %w", err)
	}
	return r, true, nil
}

// place is one answer of the search for a territory.
type place struct{ Code, Label, Path, Href string }

// picker finds a territory without a script: a form asks, links answer, and the
// chosen one goes into the next form as a hidden field.
type picker struct {
	Title  string
	Action string // the page it stands on
	Query  string
	Chosen place
	Found  []place
	Asked  bool
}

func (s pages) newPicker(r *http.Request, title, action, chosen string) (picker, error) {
	if err := s.Territories.Refresh(r.Context()); err != nil {
		return picker{}, err
	}
	lang := s.site.Printer(r).Lang()
	p := picker{Title: title, Action: action, Query: r.URL.Query().Get("q")}
	if asked := r.FormValue("territory"); asked != "" {
		chosen = asked
	}
	p.Asked = p.Query != ""
	for _, unit := range s.Territories.Search(p.Query, s.Home, 20) {
		p.Found = append(p.Found, place{
			Code: unit.Code, Label: unit.Label(lang), Path: s.Territories.Path(unit.Code, lang),
			Href: action + "?" + url.Values{"territory": {unit.Code}}.Encode(),
		})
	}
	if _, known := s.Territories.Get(chosen); known {
		p.Chosen = place{Code: chosen, Label: s.Territories.Label(chosen, lang), Path: s.Territories.Path(chosen, lang)}
	}
	return p, nil
}

type verifyView struct {
	Picker       picker
	Note         string
	Errors       web.FormErrors
	Organisation bool
	Pending      *requestView
	Territory    string // where the person is verified now, "" before
}

func (s pages) showVerify(w http.ResponseWriter, r *http.Request) {
	s.renderVerify(w, r, http.StatusOK, web.FormErrors{})
}

func (s pages) renderVerify(w http.ResponseWriter, r *http.Request, status int, wrong web.FormErrors) {
	ctx, v := r.Context(), web.ViewerOf(r)
	view := verifyView{Note: r.PostFormValue("note"), Errors: wrong}
	err := func() (err error) {
		if view.Picker, err = s.newPicker(r, s.site.Printer(r).T("people.territory"), "/verify", s.Home); err != nil {
			return err
		}
		a, err := accountBy(ctx, s.DB.Read(), "a.id = ?", v.AccountID)
		if err != nil {
			return err
		}
		view.Organisation = a.Kind == Organisation
		if v.Territory != "" {
			view.Territory = s.Territories.Path(v.Territory, s.site.Printer(r).Lang())
		}
		if wish, found, err := pending(ctx, s.DB.Read(), v.AccountID); err != nil {
			return err
		} else if found {
			shown := s.requestView(r, wish, a)
			view.Pending = &shown
		}
		return nil
	}()
	if err != nil {
		s.site.Error(w, r, err)
		return
	}
	s.site.Render(w, r, status, "people/verify", view)
}

func (s pages) verify(w http.ResponseWriter, r *http.Request) {
	err := s.RequestVerification(r.Context(), web.ViewerOf(r).AccountID, r.PostFormValue("territory"), r.PostFormValue("note"))
	var wrong web.FormErrors
	if wrong.Take(err) {
		s.renderVerify(w, r, http.StatusUnprocessableEntity, wrong)
		return
	}
	if err != nil && !errors.Is(err, store.ErrExists) {
		s.site.Error(w, r, err)
		return
	}
	s.site.Flash(w, "people.verify.sent")
	web.Redirect303(w, r, "/verify")
}

func (s pages) withdraw(w http.ResponseWriter, r *http.Request) {
	if err := s.Withdraw(r.Context(), web.ViewerOf(r).AccountID); err != nil {
		s.site.Error(w, r, err)
		return
	}
	s.site.Flash(w, "people.verify.withdrawn")
	web.Redirect303(w, r, "/verify")
}

// verification is one line of the log that the person can read.
type verification struct {
	account            int64
	provider, document string
	territory          string
	level              int
	moderator, second  string // handles, or "operator"
	reason, outcome    string // verified or refused
}

func logVerification(ctx context.Context, tx *store.Tx, v verification) error {
	_, err := tx.Exec(ctx, `
		insert into verifications (id, account, provider, document, territory, level, moderator, second, reason, outcome, at)
		values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		store.NewID(), v.account, v.provider, v.document, v.territory, v.level, v.moderator, v.second, v.reason, v.outcome, store.Millis(tx.Now))
	if err != nil {
		return fmt.Errorf("log verification: %w", err)
	}
	return nil
}
