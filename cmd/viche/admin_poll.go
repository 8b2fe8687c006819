package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"viche/internal/city"
	"viche/modules/polls"
)

type adminPoll struct {
	Open  pollOpen  `cmd:"" help:"Open a poll from a JSON file; prints JSON with id, url and object."`
	Close pollClose `cmd:"" help:"Close a poll now, nationally too."`
}

type pollOpen struct {
	File string `required:"" placeholder:"FILE.json" help:"title, body, options, multiple, sphere, scope, territory, results, closesAt; - reads standard input."`
}

// largestDraft is far above what the longest poll takes.
const largestDraft = 1 << 20

func (p pollOpen) Run(ctx context.Context, w *world, all *commands) error {
	draft, err := p.read(w)
	if err != nil {
		return fmt.Errorf("poll in %s: %w", p.File, err)
	}
	draft.By = operator
	return all.Admin.on(ctx, w, func(c *city.City) error {
		poll, err := c.Polls.OpenPoll(ctx, draft)
		if err != nil {
			return err
		}
		return w.json(map[string]string{"id": poll.PollID, "url": c.Polls.URL(poll), "object": poll.URI})
	})
}

func (p pollOpen) read(w *world) (polls.Draft, error) {
	in := w.in
	if p.File != "-" {
		f, err := os.Open(p.File)
		if err != nil {
			return polls.Draft{}, err
		}
		defer f.Close()
		in = f
	}
	raw, err := io.ReadAll(io.LimitReader(in, largestDraft+1))
	if err != nil {
		return polls.Draft{}, err
	}
	if len(raw) > largestDraft {
		return polls.Draft{}, fmt.Errorf("it is larger than %d MB", largestDraft>>20)
	}
	return parseDraft(raw)
}

// draftFields is a draft as it stands in the file.
type draftFields struct {
	Title     string   `json:"title"`
	Body      string   `json:"body"`
	Options   []string `json:"options"`
	Multiple  bool     `json:"multiple"`
	Sphere    string   `json:"sphere"`
	Scope     string   `json:"scope"`
	Territory string   `json:"territory"`
	Results   string   `json:"results"`
	ClosesAt  string   `json:"closesAt"`
}

const draftHelp = "title, body, options, multiple, sphere, scope, territory, results, closesAt"

// parseDraft is strict: a field that nobody knows would otherwise be left out
// in silence, and the poll would open without what its author meant.
func parseDraft(raw []byte) (polls.Draft, error) {
	var f draftFields
	d := json.NewDecoder(bytes.NewReader(raw))
	d.DisallowUnknownFields()
	if err := d.Decode(&f); err != nil {
		return polls.Draft{}, draftFault(err, raw)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return polls.Draft{}, errors.New("something follows after the JSON object")
	}
	draft := polls.Draft{
		Title: f.Title, Body: f.Body, Options: f.Options, Multiple: f.Multiple, Sphere: f.Sphere,
		Scope: f.Scope, Territory: f.Territory, Results: f.Results,
	}
	if f.ClosesAt != "" {
		at, err := time.Parse(time.RFC3339, f.ClosesAt)
		if err != nil {
			return polls.Draft{}, fmt.Errorf("closesAt: %q is no time; accepted: RFC 3339, such as 2026-05-31T18:00:00+03:00", f.ClosesAt)
		}
		draft.ClosesAt = at
	}
	return draft, nil
}

// draftFault puts the decoder's errors into words that name the field.
func draftFault(err error, raw []byte) error {
	var kind *json.UnmarshalTypeError
	var syntax *json.SyntaxError
	switch {
	case errors.As(err, &kind) && kind.Field == "":
		return fmt.Errorf("it holds a JSON %s; accepted: an object with %s", kind.Value, draftHelp)
	case errors.As(err, &kind):
		return fmt.Errorf("%s: a %s stands there; accepted: %s", kind.Field, kind.Value, jsonType(kind.Field))
	case errors.As(err, &syntax):
		return fmt.Errorf("it is not JSON (line %d): %w", 1+bytes.Count(raw[:min(int(syntax.Offset), len(raw))], []byte("\n")), err)
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return errors.New("it is not JSON: it ends too early")
	}
	if name, found := strings.CutPrefix(err.Error(), "json: unknown field "); found {
		return fmt.Errorf("%s: there is no such field; accepted: %s", strings.Trim(name, `"`), draftHelp)
	}
	return err
}

func jsonType(field string) string {
	switch field {
	case "options":
		return "a list of strings"
	case "multiple":
		return "true or false"
	}
	return "a string"
}

type pollClose struct {
	ID     string `arg:"" help:"The poll's id, or the address of its page."`
	Reason string `default:"closed by the operator" help:"Logged in public; a national close is signed with it."`
}

func (p pollClose) Run(ctx context.Context, w *world, all *commands) error {
	return all.Admin.on(ctx, w, func(c *city.City) error {
		id := p.ID[strings.LastIndex(p.ID, "/")+1:]
		if err := c.Polls.Close(ctx, id, p.Reason, operator); err != nil {
			return err
		}
		poll, err := c.Polls.Load(ctx, c.DB.Read(), id)
		if err != nil {
			return err
		}
		at := poll.ClosedAt.UTC().Format(time.RFC3339)
		return all.Admin.tell(w, map[string]string{"id": poll.PollID, "closedAt": at}, "Closed at %s: %s", at, c.Polls.URL(poll))
	})
}
