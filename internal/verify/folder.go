package verify

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"
)

// readFolder gathers the objects of the one poll whose result a folder holds.
func readFolder(fsys fs.FS) (*bundle, error) {
	entries, err := fs.ReadDir(fsys, ".")
	if err != nil {
		return nil, fmt.Errorf("read folder: %w", err)
	}
	all := &folder{own: map[string]answer{}}
	for _, entry := range entries {
		if entry.IsDir() || path.Ext(entry.Name()) != ".json" {
			continue
		}
		raw, err := readFile(fsys, entry)
		if err != nil {
			return nil, err
		}
		all.file(entry.Name(), raw)
	}
	return all.bundle()
}

func readFile(fsys fs.FS, entry fs.DirEntry) ([]byte, error) {
	info, err := entry.Info()
	if err != nil {
		return nil, fmt.Errorf("read folder: %w", err)
	}
	if info.Size() > maxListBytes {
		return nil, fmt.Errorf("read folder: %s is larger than %d MB", entry.Name(), maxListBytes>>20)
	}
	raw, err := fs.ReadFile(fsys, entry.Name())
	if err != nil {
		return nil, fmt.Errorf("read folder: %w", err)
	}
	return raw, nil
}

// folder holds what the files say, before it is known which poll is meant.
type folder struct {
	objects []*object
	own     map[string]answer
	broken  []error
	skipped []string
}

func (f *folder) file(name string, raw []byte) {
	var members map[string]json.RawMessage
	if !json.Valid(raw) {
		f.broken = append(f.broken, fmt.Errorf("%s: %w", name, fault("json", "the file is not JSON")))
		return
	}
	if json.Unmarshal(raw, &members) == nil && members["items"] != nil && members["type"] == nil {
		f.items(name, raw, members["from"])
		return
	}
	o, err := read(raw)
	if err != nil {
		// It may be anybody's file, or one of ours that was tampered with.
		if kind := kindOf(members); Checks(kind) {
			f.broken = append(f.broken, fmt.Errorf("%s: %w", name, err))
			return
		}
		f.skipped = append(f.skipped, name)
		return
	}
	if !Checks(o.kind) {
		f.skipped = append(f.skipped, name)
		return
	}
	f.objects = append(f.objects, o)
}

func kindOf(members map[string]json.RawMessage) string {
	var kind string
	if json.Unmarshal(members["type"], &kind) != nil {
		return ""
	}
	return kind
}

// items takes a list of statements: the coordinator's, or what a city itself
// showed.
func (f *folder) items(name string, raw []byte, from json.RawMessage) {
	items, err := rawItems(raw, "items")
	if err != nil {
		f.broken = append(f.broken, fmt.Errorf("%s: %w", name, err))
		return
	}
	var city string
	if from != nil && json.Unmarshal(from, &city) == nil && origin(city) != "" {
		f.own[origin(city)] = answer{items: items}
		return
	}
	for _, item := range items {
		o, err := read(item)
		if err != nil {
			f.broken = append(f.broken, fmt.Errorf("%s: %w", name, err))
			continue
		}
		f.objects = append(f.objects, o)
	}
}

// bundle picks what belongs to the one poll that has a result.
func (f *folder) bundle() (*bundle, error) {
	if len(f.broken) > 0 {
		return nil, f.broken[0]
	}
	var polls []string
	for _, o := range f.objects {
		if id := o.text("poll"); o.kind == "PollResult" && !slices.Contains(polls, id) {
			polls = append(polls, id)
		}
	}
	if len(polls) != 1 {
		return nil, fault("no-result", "the folder holds results of %d polls, it must be one: %s",
			len(polls), strings.Join(polls, ", "))
	}
	b := &bundle{own: f.own}
	for _, o := range f.objects {
		// A statement of a poll that lies here too is that poll's business; one
		// of a poll that nobody knows stays, to be refused.
		if o.kind == "TrustList" || o.id == polls[0] || o.text("poll") == polls[0] || (o.kind == "Tally" && !f.has(o.text("poll"))) {
			b.put(o)
		}
	}
	if len(f.skipped) > 0 {
		b.notes = append(b.notes, "Left alone, as they hold nothing to check: "+strings.Join(f.skipped, ", ")+".")
	}
	if len(f.own) == 0 {
		b.notes = append(b.notes, "Nothing in the folder says that a city itself was asked for its statement.")
	}
	return b, nil
}

// has tells whether a poll's object lies in the folder.
func (f *folder) has(poll string) bool {
	return slices.ContainsFunc(f.objects, func(o *object) bool {
		return o.id == poll && (o.kind == "Question" || o.kind == "Article")
	})
}
