package main

import (
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"golang.org/x/crypto/acme"
	"golang.org/x/crypto/acme/autocert"

	"viche/internal/city"
)

// listen opens the address of the settings, with TLS where they say so.
func listen(cfg city.Config, client *http.Client) (net.Listener, error) {
	var config *tls.Config
	switch cfg.TLS {
	case "off":
		return plainListener(cfg.Listen)
	case "acme":
		config = automatic(cfg, client)
	default:
		certificate, key, _ := strings.Cut(cfg.TLS, ",")
		files := &certificateFiles{certificate: strings.TrimSpace(certificate), key: strings.TrimSpace(key)}
		if _, err := files.get(nil); err != nil {
			return nil, fmt.Errorf("VICHE_TLS: %w", err)
		}
		config = &tls.Config{MinVersion: tls.VersionTLS12, NextProtos: []string{"h2", "http/1.1"}, GetCertificate: files.get}
	}
	plain, err := plainListener(cfg.Listen)
	if err != nil {
		return nil, err
	}
	return tls.NewListener(plain, config), nil
}

// automatic gets certificates for the one host from Let's Encrypt, proving it
// on the same port, and keeps them beside the keys.
func automatic(cfg city.Config, client *http.Client) *tls.Config {
	host := cfg.Host
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	m := &autocert.Manager{
		Prompt:     autocert.AcceptTOS,
		HostPolicy: autocert.HostWhitelist(host),
		Cache:      autocert.DirCache(filepath.Join(cfg.Data, "acme")),
		Client:     &acme.Client{HTTPClient: client, UserAgent: "Viche"},
	}
	config := m.TLSConfig()
	config.MinVersion = tls.VersionTLS12
	return config
}

// certificateFiles reads a certificate again when its file has changed, so
// that a renewal needs no restart.
type certificateFiles struct {
	certificate, key string

	mu    sync.Mutex
	read  time.Time // modification time of what was read
	asked time.Time
	pair  *tls.Certificate
}

func (f *certificateFiles) get(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.pair != nil && time.Since(f.asked) < time.Minute {
		return f.pair, nil
	}
	f.asked = time.Now()
	info, err := os.Stat(f.certificate)
	if err == nil && f.pair != nil && info.ModTime().Equal(f.read) {
		return f.pair, nil
	}
	var pair tls.Certificate
	if err == nil {
		pair, err = tls.LoadX509KeyPair(f.certificate, f.key)
	}
	switch {
	case err == nil:
		f.pair, f.read = &pair, info.ModTime()
	case f.pair == nil:
		return nil, err
	}
	// Half-written files: the old certificate serves until the next look.
	return f.pair, nil
}
