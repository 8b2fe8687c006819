package territory

import (
	"bytes"
	"cmp"
	"context"
	_ "embed" // for the units that the binary carries
	"fmt"
	"io"
	"slices"

	"github.com/uptrace/bun"

	"viche/internal/store"
)

// seedFile holds facts taken from the codifier's edition of 16.05.2025; see NOTICE.
//
//go:embed seed.csv
var seedFile []byte

// Report tells what an import did. A second import of the same file reports
// zeros beside Units.
type Report struct {
	Units   int `json:"units"`   // in the file
	Added   int `json:"added"`   // codes that were unknown
	Renamed int `json:"renamed"` // units with a new version of their name
	Changed int `json:"changed"` // units with another category or parent, or opened again
	Closed  int `json:"closed"`  // units that the file no longer lists
}

// Seed loads what the binary carries into an empty register; a register that
// holds anything is left alone, however old.
func Seed(ctx context.Context, db *store.DB) error {
	entries, err := readCodifier(bytes.NewReader(seedFile))
	if err != nil {
		return fmt.Errorf("read the carried territories: %w", err)
	}
	return db.Write(ctx, func(ctx context.Context, tx *store.Tx) error {
		known, err := tx.NewSelect().Table("territories").Count(ctx)
		if err != nil || known > 0 {
			return err
		}
		_, err = renew(ctx, tx, entries, "carried by the program")
		return err
	})
}

// Import loads or renews the codifier from a CSV file, packed by gzip or not:
// either code,parent,category,name_uk,name_en or the ministry's published
// table saved as CSV. It is checked to its last line before anything is
// written, and is written in one transaction: all of it or nothing. The name
// says in the log where it came from.
func Import(ctx context.Context, db *store.DB, file io.Reader, name string) (Report, error) {
	entries, err := readCodifier(file)
	if err != nil {
		return Report{}, fmt.Errorf("import territories from %s: %w", name, err)
	}
	var report Report
	err = db.Write(ctx, func(ctx context.Context, tx *store.Tx) error {
		report, err = renew(ctx, tx, entries, name)
		return err
	})
	if err != nil {
		return Report{}, fmt.Errorf("import territories from %s: %w", name, err)
	}
	return report, nil
}

type unitRow struct {
	bun.BaseModel `bun:"table:territories"`

	Code     string  `bun:"code,pk"`
	Parent   *string `bun:"parent"`
	Category string  `bun:"category"`
	ClosedAt *int64  `bun:"closed_at"`
}

type nameRow struct {
	bun.BaseModel `bun:"table:territory_names"`

	Code      string `bun:"code,pk"`
	ValidFrom int64  `bun:"valid_from,pk"`
	NameUK    string `bun:"name_uk"`
	NameEN    string `bun:"name_en"`
}

// plan is the difference between the file and the database.
type plan struct {
	added, changed []unitRow
	names          []nameRow
	closed         []string
	report         Report
}

// batch keeps one statement well below what a database takes.
const batch = 1000

// renew writes the difference in batches, larger units first, since a unit
// refers to its parent.
func renew(ctx context.Context, tx *store.Tx, entries []entry, source string) (Report, error) {
	known, err := load(ctx, tx)
	if err != nil {
		return Report{}, err
	}
	p, err := compare(known, entries, store.Millis(tx.Now))
	if err != nil {
		return Report{}, err
	}
	if p.report == (Report{Units: p.report.Units}) {
		return p.report, nil
	}
	for rows := range slices.Chunk(p.added, batch) {
		if _, err := tx.NewInsert().Model(&rows).Exec(ctx); err != nil {
			return Report{}, fmt.Errorf("add units: %w", err)
		}
	}
	for _, row := range p.changed {
		_, err := tx.NewUpdate().Model(&row).WherePK().Exec(ctx)
		if err != nil {
			return Report{}, fmt.Errorf("change unit %s: %w", row.Code, err)
		}
	}
	for rows := range slices.Chunk(p.names, batch) {
		_, err := tx.NewInsert().Model(&rows).
			On("conflict (code, valid_from) do update").
			Set("name_uk = excluded.name_uk").Set("name_en = excluded.name_en").
			Exec(ctx)
		if err != nil {
			return Report{}, fmt.Errorf("add names: %w", err)
		}
	}
	for codes := range slices.Chunk(p.closed, batch) {
		_, err := tx.NewRaw("update territories set closed_at = ? where code in (?)",
			store.Millis(tx.Now), bun.List(codes)).Exec(ctx)
		if err != nil {
			return Report{}, fmt.Errorf("close units: %w", err)
		}
	}
	_, err = tx.NewRaw(`insert into territory_imports
		(id, at, source, units, added, renamed, changed, closed)
		values (?, ?, ?, ?, ?, ?, ?, ?)`,
		store.NewID(), store.Millis(tx.Now), source,
		p.report.Units, p.report.Added, p.report.Renamed, p.report.Changed, p.report.Closed).Exec(ctx)
	if err != nil {
		return Report{}, fmt.Errorf("note the import: %w", err)
	}
	return p.report, nil
}

// compare is pure. It refuses a file that would close a good part of what is
// known: that is a cut-off download, not a reform.
func compare(known map[string]Unit, entries []entry, now int64) (plan, error) {
	var p plan
	p.report.Units = len(entries)
	if _, found := known[Country]; !found {
		entries = append([]entry{{code: Country, category: "N", nameUK: "Україна", nameEN: "Ukraine"}}, entries...)
	}
	slices.SortStableFunc(entries, func(a, b entry) int {
		return cmp.Compare(levels[a.category], levels[b.category])
	})
	listed := map[string]bool{Country: true}
	for _, e := range entries {
		listed[e.code] = true
		old, found := known[e.code]
		row := unitRow{Code: e.code, Category: e.category}
		if e.parent != "" {
			row.Parent = &e.parent
		}
		switch {
		case !found:
			p.added = append(p.added, row)
		case old.Parent != e.parent || old.Category != e.category || old.Closed:
			p.changed = append(p.changed, row)
		}
		if !found || old.NameUK != e.nameUK || old.NameEN != e.nameEN {
			p.names = append(p.names, nameRow{Code: e.code, ValidFrom: now, NameUK: e.nameUK, NameEN: e.nameEN})
		}
	}
	open := 0
	for code, unit := range known {
		if unit.Closed {
			continue
		}
		open++
		if !listed[code] {
			p.closed = append(p.closed, code)
		}
	}
	slices.Sort(p.closed)
	if len(p.closed) > 5 && len(p.closed)*10 > open {
		return plan{}, fmt.Errorf("the file would close %d of %d units, so it isn't whole: %w", len(p.closed), open, store.ErrInvalid)
	}
	p.report.Added, p.report.Changed, p.report.Closed = len(p.added), len(p.changed), len(p.closed)
	p.report.Renamed = len(p.names) - len(p.added)
	return p, nil
}

// load reads every unit with its newest name.
func load(ctx context.Context, idb bun.IDB) (map[string]Unit, error) {
	var rows []struct {
		Code, Category string
		Parent         string
		NameUK         string `bun:"name_uk"`
		NameEN         string `bun:"name_en"`
		Closed         int
	}
	err := idb.NewRaw(`select t.code, t.category, coalesce(t.parent, '') as parent,
			n.name_uk, n.name_en,
			case when t.closed_at is null then 0 else 1 end as closed
		from territories t
		join territory_names n on n.code = t.code
		where n.valid_from = (select max(m.valid_from) from territory_names m where m.code = t.code)`).
		Scan(ctx, &rows)
	if err != nil {
		return nil, fmt.Errorf("load territories: %w", err)
	}
	units := make(map[string]Unit, len(rows))
	for _, row := range rows {
		units[row.Code] = Unit{
			Code: row.Code, Parent: row.Parent, Category: row.Category,
			NameUK: row.NameUK, NameEN: row.NameEN, Closed: row.Closed == 1,
		}
	}
	return units, nil
}
