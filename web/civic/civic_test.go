package civic_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/go-chi/chi/v5"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"viche/internal/city"
	"viche/internal/citytest"
	"viche/internal/locale"
	"viche/internal/store"
	"viche/web/civic"
)

// client calls the API of the cities of a network, and holds every answer
// against openapi.json.
type client struct {
	t    *testing.T
	n    *citytest.Network
	http *http.Client
	log  *logBuffer
}

// answer is what came back.
type answer struct {
	status int
	header http.Header
	raw    []byte
	body   map[string]any
}

// each runs f on the named cities on each database. Groups are small: three
// people may be shown, and two answers make a new count.
func each(t *testing.T, f func(t *testing.T, c *client), names ...string) {
	t.Helper()
	for kind, o := range citytest.Kinds() {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			log := &logBuffer{}
			o.Config = func(_ string, c *city.Config) {
				c.K, c.Step = 3, 2
				c.Logger = slog.New(slog.NewTextHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug}))
			}
			n := citytest.Fediverse(t, o, names...)
			f(t, &client{t, n, n.HTTP(), log})
		})
	}
}

// logBuffer is a log that several goroutines write to.
type logBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *logBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *logBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

// get asks the API of a city, with a token or without.
func (c *client) get(name, token, path string) answer {
	c.t.Helper()
	return c.do(name, token, http.MethodGet, path, "")
}

// vote puts a ballot.
func (c *client) vote(name, token, poll, body string) answer {
	c.t.Helper()
	return c.do(name, token, http.MethodPut, "/polls/"+poll+"/ballot", body)
}

func (c *client) do(name, token, method, path, body string, headers ...string) answer {
	c.t.Helper()
	r, err := http.NewRequestWithContext(c.t.Context(), method, "https://"+name+".test"+civic.Prefix+path, strings.NewReader(body))
	if err != nil {
		c.t.Fatal(err)
	}
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	res, err := c.http.Do(r)
	if err != nil {
		c.t.Fatal(err)
	}
	defer res.Body.Close()
	a := answer{status: res.StatusCode, header: res.Header}
	if a.raw, err = io.ReadAll(res.Body); err != nil {
		c.t.Fatal(err)
	}
	if err := json.Unmarshal(a.raw, &a.body); err != nil {
		c.t.Fatalf("%s %s: %d is no JSON object: %v\n%s", method, path, a.status, err, a.raw)
	}
	if got := res.Header.Get("Cache-Control"); got != "no-store" {
		c.t.Errorf("%s %s: Cache-Control = %q, want no-store", method, path, got)
	}
	if !strings.Contains(strings.Join(res.Header.Values("Vary"), ","), "Authorization") || res.Header.Get("ETag") != "" {
		c.t.Errorf("%s %s: Vary = %q, ETag = %q; the answer depends on who asks", method, path, res.Header.Values("Vary"), res.Header.Get("ETag"))
	}
	if err := described().check(method, path, res, a.raw); err != nil {
		c.t.Errorf("%s %s: %d differs from openapi.json: %v\n%s", method, path, a.status, err, a.raw)
	}
	return a
}

// want fails unless the status, and where given the reason and the field, are
// these.
func (a answer) want(t *testing.T, what string, status int, reason, field string) {
	t.Helper()
	gotReason, _ := a.body["reason"].(string)
	gotField, _ := a.body["field"].(string)
	if a.status != status || status >= 300 && (gotReason != reason || gotField != field) {
		t.Errorf("%s = %d reason %q field %q, want %d %q %q\n%s", what, a.status, gotReason, gotField, status, reason, field, a.raw)
	}
}

// description is openapi.json as a checker of answers.
type description struct {
	doc      map[string]any
	compiler *jsonschema.Compiler
	mu       sync.Mutex
}

const specURL = "https://viche.test/openapi.json"

var described = sync.OnceValue(func() *description {
	raw, err := os.ReadFile("openapi.json")
	if err != nil {
		panic(err)
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(raw))
	if err != nil {
		panic(err)
	}
	d := &description{doc: doc.(map[string]any), compiler: jsonschema.NewCompiler()}
	d.compiler.DefaultDraft(jsonschema.Draft2020)
	d.compiler.AssertFormat()
	if err := d.compiler.AddResource(specURL, doc); err != nil {
		panic(err)
	}
	return d
})

// check holds an answer against what the description says of its path, method,
// status and media type.
func (d *description) check(method, path string, res *http.Response, body []byte) error {
	path, _, _ = strings.Cut(path, "?")
	template := d.template(path)
	if template == "" {
		return fmt.Errorf("no such path")
	}
	at := []string{"paths", template, strings.ToLower(method), "responses", fmt.Sprint(res.StatusCode)}
	if res.StatusCode >= 500 {
		at[len(at)-1] = "5XX"
	}
	response, at, err := d.at(at)
	if err != nil {
		return err
	}
	headers, _ := response["headers"].(map[string]any)
	for name := range headers {
		if res.Header.Get(name) == "" {
			return fmt.Errorf("the header %s is missing", name)
		}
	}
	form, _, _ := strings.Cut(res.Header.Get("Content-Type"), ";")
	at = append(at, "content", form, "schema")
	if _, _, err := d.at(at); err != nil {
		return err
	}
	schema, err := d.compile(at)
	if err != nil {
		return err
	}
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(body))
	if err != nil {
		return err
	}
	return schema.Validate(value)
}

func (d *description) compile(at []string) (*jsonschema.Schema, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	var pointer strings.Builder
	for _, name := range at {
		pointer.WriteString("/" + url.PathEscape(strings.NewReplacer("~", "~0", "/", "~1").Replace(name)))
	}
	return d.compiler.Compile(specURL + "#" + pointer.String())
}

// at finds an object of the description, following references, and says where
// it really lies.
func (d *description) at(path []string) (map[string]any, []string, error) {
	here := d.doc
	for i, name := range path {
		next, ok := here[name].(map[string]any)
		if !ok {
			return nil, nil, fmt.Errorf("%s is not described", strings.Join(path[:i+1], " › "))
		}
		here = next
		if ref, ok := here["$ref"].(string); ok {
			return d.at(append(strings.Split(strings.TrimPrefix(ref, "#/"), "/"), path[i+1:]...))
		}
	}
	return here, path, nil
}

// template finds the path of the description that an address belongs to.
func (d *description) template(path string) string {
	parts := strings.Split(path, "/")
	for template := range d.doc["paths"].(map[string]any) {
		if slices.EqualFunc(strings.Split(template, "/"), parts, func(t, p string) bool { return t == p || strings.HasPrefix(t, "{") }) {
			return template
		}
	}
	return ""
}

// operations are the methods and paths of the description.
func (d *description) operations() (out []string) {
	for path, item := range d.doc["paths"].(map[string]any) {
		for method := range item.(map[string]any) {
			if method != "parameters" {
				out = append(out, strings.ToUpper(method)+" "+path)
			}
		}
	}
	slices.Sort(out)
	return out
}

func TestEveryRouteIsDescribedAndEveryDescriptionServed(t *testing.T) {
	t.Parallel()
	r := chi.NewRouter()
	civic.New(civic.Options{}).Routes(r)
	var served []string
	err := chi.Walk(r, func(method, route string, _ http.Handler, _ ...func(http.Handler) http.Handler) error {
		served = append(served, method+" "+strings.TrimPrefix(route, civic.Prefix))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(served)
	if want := described().operations(); !slices.Equal(served, want) {
		t.Errorf("served:\n%s\ndescribed:\n%s", strings.Join(served, "\n"), strings.Join(want, "\n"))
	}
}

// Every $ref leads somewhere, and every schema is one.
func TestDescriptionHoldsTogether(t *testing.T) {
	t.Parallel()
	d := described()
	var walk func(at []string, v any)
	walk = func(at []string, v any) {
		switch v := v.(type) {
		case map[string]any:
			if ref, ok := v["$ref"].(string); ok {
				if _, _, err := d.at(strings.Split(strings.TrimPrefix(ref, "#/"), "/")); err != nil {
					t.Errorf("%s refers to nothing: %v", strings.Join(at, " › "), err)
				}
			}
			if len(at) > 0 && at[len(at)-1] == "schema" {
				if _, err := d.compile(at); err != nil {
					t.Errorf("%s: %v", strings.Join(at, " › "), err)
				}
			}
			for name, inner := range v {
				walk(append(slices.Clone(at), name), inner)
			}
		case []any:
			for i, inner := range v {
				walk(append(slices.Clone(at), fmt.Sprint(i)), inner)
			}
		}
	}
	walk(nil, d.doc)
	for name := range d.doc["components"].(map[string]any)["schemas"].(map[string]any) {
		if _, err := d.compile([]string{"components", "schemas", name}); err != nil {
			t.Errorf("schema %s: %v", name, err)
		}
	}
}

func TestEveryReasonHasItsWords(t *testing.T) {
	t.Parallel()
	words, err := locale.New(civic.Files)
	if err != nil {
		t.Fatal(err)
	}
	reason, _, err := described().at([]string{"components", "schemas", "Reason"})
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range reason["enum"].([]any) {
		if key := "civic.reason." + name.(string); !words.Has(key) {
			t.Errorf("the reason %s has no message %s", name, key)
		}
	}
}

// What breaks on our side is logged, with nothing that says who asked; of a
// ballot not even the code that the reader is told.
func TestOurFaultsAreLoggedWithoutTheReader(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, c *client) {
		olena := c.n.Resident("kamianske", "olena", true)
		p := c.n.OpenPoll("kamianske", "city")
		token := c.n.Bearer(&olena)
		if err := c.n.Town("kamianske").DB.Write(t.Context(), func(ctx context.Context, tx *store.Tx) error {
			_, err := tx.Exec(ctx, "alter table polls rename to lost")
			return err
		}); err != nil {
			t.Fatal(err)
		}
		before := c.log.String()
		answers := []answer{c.get("kamianske", token, "/polls"), c.vote("kamianske", token, p.PollID, `{"choices":["o1"]}`)}
		logged := strings.TrimPrefix(c.log.String(), before)
		for _, a := range answers {
			if a.status != http.StatusInternalServerError || strings.Contains(string(a.raw), "lost") || strings.Contains(string(a.raw), "table") {
				t.Errorf("a broken database = %d %s, want 500 and no SQL", a.status, a.raw)
			}
		}
		var faults []string
		for line := range strings.Lines(logged) {
			if strings.Contains(line, "level=ERROR") {
				faults = append(faults, line)
			}
		}
		if len(faults) != 2 {
			t.Fatalf("%d faults logged, want 2:\n%s", len(faults), logged)
		}
		for _, line := range faults {
			if strings.Contains(line, "olena") || strings.Contains(line, token) || strings.Contains(line, "o1") ||
				strings.Contains(line, p.PollID) && strings.Contains(line, "request=") {
				t.Errorf("the log tells who: %s", line)
			}
		}
	}, "kamianske")
}

func TestDescriptionIsServedToAnybody(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, c *client) {
		res, err := c.http.Get("https://kamianske.test" + civic.Prefix + "/openapi.json")
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		var doc struct{ OpenAPI string }
		if err := json.NewDecoder(res.Body).Decode(&doc); err != nil || res.StatusCode != http.StatusOK || doc.OpenAPI != "3.1.0" {
			t.Errorf("openapi.json = %d, version %q, %v; want 200, 3.1.0", res.StatusCode, doc.OpenAPI, err)
		}
	}, "kamianske")
}
