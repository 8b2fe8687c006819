// Package search finds things by words: whatever a module shows to everybody,
// in whatever form its words stand there. Modules put items in and take them
// out, within the change that makes them visible or not; nobody asks modules
// when somebody searches.
//
// The words' endings are taken off here (Stems) and not by the databases:
// neither knows Ukrainian, and so both find the same. What they are given are
// terms: a letter that tells the kind, then a stem, the code of a territory, the
// name of a module. Filters are terms too, so that a rare sphere and a common
// word cost what the rare one does. An item's number rises with its time: the
// newest are the first that a database comes by, and a page goes on from the
// last one's number. Words of a title are terms twice, so that items with all
// words in the title can be had first, and the rest after them.
//
// Measured on 100,000 items (BenchmarkFind): FTS5 without content or positions
// and a tsvector under GIN both answer within 15 ms, common words and rare ones,
// first page and far ones. PostgreSQL looks among the newest first (store.recent):
// left to the index alone, a word of every other item took a tenth of a second.
// One plain table of (term, item) would have the same SQL on both, for seventy
// rows an item, and be slowest just where two common words seldom meet.
package search

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"viche/internal/store"
)

// An Item is one thing that can be found, by (Module, Ref). No number that
// depends on votes belongs into it.
type Item struct {
	Module string // "polls"
	Ref    string // its id there
	Path   string // of its page here
	Title  string
	Text   string // plain, not HTML
	Sphere string
	// Territory is the code of the unit that it is about, and Within the units
	// that contain it; the item is found under each.
	Territory string
	Within    []string
	State     string
	At        time.Time // newer ones are found first
	Lang      string
	// Visible is false for what not everybody may see (any more): Put then takes
	// the item out.
	Visible bool
}

// Limits.
const (
	MaxQuery  = 300 // characters of a query
	maxWords  = 12  // of a query; the rest is left out
	keptText  = 4_000
	keptTitle = 300
	mostPage  = 50

	longestName = 80 // bytes, of a module, a sphere, a territory
)

// door is held by whoever changes an item because its source changed, and shut
// by whoever reads sources to fill the index: so nothing is put back that was
// taken out meanwhile.
const door = 7203020

// The first letter of a term tells what it is.
const (
	inText, inTitle                      = "w", "t"
	byModule, bySphere, byPlace, byState = "m", "s", "p", "z"
)

// Put has an item found as it is now, or not at all if it is not visible. Call
// it with the change that it tells of, after that.
func Put(ctx context.Context, tx *store.Tx, it Item) error {
	if err := tx.Share(ctx, door); err != nil {
		return err
	}
	return put(ctx, tx, it)
}

// Remove has an item not found any more.
func Remove(ctx context.Context, tx *store.Tx, module, ref string) error {
	return Put(ctx, tx, Item{Module: module, Ref: ref})
}

func put(ctx context.Context, tx *store.Tx, it Item) error {
	if it.Module == "" || it.Ref == "" {
		return errors.New("search: an item without a module or a number of its own")
	}
	var old int64
	err := tx.Row(ctx, []any{&old}, "select id from search_items where module = ? and ref = ?", it.Module, it.Ref)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return fmt.Errorf("put %s %s: %w", it.Module, it.Ref, err)
	}
	known := err == nil
	id := number(it)
	if known && it.Visible && old>>lowBits == id>>lowBits {
		id = old
	} else {
		if known {
			if err := drop(ctx, tx, old); err != nil {
				return fmt.Errorf("put %s %s: %w", it.Module, it.Ref, err)
			}
		}
		if !it.Visible {
			return nil
		}
		if id, err = free(ctx, tx, id); err != nil {
			return fmt.Errorf("put %s %s: %w", it.Module, it.Ref, err)
		}
	}
	_, err = tx.Exec(ctx, `
		insert into search_items (id, module, ref, path, title, text, sphere, territory, state, at, lang) values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
		on conflict (module, ref) do update set path = excluded.path, title = excluded.title, text = excluded.text, sphere = excluded.sphere,
			territory = excluded.territory, state = excluded.state, at = excluded.at, lang = excluded.lang`,
		id, it.Module, it.Ref, it.Path, shortened(it.Title, keptTitle), shortened(it.Text, keptText), it.Sphere, it.Territory, it.State, store.Millis(it.At), it.Lang)
	if err == nil {
		err = tx.SetTerms(ctx, id, termsOf(it))
	}
	if err != nil {
		return fmt.Errorf("put %s %s: %w", it.Module, it.Ref, err)
	}
	return nil
}

func drop(ctx context.Context, tx *store.Tx, id int64) error {
	if _, err := tx.Exec(ctx, "delete from search_items where id = ?", id); err != nil {
		return err
	}
	return tx.DropTerms(ctx, id)
}

const lowBits = 20

// number is an item's place in time, and below that something of its own.
func number(it Item) int64 {
	h := fnv.New32a()
	_, _ = h.Write([]byte(it.Module + " " + it.Ref)) // a hash never fails
	return store.Millis(it.At)<<lowBits | int64(h.Sum32()&(1<<lowBits-1))
}

// free is the first number from id on that no item has.
func free(ctx context.Context, tx *store.Tx, id int64) (int64, error) {
	for {
		var one int
		err := tx.Row(ctx, []any{&one}, "select 1 from search_items where id = ?", id)
		if errors.Is(err, store.ErrNotFound) {
			return id, nil
		}
		if err != nil {
			return 0, err
		}
		id++
	}
}

// termsOf are the terms of an item, each once.
func termsOf(it Item) []string {
	seen := map[string]bool{}
	var terms []string
	add := func(term string) {
		if !seen[term] {
			seen[term] = true
			terms = append(terms, term)
		}
	}
	facet := func(kind, value string) {
		if value = plain(value); value != "" {
			add(kind + value)
		}
	}
	facet(byModule, it.Module)
	facet(bySphere, it.Sphere)
	facet(byState, it.State)
	for _, code := range append([]string{it.Territory}, it.Within...) {
		facet(byPlace, code)
	}
	words := 0
	take := func(text string, kinds ...string) {
		eachWord(text, func(w string, _, _ int) bool {
			words++
			for _, stem := range stems(w) {
				for _, kind := range kinds {
					add(kind + stem)
				}
			}
			return words < 10*mostWords && len(terms) < mostWords
		})
	}
	take(it.Title, inText, inTitle)
	take(it.Text, inText)
	return terms
}

// plain keeps of a name the small letters and digits, of which terms are made.
func plain(name string) string {
	if len(name) > longestName {
		return "0" // nothing has such a name
	}
	return strings.Map(func(r rune) rune {
		if letter(r) {
			return r
		}
		return -1
	}, strings.ToLower(name))
}

func shortened(text string, most int) string {
	if len(text) > 4*most {
		text = text[:4*most]
	}
	text = strings.ToValidUTF8(strings.ReplaceAll(text, "\x00", ""), "")
	if utf8.RuneCountInString(text) <= most {
		return text
	}
	return string([]rune(text)[:most])
}

// A Query is what somebody looks for. All words of Text must be there; empty
// filters filter nothing.
type Query struct {
	Text      string
	Module    string
	Sphere    string
	Territory string
	State     string
	After     string // Page.Next of the page before
	Limit     int    // 20 if zero
}

// A Page is some of what was found: first what has all words in its title, then
// the rest, each the newest first.
type Page struct {
	Items []Found
	Next  string // for Query.After; empty on the last page
}

// A Found item. Its Text is the part in which the words stand.
type Found struct {
	Item
	Heading, Snippet []Piece
}

// Words says whether a text has a word to look for: one made of signs and of
// "and", "the", "in" has none.
func Words(text string) bool { return len(wanted(text)) > 0 }

// wanted are the stems of each word that is looked for.
func wanted(text string) (groups [][]string) {
	if len(text) > 4*MaxQuery { // before anything looks at all of it
		text = text[:4*MaxQuery]
	}
	if utf8.RuneCountInString(text) > MaxQuery {
		text = string([]rune(text)[:MaxQuery])
	}
	seen := map[string]bool{}
	eachWord(text, func(w string, _, _ int) bool {
		if s := stems(w); s != nil && !seen[w] {
			seen[w] = true
			groups = append(groups, s)
		}
		return len(groups) < maxWords
	})
	return groups
}

func marked(kind string, groups [][]string) [][]string {
	out := make([][]string, len(groups))
	for i, g := range groups {
		for _, stem := range g {
			out[i] = append(out[i], kind+stem)
		}
	}
	return out
}

// Find gives a page of what a query finds; a query without a word finds nothing.
func Find(ctx context.Context, q store.Bound, query Query) (Page, error) {
	if query.Limit <= 0 || query.Limit > mostPage {
		query.Limit = 20
	}
	words := wanted(query.Text)
	if len(words) == 0 {
		return Page{}, nil
	}
	var filters [][]string
	for _, f := range []struct{ kind, value string }{{byModule, query.Module}, {bySphere, query.Sphere}, {byPlace, query.Territory}, {byState, query.State}} {
		if value := plain(f.value); value != "" {
			filters = append(filters, []string{f.kind + value})
		}
	}
	inTitles := marked(inTitle, words)
	stage, before := placeOf(query.After)
	var ids []int64
	var stages []string
	for ; stage != "" && len(ids) <= query.Limit; stage, before = after(stage), 0 {
		m := store.Match{All: append(slices.Clone(inTitles), filters...), Before: before, Limit: query.Limit + 1 - len(ids)}
		if stage == inText {
			m.All, m.But = append(marked(inText, words), filters...), inTitles
		}
		some, err := q.MatchTerms(ctx, m)
		if err != nil {
			return Page{}, fmt.Errorf("find: %w", err)
		}
		ids = append(ids, some...)
		for range some {
			stages = append(stages, stage)
		}
	}
	var page Page
	if len(ids) > query.Limit {
		ids = ids[:query.Limit]
		page.Next = stages[query.Limit-1] + strconv.FormatInt(ids[query.Limit-1], 36)
	}
	items, err := load(ctx, q, ids)
	if err != nil {
		return Page{}, fmt.Errorf("find: %w", err)
	}
	for _, it := range items {
		page.Items = append(page.Items, Found{it, pieces(it.Title, words), snippet(it.Text, words)})
	}
	return page, nil
}

// Modules leaves of some modules those that have anything to be found.
func Modules(ctx context.Context, q store.Bound, of []string) (have []string, err error) {
	for _, module := range of {
		var one int
		err := q.Row(ctx, []any{&one}, "select 1 from search_items where module = ? limit 1", module)
		if errors.Is(err, store.ErrNotFound) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("what can be found: %w", err)
		}
		have = append(have, module)
	}
	return have, nil
}

// after is the stage that comes when one has no more.
func after(stage string) string {
	if stage == inTitle {
		return inText
	}
	return ""
}

// placeOf reads Query.After; what was not written here begins anew.
func placeOf(text string) (stage string, before int64) {
	if text != "" && (text[:1] == inTitle || text[:1] == inText) {
		if n, err := strconv.ParseInt(text[1:], 36, 64); err == nil && n != 0 {
			return text[:1], n
		}
	}
	return inTitle, 0
}

// load reads items in the order of ids. One that went meanwhile is left out.
func load(ctx context.Context, q store.Bound, ids []int64) ([]Item, error) {
	if len(ids) == 0 {
		return nil, nil
	}
	args := make([]any, len(ids))
	for i, id := range ids {
		args[i] = id
	}
	rows, err := q.Query(ctx, `
		select id, module, ref, path, title, text, sphere, territory, state, at, lang
		from search_items where id in (?`+strings.Repeat(", ?", len(ids)-1)+")", args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	byID := map[int64]Item{}
	for rows.Next() {
		it, id, at := Item{Visible: true}, int64(0), int64(0)
		if err := rows.Scan(&id, &it.Module, &it.Ref, &it.Path, &it.Title, &it.Text, &it.Sphere, &it.Territory, &it.State, &at, &it.Lang); err != nil {
			return nil, store.Kind(err)
		}
		it.At = store.Time(at)
		byID[id] = it
	}
	if err := rows.Err(); err != nil {
		return nil, store.Kind(err)
	}
	var items []Item
	for _, id := range ids {
		if it, ok := byID[id]; ok {
			items = append(items, it)
		}
	}
	return items, nil
}
