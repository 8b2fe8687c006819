package media

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"log/slog"
	"net/http"
	"strings"
)

// Remote shows pictures of other servers through ours, so that those servers do
// not learn who reads what. It answers only addresses that it made itself: it is
// no open proxy.
type Remote struct {
	store *Store
	key   []byte
	fetch Fetch
	log   *slog.Logger
}

// Remote makes the proxy: key signs its addresses and must stay the same for
// them to stay good.
func (s *Store) Remote(key []byte, fetch Fetch, log *slog.Logger) *Remote {
	return &Remote{s, key, fetch, log}
}

const remotePath = "/media/remote/"

// Address is the path under which Remote shows the picture of an address, or ""
// for what it never shows. Add "/small" for the small copy.
func (p *Remote) Address(url string) string {
	if !strings.HasPrefix(url, "https://") && !strings.HasPrefix(url, "http://") || len(url) > 2000 {
		return ""
	}
	return remotePath + p.sign(url) + "/" + base64.RawURLEncoding.EncodeToString([]byte(url))
}

func (p *Remote) sign(url string) string {
	mac := hmac.New(sha256.New, p.key)
	mac.Write([]byte("picture\x00" + url))
	return base64.RawURLEncoding.EncodeToString(mac.Sum(nil)[:16])
}

// ServeHTTP answers what Address gave, with or without "/small".
func (p *Remote) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	path, thumb := strings.CutSuffix(strings.TrimPrefix(r.URL.Path, remotePath), "/small")
	signature, coded, _ := strings.Cut(path, "/")
	url, err := base64.RawURLEncoding.DecodeString(coded)
	if err != nil || !hmac.Equal([]byte(signature), []byte(p.sign(string(url)))) {
		refuse(w, http.StatusNotFound)
		return
	}
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		refuse(w, http.StatusMethodNotAllowed)
		return
	}
	pic, err := p.store.Proxy(r.Context(), string(url), p.fetch)
	if err != nil {
		p.log.DebugContext(r.Context(), "a picture of another server cannot be shown", "err", err)
		refuse(w, http.StatusNotFound)
		return
	}
	p.store.serve(w, r, pic.Name, thumb, "public, max-age=86400")
}
