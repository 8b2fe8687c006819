package web

import (
	"bytes"
	"errors"
	"fmt"
	"html/template"
	"io/fs"
	"net/http"
	"path"
	"reflect"
	"slices"
	"strings"
	"sync"
	"text/template/parse"
	"time"

	"viche/internal/locale"
)

// A Frame is what a page's template sees: the view as .V, and around it what
// every page knows.
type Frame struct {
	V      any
	Viewer *Viewer // nil for nobody
	Lang   string
	Path   string // of this page, for links that come back

	Invalid   bool // the form on this page has errors
	Flash     string
	Badge     *Badge // nil where nothing is to be told
	Languages []LanguageLink
	Nav, More []NavLink
	Site      SiteInfo
}

// SiteInfo is the same on every page.
type SiteInfo struct {
	Name, Territory, Operator, Source, Base string
	Demo                                    bool
}

// NavLink is a link of the navigation on one page.
type NavLink struct {
	Link
	Current bool
}

// LanguageLink leads to the same page in another language.
type LanguageLink struct{ Lang, Name, Short, Href string }

var languageNames = map[string][2]string{"uk": {"Українською", "Укр"}, "en": {"In English", "Eng"}}

// navShown links stand in the navigation; the rest opens under «Ще».
const navShown = 5

// Render writes a page in the reader's language. It is executed whole before
// the first byte goes out: a template's fault becomes an error page, not half
// a page.
func (s *Site) Render(w http.ResponseWriter, r *http.Request, status int, page string, view any) {
	v := visitOf(r)
	var out bytes.Buffer
	t, err := s.page(v.lang, page)
	if err == nil {
		err = t.ExecuteTemplate(&out, "frame.html", s.frame(w, r, v, status, view))
	}
	if err != nil {
		if page == "web/error" { // nothing left to try
			s.log.ErrorContext(r.Context(), "error page failed", "request", v.id, "error", err)
			http.Error(w, "Щось зламалося в нас, не у вас. "+v.id, http.StatusInternalServerError)
			return
		}
		s.Error(w, r, fmt.Errorf("render %s: %w", page, err))
		return
	}
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Language", v.lang)
	h.Add("Vary", "Accept, Accept-Language, Cookie")
	if h.Get("Cache-Control") == "" {
		h.Set("Cache-Control", "private, no-cache")
		if v.viewer != nil {
			h.Set("Cache-Control", "private, no-store")
		}
	}
	w.WriteHeader(status)
	if r.Method != http.MethodHead {
		_, _ = w.Write(out.Bytes()) // a reader who hangs up needs no answer
	}
}

func (s *Site) frame(w http.ResponseWriter, r *http.Request, v *visit, status int, view any) Frame {
	f := Frame{
		V: view, Viewer: v.viewer, Lang: v.lang, Path: r.URL.Path,
		Invalid: status == http.StatusUnprocessableEntity,
		Flash:   s.takeFlash(w, r),
		Site:    SiteInfo{s.o.InstanceName, s.o.Territory, s.o.Operator, s.o.Source, s.o.Base, s.o.Demo},
	}
	for _, lang := range locale.Languages {
		if lang != v.lang {
			name := languageNames[lang]
			f.Languages = append(f.Languages, LanguageLink{lang, name[0], name[1], inLanguage(r, lang)})
		}
	}
	f.Badge = s.badge(r, v.viewer)
	for i, link := range s.o.Nav {
		n := NavLink{link, r.URL.Path == link.Path || strings.HasPrefix(r.URL.Path, link.Path+"/")}
		if i < navShown {
			f.Nav = append(f.Nav, n)
		} else {
			f.More = append(f.More, n)
		}
	}
	return f
}

// badge asks what waits for somebody. A page without it is better than none, so
// a failure is only logged.
func (s *Site) badge(r *http.Request, v *Viewer) *Badge {
	if v == nil || s.o.Badge == nil {
		return nil
	}
	b, err := s.o.Badge(r.Context(), v)
	if err != nil {
		if r.Context().Err() == nil {
			s.log.WarnContext(r.Context(), "badge left out", "request", RequestID(r), "error", err)
		}
		return nil
	}
	return &b
}

// Part writes one block of a page in the reader's language, for a page of
// another module to show: the two modules need not know each other.
func (s *Site) Part(r *http.Request, page, block string, view any) (template.HTML, error) {
	v := visitOf(r)
	t, err := s.page(v.lang, page)
	if err != nil {
		return "", fmt.Errorf("part %s: %w", block, err)
	}
	var out strings.Builder
	f := Frame{
		V: view, Viewer: v.viewer, Lang: v.lang, Path: r.URL.Path,
		Site: SiteInfo{s.o.InstanceName, s.o.Territory, s.o.Operator, s.o.Source, s.o.Base, s.o.Demo},
	}
	if err := t.ExecuteTemplate(&out, block, f); err != nil {
		return "", fmt.Errorf("part %s of %s: %w", block, page, err)
	}
	return template.HTML(out.String()), nil // written by a template, which has escaped it
}

// A source is where the templates of a page lie, and the page itself once
// somebody asked for it: a copy of the frame for each page in each language is
// more than a city should hold for pages that nobody opens.
type source struct {
	files fs.FS
	names []string // the module's shared parts, then the page
	ready map[string]func() (*template.Template, error)
}

// page is a page in a language.
func (s *Site) page(lang, name string) (*template.Template, error) {
	p := s.pages[name]
	if p == nil {
		return nil, fmt.Errorf("no page %q", name)
	}
	return p.ready[lang]()
}

// parse reads the frame in every language, so that "t" in a template already
// speaks it, and looks over every module's pages.
func (s *Site) parse() error {
	s.pages = map[string]*source{}
	frames := map[string]*template.Template{}
	for _, lang := range locale.Languages {
		frame, err := template.New("frame.html").Funcs(s.functions(s.o.Locale.For(lang))).
			ParseFS(Files, "templates/frame.html", "templates/parts.html")
		if err != nil {
			return fmt.Errorf("parse the frame: %w", err)
		}
		frames[lang] = frame
	}
	for _, part := range frames[locale.Languages[0]].Templates() {
		if err := s.checkMessages(part.Name(), part.Tree); err != nil {
			return fmt.Errorf("parse the frame: %w", err)
		}
	}
	for _, m := range append([]Pages{{"web", Files}}, s.o.Modules...) {
		if err := s.findPages(frames, m); err != nil {
			return fmt.Errorf("parse the pages of %s: %w", m.Name, err)
		}
	}
	return nil
}

func (s *Site) findPages(frames map[string]*template.Template, m Pages) error {
	files, err := fs.Glob(m.Files, "templates/*.html")
	if err != nil {
		return err
	}
	var shared, pages []string
	for _, f := range files {
		switch name := path.Base(f); {
		case m.Name == "web" && (name == "frame.html" || name == "parts.html"):
		case strings.HasPrefix(name, "_"):
			shared = append(shared, f)
			if _, err := s.checkFile(m.Files, f); err != nil {
				return fmt.Errorf("part %s: %w", name, err)
			}
		default:
			pages = append(pages, f)
		}
	}
	for _, f := range pages {
		name := m.Name + "/" + strings.TrimSuffix(path.Base(f), ".html")
		blocks, err := s.checkFile(m.Files, f)
		for _, block := range []string{"title", "main"} {
			if err == nil && blocks[block] == nil {
				err = fmt.Errorf("defines no %q", block)
			}
		}
		if err != nil {
			return fmt.Errorf("page %s: %w", name, err)
		}
		p := &source{files: m.Files, names: append(slices.Clone(shared), f), ready: map[string]func() (*template.Template, error){}}
		for lang, frame := range frames {
			p.ready[lang] = sync.OnceValues(func() (*template.Template, error) {
				copied, err := frame.Clone()
				if err != nil {
					return nil, err
				}
				return copied.ParseFS(p.files, p.names...)
			})
		}
		s.pages[name] = p
	}
	return nil
}

// checkFile finds at boot what would otherwise show to a reader: a template that
// does not parse, a message that nobody wrote. It returns the blocks of the file.
func (s *Site) checkFile(files fs.FS, name string) (map[string]*parse.Tree, error) {
	text, err := fs.ReadFile(files, name)
	if err != nil {
		return nil, err
	}
	// The names of functions are the same in every language.
	blocks, err := parse.Parse(path.Base(name), string(text), "", "", s.functions(s.o.Locale.For(locale.Languages[0])), builtins)
	if err != nil {
		return nil, err
	}
	for block, tree := range blocks {
		err = errors.Join(err, s.checkMessages(block, tree))
	}
	return blocks, err
}

// builtins are the functions that every template may call besides ours.
var builtins = func() map[string]any {
	known := map[string]any{}
	for _, name := range []string{"and", "call", "eq", "ge", "gt", "html", "index", "js", "le", "len", "lt", "ne", "not", "or", "print", "printf", "println", "slice", "urlquery"} {
		known[name] = true
	}
	return known
}()

func (s *Site) checkMessages(name string, tree *parse.Tree) (err error) {
	if tree == nil {
		return nil
	}
	for _, key := range usedKeys(tree.Root) {
		if !s.o.Locale.Has(key) {
			err = errors.Join(err, fmt.Errorf("template %s uses the unknown message %q", name, key))
		}
	}
	return err
}

// usedKeys lists the message keys that a template names outright.
func usedKeys(root parse.Node) (keys []string) {
	walk(root, func(n parse.Node) {
		cmd, ok := n.(*parse.CommandNode)
		if !ok || len(cmd.Args) < 2 {
			return
		}
		name, isName := cmd.Args[0].(*parse.IdentifierNode)
		key, isText := cmd.Args[1].(*parse.StringNode)
		if isName && isText && (name.Ident == "t" || name.Ident == "rich") {
			keys = append(keys, key.Text)
		}
	})
	return keys
}

func walk(n parse.Node, see func(parse.Node)) {
	if n == nil || reflect.ValueOf(n).IsNil() {
		return
	}
	see(n)
	branch := func(b *parse.BranchNode) {
		walk(b.Pipe, see)
		walk(b.List, see)
		walk(b.ElseList, see)
	}
	switch n := n.(type) {
	case *parse.ListNode:
		for _, child := range n.Nodes {
			walk(child, see)
		}
	case *parse.ActionNode:
		walk(n.Pipe, see)
	case *parse.PipeNode:
		for _, cmd := range n.Cmds {
			walk(cmd, see)
		}
	case *parse.CommandNode:
		for _, arg := range n.Args {
			walk(arg, see)
		}
	case *parse.IfNode:
		branch(&n.BranchNode)
	case *parse.RangeNode:
		branch(&n.BranchNode)
	case *parse.WithNode:
		branch(&n.BranchNode)
	case *parse.TemplateNode:
		walk(n.Pipe, see)
	}
}

// functions are what templates may call; parts.html describes them.
func (s *Site) functions(p *locale.Printer) template.FuncMap {
	return template.FuncMap{
		"t":        p.T,
		"rich":     p.Rich,
		"lang":     p.Lang,
		"date":     p.Date,
		"datetime": p.DateTime,
		"time":     p.Time,
		"iso":      func(t time.Time) string { return t.UTC().Format(time.RFC3339) },
		"relative": func(t time.Time) string { return p.Relative(t, s.now()) },
		"decimal":  p.Decimal,
		"number":   func(n any) (string, error) { i, err := whole(n); return p.Number(i), err },
		"percent": func(num, den any) (string, error) {
			a, errA := whole(num)
			b, errB := whole(den)
			return p.Percent(a, b), errors.Join(errA, errB)
		},
		"explain": func(e *FormError) string { return p.T(e.Key, e.Args...) },
		"asset":   s.assets.url,
		"icon":    s.assets.icon,
		"dict":    dict,
		"list":    func(items ...any) []any { return items },
	}
}

func whole(n any) (int, error) {
	switch v := reflect.ValueOf(n); {
	case v.CanInt():
		return int(v.Int()), nil
	case v.CanUint():
		return int(v.Uint()), nil
	}
	return 0, fmt.Errorf("%v is not a whole number", n)
}

// dict hands several named values to a part.
func dict(pairs ...any) (map[string]any, error) {
	if len(pairs)%2 != 0 {
		return nil, errors.New("dict wants pairs")
	}
	d := make(map[string]any, len(pairs)/2)
	for i := 0; i < len(pairs); i += 2 {
		name, ok := pairs[i].(string)
		if !ok {
			return nil, fmt.Errorf("dict: %v is not a name", pairs[i])
		}
		d[name] = pairs[i+1]
	}
	return d, nil
}
