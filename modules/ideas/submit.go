package ideas

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"viche/internal/markup"
	"viche/internal/store"
	"viche/web"
)

// What an idea may hold at most, in letters, and how many one may have waiting.
const (
	MaxTitle    = 150
	MaxProblem  = 3_000
	MaxSolution = 5_000
	MaxCost     = 100
	MaxPlace    = 200
	MaxOrigin   = 500
	MaxPictures = 4
	MaxAlt      = 500
	maxWaiting  = 3 // ideas of one author that wait for a check or gather
)

// Draft is an idea as it was filled in.
type Draft struct {
	Title, Problem, Solution string
	Cost, Place              string // may be empty
	Sphere, Territory        string
	Origin                   string // address of the idea that it takes up
	Pictures                 []Picture
}

// tidy makes what was typed safe to stand among our own words, and comparable.
func (f *Draft) tidy() {
	for _, line := range []*string{&f.Title, &f.Cost, &f.Place} {
		*line = norm.NFC.String(markup.Name(strings.TrimSpace(*line)))
	}
	f.Problem, f.Solution = prose(f.Problem), prose(f.Solution)
	f.Origin = strings.TrimSpace(f.Origin)
}

// prose tidies a text of several paragraphs, each one a line.
func prose(text string) string {
	var out []string
	for line := range strings.Lines(strings.ReplaceAll(text, "\r", "\n")) {
		words := strings.Fields(line)
		for i, word := range words {
			words[i] = norm.NFC.String(plainWord(word))
		}
		if line = strings.TrimSpace(strings.Join(words, " ")); line != "" {
			out = append(out, line)
		}
	}
	return strings.Join(out, "\n")
}

// plainWord takes out of a word what nobody sees or what turns the text about,
// piece by piece, as names are cut where they are too long.
func plainWord(word string) string {
	const piece = 1000
	letters := []rune(word)
	if len(letters) <= piece {
		return markup.Name(word)
	}
	var out strings.Builder
	for part := range slices.Chunk(letters, piece) {
		out.WriteString(markup.Name(string(part)))
	}
	return out.String()
}

// check names everything that is wrong with a draft, field by field.
func (d *Ideas) check(f *Draft) error {
	var errs []error
	bad := func(field, key string, args ...any) { errs = append(errs, store.Invalid(field, key, args...)) }
	for _, t := range []struct {
		field, text string
		most        int
		must        bool
	}{
		{"title", f.Title, MaxTitle, true}, {"problem", f.Problem, MaxProblem, true}, {"solution", f.Solution, MaxSolution, true},
		{"cost", f.Cost, MaxCost, false}, {"place", f.Place, MaxPlace, false},
	} {
		switch n := utf8.RuneCountInString(t.text); {
		case n == 0 && t.must:
			bad(t.field, "ideas.draft."+t.field+".missing")
		case n > t.most:
			bad(t.field, "ideas.draft.long", "Max", t.most)
		}
	}
	if !slices.Contains(d.Spheres, f.Sphere) {
		bad("sphere", "ideas.draft.sphere")
	}
	if f.Territory == "" {
		f.Territory = d.Territory
	}
	if _, known := d.Territories.Get(f.Territory); !known || !d.Territories.Within(f.Territory, d.Territory) {
		bad("territory", "ideas.draft.territory")
	}
	if f.Origin != "" && !address(f.Origin) {
		bad("origin", "ideas.draft.origin")
	}
	if len(f.Pictures) > MaxPictures {
		bad("files", "ideas.draft.pictures", "Max", MaxPictures)
	}
	for _, p := range f.Pictures {
		if utf8.RuneCountInString(p.Alt) > MaxAlt {
			bad("files", "ideas.draft.alt", "Max", MaxAlt)
		}
	}
	return errors.Join(errs...)
}

// address says whether something typed is an address that a link may lead to.
func address(s string) bool {
	u, err := url.Parse(s)
	return err == nil && len(s) <= MaxOrigin && (u.Scheme == "https" || u.Scheme == "http") && u.Host != "" && u.User == nil
}

// Submit proposes an idea, which a moderator checks before it gathers
// supporters. The same again of the same author is the idea that there is.
// Errors: *Denied; *store.FieldError, joined, where the draft is at fault.
func (d *Ideas) Submit(ctx context.Context, v *web.Viewer, f Draft) (*Idea, error) {
	if err := d.maySubmit(ctx, v); err != nil {
		return nil, err
	}
	f.tidy()
	if err := d.check(&f); err != nil {
		return nil, err
	}
	one := &Idea{
		ID: store.NewID(), Author: v.AccountID, State: Submitted, Title: f.Title, Problem: f.Problem, Solution: f.Solution,
		Cost: f.Cost, Place: f.Place, Sphere: f.Sphere, Territory: f.Territory, Origin: f.Origin,
	}
	err := d.DB.Write(ctx, func(ctx context.Context, tx *store.Tx) error {
		// Two forms sent at once must not get past the limit together.
		if err := tx.Alone(ctx, v.AccountID); err != nil {
			return err
		}
		var waiting []Idea
		if err := tx.NewSelect().Model(&waiting).Where("author = ? and state in ('new', 'gathering')", v.AccountID).Scan(ctx); err != nil {
			return store.Kind(err)
		}
		if i := slices.IndexFunc(waiting, func(w Idea) bool { return w.Title == f.Title && w.Solution == f.Solution }); i >= 0 {
			one = &waiting[i]
			return nil
		}
		if len(waiting) >= maxWaiting {
			return store.Invalid("title", "ideas.draft.waiting", "Max", maxWaiting)
		}
		one.Created, one.Changed = store.Millis(tx.Now), store.Millis(tx.Now)
		// The two flags begin as the database has them: it knows no booleans.
		if _, err := tx.NewInsert().Model(one).ExcludeColumn("counted", "hidden").Exec(ctx); err != nil {
			return store.Kind(err)
		}
		if err := attach(ctx, tx, one, f.Pictures); err != nil {
			return err
		}
		return step(ctx, tx, one.ID, Submitted, tx.Now, v.Handle, "author", "")
	})
	if err != nil {
		return nil, fmt.Errorf("submit idea: %w", err)
	}
	return one, nil
}

// Withdraw takes an idea back before anybody could support it: afterwards it is
// theirs too.
func (d *Ideas) Withdraw(ctx context.Context, v *web.Viewer, id int64) error {
	if v == nil {
		return &Denied{SignIn}
	}
	err := d.DB.Write(ctx, func(ctx context.Context, tx *store.Tx) error {
		if err := tx.Alone(ctx, id); err != nil {
			return err
		}
		one, err := d.Load(ctx, tx, id)
		if err != nil {
			return err
		}
		if one.Author != v.AccountID {
			return store.ErrDenied
		}
		if one.State != Submitted {
			return ErrOver
		}
		if _, err := tx.Exec(ctx, "update ideas set state = 'withdrawn', changed = ? where id = ?", store.Millis(tx.Now), id); err != nil {
			return err
		}
		return step(ctx, tx, id, Withdrawn, tx.Now, v.Handle, "author", "")
	})
	if err != nil {
		return fmt.Errorf("withdraw idea %d: %w", id, err)
	}
	return nil
}
