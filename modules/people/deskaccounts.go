package people

import (
	"context"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/go-chi/chi/v5"

	"viche/internal/notify"
	"viche/internal/store"
	"viche/web"
)

// Approve lets an account in that waits for a moderator.
func (p *People) Approve(ctx context.Context, account int64, moderator string) error {
	err := p.DB.Write(ctx, func(ctx context.Context, tx *store.Tx) error {
		n, err := tx.Exec(ctx, `update accounts set approved_at = ? where id = ? and approved_at is null and deleted_at is null`,
			store.Millis(tx.Now), account)
		if err != nil || n == 0 {
			return err
		}
		if err := tx.Act(ctx, "@"+moderator, "account let in", strconv.FormatInt(account, 10), ""); err != nil {
			return err
		}
		return p.tell(ctx, tx, account, "people.mail.approved", "Link", p.Base+"/sign-in")
	})
	if err != nil {
		return fmt.Errorf("approve account: %w", err)
	}
	return nil
}

// Reject turns away an account that waits; its address may sign up again, its
// handle stays used.
func (p *People) Reject(ctx context.Context, account int64, moderator string) error {
	err := p.DB.Write(ctx, func(ctx context.Context, tx *store.Tx) error {
		var actor int64
		err := tx.Row(ctx, []any{&actor}, `
			update accounts set deleted_at = ?, email = '', email_norm = ?, password_hash = ''
			where id = ? and approved_at is null and deleted_at is null
			returning actor`, store.Millis(tx.Now), "rejected:"+strconv.FormatInt(account, 10), account)
		if isGone(err) {
			return nil
		}
		if err != nil {
			return err
		}
		if err := p.Book.Forget(ctx, tx, actor); err != nil {
			return err
		}
		return tx.Act(ctx, "@"+moderator, "account turned away", strconv.FormatInt(account, 10), "")
	})
	if err != nil {
		return fmt.Errorf("reject account: %w", err)
	}
	return nil
}

// waiting is an account that a moderator has to let in.
type waiting struct {
	ID           string
	Handle, Name string
	Organisation bool
	Created      time.Time
}

func (s pages) showAccounts(w http.ResponseWriter, r *http.Request) {
	var accounts []Account
	err := s.DB.Read().NewRaw(accountColumns+"a.approved_at is null order by a.created limit 200").Scan(r.Context(), &accounts)
	if err != nil {
		s.site.Error(w, r, fmt.Errorf("list accounts: %w", err))
		return
	}
	var view struct{ Accounts []waiting }
	for _, a := range accounts {
		view.Accounts = append(view.Accounts, waiting{strconv.FormatInt(a.ID, 10), a.Handle, a.Name, a.Kind == Organisation, store.Time(a.Created)})
	}
	s.site.Render(w, r, http.StatusOK, "people/accounts", view)
}

func (s pages) approve(w http.ResponseWriter, r *http.Request) {
	account, err := strconv.ParseInt(chi.URLParam(r, "id"), 10, 64)
	if err != nil {
		s.site.Error(w, r, store.ErrNotFound)
		return
	}
	moderator := web.ViewerOf(r).Handle
	if r.PostFormValue("do") == "reject" {
		err = s.Reject(r.Context(), account, moderator)
	} else {
		err = s.Approve(r.Context(), account, moderator)
	}
	if err != nil {
		s.site.Error(w, r, err)
		return
	}
	web.Redirect303(w, r, "/desk/accounts")
}

// mail shows the operator what went out, and, where no mail server is set, the
// letters themselves with their links.
func (s pages) mail(w http.ResponseWriter, r *http.Request) {
	letters, err := s.Post.Letters(r.Context(), 100)
	if err != nil {
		s.site.Error(w, r, err)
		return
	}
	view := mailView{Sends: s.Post.Sends()}
	for _, l := range letters {
		shown := letter{Letter: l}
		if !view.Sends {
			shown.Lines = linked(l.Text)
		}
		view.Letters = append(view.Letters, shown)
	}
	s.site.Render(w, r, http.StatusOK, "people/mail", view)
}

type mailView struct {
	Sends   bool
	Letters []letter
}

type letter struct {
	notify.Letter
	Lines []line
}

// line of a letter; Href where the whole line is an address of ours.
type line struct{ Text, Href string }

// linked splits a letter into lines, so that a link can be followed.
func linked(text string) []line {
	var lines []line
	for part := range strings.Lines(text) {
		l := line{Text: strings.TrimRight(part, "\n")}
		if strings.HasPrefix(l.Text, "http://") || strings.HasPrefix(l.Text, "https://") {
			l.Href = l.Text
		}
		lines = append(lines, l)
	}
	return lines
}
