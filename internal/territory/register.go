package territory

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"viche/internal/store"
)

// Register answers questions about territories from memory. Safe for use by
// many goroutines.
type Register struct {
	db      *store.DB
	current atomic.Pointer[edition]
}

// edition is one state of the codifier; it is never changed, only replaced.
type edition struct {
	version  int64
	units    map[string]Unit
	children map[string][]string
	folded   []folded
}

// folded is a name as the search compares it.
type folded struct{ text, code string }

// Open loads the register.
func Open(ctx context.Context, db *store.DB) (*Register, error) {
	r := &Register{db: db}
	r.current.Store(&edition{version: -1})
	if err := r.Refresh(ctx); err != nil {
		return nil, err
	}
	return r, nil
}

// Refresh asks the database for the version and loads the units again if it
// has moved. Cheap when it hasn't. Never call it inside a transaction.
func (r *Register) Refresh(ctx context.Context) error {
	var version int64
	err := r.db.Read().NewRaw("select coalesce(max(id), 0) from territory_imports").Scan(ctx, &version)
	if err != nil {
		return fmt.Errorf("look for a newer codifier: %w", err)
	}
	if version == r.current.Load().version {
		return nil
	}
	units, err := load(ctx, r.db.Read())
	if err != nil {
		return err
	}
	r.current.Store(arrange(version, units))
	return nil
}

// Watch refreshes the register at the interval until ctx ends.
func (r *Register) Watch(ctx context.Context, every time.Duration, log *slog.Logger) {
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			if err := r.Refresh(ctx); err != nil && ctx.Err() == nil {
				log.Warn("territories not refreshed", "error", err)
			}
		}
	}
}

func arrange(version int64, units map[string]Unit) *edition {
	e := &edition{version: version, units: units, children: make(map[string][]string)}
	for code, unit := range units {
		if unit.Parent != "" && !unit.Closed {
			e.children[unit.Parent] = append(e.children[unit.Parent], code)
		}
		if !unit.Closed {
			e.folded = append(e.folded, folded{fold(unit.NameUK), code}, folded{fold(unit.NameEN), code})
		}
	}
	for _, codes := range e.children {
		slices.Sort(codes)
	}
	return e
}

// Get finds a unit, a closed one as well.
func (r *Register) Get(code string) (Unit, bool) {
	unit, found := r.current.Load().units[code]
	return unit, found
}

// Name is the bare name of a unit, or the code where the unit is unknown.
func (r *Register) Name(code, lang string) string {
	if unit, found := r.Get(code); found {
		return unit.Name(lang)
	}
	return code
}

// Label is the name with its kind, or the code where the unit is unknown.
func (r *Register) Label(code, lang string) string {
	if unit, found := r.Get(code); found {
		return unit.Label(lang)
	}
	return code
}

// Path is the label with what the unit lies in, nearest first and without the
// country: enough to tell the seventy villages of one name apart.
func (r *Register) Path(code, lang string) string {
	labels := []string{r.Label(code, lang)}
	for _, unit := range r.Ancestors(code) {
		if unit.Code != Country {
			labels = append(labels, unit.Label(lang))
		}
	}
	return strings.Join(labels, ", ")
}

// Ancestors lists what the unit lies in, the nearest first and the country
// last; nothing for an unknown code.
func (r *Register) Ancestors(code string) []Unit {
	units := r.current.Load().units
	var above []Unit
	for unit := units[code]; unit.Parent != ""; {
		parent, found := units[unit.Parent]
		if !found {
			break
		}
		above = append(above, parent)
		unit = parent
	}
	return above
}

// Within reports whether the unit is the area or lies in it. An unknown code
// lies nowhere; an unknown area holds nothing.
func (r *Register) Within(code, area string) bool {
	units := r.current.Load().units
	unit, found := units[code]
	for found {
		if unit.Code == area {
			return true
		}
		unit, found = units[unit.Parent]
	}
	return false
}

// Children lists the open units directly below, by code.
func (r *Register) Children(code string) []Unit {
	e := r.current.Load()
	var below []Unit
	for _, child := range e.children[code] {
		below = append(below, e.units[child])
	}
	return below
}

// Search finds open units inside the area whose name starts with the query,
// in either language and with any apostrophe; exact names first, larger units
// before smaller ones.
func (r *Register) Search(query, area string, limit int) []Unit {
	query = fold(query)
	if query == "" {
		return nil
	}
	e := r.current.Load()
	if unit, found := e.units[strings.ToUpper(query)]; found && r.Within(unit.Code, area) {
		return []Unit{unit}
	}
	exact := make(map[string]bool)
	for _, name := range e.folded {
		if strings.HasPrefix(name.text, query) && r.Within(name.code, area) {
			exact[name.code] = exact[name.code] || name.text == query
		}
	}
	found := make([]Unit, 0, len(exact))
	for code := range exact {
		found = append(found, e.units[code])
	}
	slices.SortFunc(found, func(a, b Unit) int {
		return cmp.Or(
			cmp.Compare(rank(exact[a.Code]), rank(exact[b.Code])),
			cmp.Compare(settlement[a.Category], settlement[b.Category]),
			cmp.Compare(a.NameUK, b.NameUK),
			cmp.Compare(a.Code, b.Code))
	})
	return found[:min(limit, len(found))]
}

// settlement orders kinds for a search: who types a name mostly means a city.
var settlement = map[string]int{"K": 0, "M": 1, "X": 2, "T": 2, "C": 3, "B": 4, "H": 5, "P": 6, "O": 7, "N": 8}

func rank(exact bool) int {
	if exact {
		return 0
	}
	return 1
}

func fold(s string) string {
	return foldApostrophes(strings.ToLower(strings.Join(strings.Fields(s), " ")))
}

// Show prints a unit with its parents, as `viche territories show` does.
func (r *Register) Show(w io.Writer, code string) error {
	unit, found := r.Get(code)
	if !found {
		return fmt.Errorf("territory %q is not in the register (wanted UA and 17 digits; `viche territories import FILE` loads the codifier): %w", code, store.ErrNotFound)
	}
	for _, u := range append([]Unit{unit}, r.Ancestors(code)...) {
		closed := ""
		if u.Closed {
			closed = "  (closed)"
		}
		if _, err := fmt.Fprintf(w, "%-19s  %s  %s  %s%s\n", u.Code, u.Category, u.Label("uk"), u.NameEN, closed); err != nil {
			return err
		}
	}
	return nil
}
