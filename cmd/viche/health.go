package main

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"
)

// healthCommand asks the running server, from a container that has no other
// program to do it.
type healthCommand struct {
	instance
}

func (h healthCommand) Run(ctx context.Context, w *world) error {
	cfg, err := h.config(w)
	if err != nil {
		return err
	}
	address, port, err := net.SplitHostPort(cfg.Listen)
	if err != nil {
		return err
	}
	if ip := net.ParseIP(address); address == "" || ip != nil && ip.IsUnspecified() {
		address = "127.0.0.1"
	}
	scheme := "http"
	if cfg.TLS != "off" {
		scheme = "https"
	}
	ctx, cancel := context.WithTimeout(ctx, 4*time.Second)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, scheme+"://"+net.JoinHostPort(address, port)+"/readyz", nil)
	if err != nil {
		return err
	}
	r.Host = cfg.Host
	name := cfg.Host
	if host, _, err := net.SplitHostPort(name); err == nil {
		name = host
	}
	client := &http.Client{Transport: &http.Transport{
		// It speaks to this machine and only asks whether it is well.
		TLSClientConfig: &tls.Config{ServerName: name, InsecureSkipVerify: true},
	}}
	resp, err := client.Do(r)
	if err != nil {
		return fmt.Errorf("the server doesn't answer: %w", err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, 4096))
	if err != nil {
		return fmt.Errorf("the server doesn't answer: %w", err)
	}
	text := strings.TrimSpace(string(body))
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("the server isn't ready (%d): %s", resp.StatusCode, text)
	}
	return w.say("%s", text)
}
