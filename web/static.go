package web

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"html/template"
	"io/fs"
	"mime"
	"net/http"
	"path"
	"regexp"
	"slices"
	"strings"
)

const (
	staticPrefix = "/static/"
	iconFile     = "vendor/lucide-static-1.62.0/icons.svg"
)

// assets are the static files, under addresses that change with their content:
// a browser may keep them for ever.
type assets struct {
	byURL map[string]*asset // address → file
	urls  map[string]string // name below static/ → address
	icons map[string]bool
}

type asset struct {
	kind, etag string
	plain, gz  []byte // gz is nil where packing gains nothing
}

// served are the kinds of files that go out; licences and lists of checksums
// lie in the same folders and stay here.
var served = map[string]string{
	".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".svg": "image/svg+xml",
	".woff2": "font/woff2", ".png": "image/png", ".ico": "image/x-icon", ".webmanifest": "application/manifest+json",
}

func loadAssets(files fs.FS) (*assets, error) {
	a := &assets{byURL: map[string]*asset{}, urls: map[string]string{}, icons: map[string]bool{}}
	var styles []string
	err := fs.WalkDir(files, "static", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || served[path.Ext(name)] == "" {
			return err
		}
		name = strings.TrimPrefix(name, "static/")
		if path.Ext(name) == ".css" { // after what they refer to
			styles = append(styles, name)
			return nil
		}
		return a.add(files, name)
	})
	if err != nil {
		return nil, fmt.Errorf("load static files: %w", err)
	}
	for _, name := range styles {
		if err := a.add(files, name); err != nil {
			return nil, fmt.Errorf("load static files: %w", err)
		}
	}
	return a, nil
}

var (
	reference = regexp.MustCompile(`url\("([^"):]+)"\)`)
	symbol    = regexp.MustCompile(`<symbol id="([a-z0-9-]+)"`)
)

func (a *assets) add(files fs.FS, name string) error {
	body, err := fs.ReadFile(files, "static/"+name)
	if err != nil {
		return err
	}
	ext := path.Ext(name)
	if ext == ".css" {
		if body, err = a.resolve(name, body); err != nil {
			return err
		}
	}
	if name == iconFile {
		for _, found := range symbol.FindAllSubmatch(body, -1) {
			a.icons[string(found[1])] = true
		}
	}
	sum := sha256.Sum256(body)
	mark := hex.EncodeToString(sum[:])[:12]
	url := staticPrefix + strings.TrimSuffix(name, ext) + "." + mark + ext
	a.urls[name] = url
	a.byURL[url] = &asset{kind: served[ext], etag: `"` + mark + `"`, plain: body, gz: packed(body)}
	return nil
}

// resolve puts the lasting addresses into a stylesheet.
func (a *assets) resolve(name string, body []byte) ([]byte, error) {
	var missing error
	body = reference.ReplaceAllFunc(body, func(found []byte) []byte {
		target := path.Join(path.Dir(name), string(reference.FindSubmatch(found)[1]))
		url, ok := a.urls[target]
		if !ok {
			missing = fmt.Errorf("%s refers to %s, which is not there", name, target)
		}
		return fmt.Appendf(nil, "url(%q)", url)
	})
	return body, missing
}

func packed(body []byte) []byte {
	var out bytes.Buffer
	z, err := gzip.NewWriterLevel(&out, gzip.BestCompression)
	if err != nil {
		return nil
	}
	if _, err := z.Write(body); err != nil || z.Close() != nil || out.Len() > len(body)*9/10 {
		return nil
	}
	return out.Bytes()
}

// url is the address of a file below static/; a page that names a file which
// does not exist is not shown.
func (a *assets) url(name string) (string, error) {
	url, ok := a.urls[name]
	if !ok {
		return "", fmt.Errorf("no static file %q", name)
	}
	return url, nil
}

// icon draws one icon of the sprite. It says nothing to a screen reader: words
// stand beside it.
func (a *assets) icon(name string) (template.HTML, error) {
	if !a.icons[name] {
		return "", fmt.Errorf("no icon %q", name)
	}
	return template.HTML(`<svg class="icon" aria-hidden="true" focusable="false"><use href="` + a.urls[iconFile] + `#` + name + `"/></svg>`), nil
}

func (s *Site) static(w http.ResponseWriter, r *http.Request) {
	f, ok := s.assets.byURL[r.URL.Path]
	if !ok {
		http.NotFound(w, r)
		return
	}
	h := w.Header()
	h.Set("Cache-Control", "public, max-age=31536000, immutable")
	h.Set("ETag", f.etag)
	h.Set("Content-Type", f.kind)
	h.Add("Vary", "Accept-Encoding")
	if slices.Contains(strings.Split(r.Header.Get("If-None-Match"), ", "), f.etag) {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	body := f.plain
	if f.gz != nil && takesGzip(r) {
		h.Set("Content-Encoding", "gzip")
		body = f.gz
	}
	h.Set("Content-Length", fmt.Sprint(len(body)))
	if r.Method != http.MethodHead {
		_, _ = w.Write(body) // a reader who hangs up needs no answer
	}
}

func takesGzip(r *http.Request) bool {
	for _, part := range strings.Split(r.Header.Get("Accept-Encoding"), ",") {
		name, params, err := mime.ParseMediaType(part)
		if err == nil && name == "gzip" {
			return params["q"] != "0"
		}
	}
	return false
}
