package actors

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/uptrace/bun"

	"viche/internal/store"
)

// Domain is a rule about a server and everything below its name.
type Domain struct {
	Host    string `bun:"host"`
	Rule    string `bun:"rule"` // "suspend", "limit", "media" or "allow"
	Reason  string `bun:"reason"`
	Created int64  `bun:"created"`
}

// Block shuts out a server with all its subdomains, for a reason that others
// may read.
func (b *Book) Block(ctx context.Context, tx *store.Tx, host, reason string) error {
	return b.rule(ctx, tx, host, "suspend", reason)
}

// Allow takes a block back, or excepts a subdomain from a wider one.
func (b *Book) Allow(ctx context.Context, tx *store.Tx, host, reason string) error {
	return b.rule(ctx, tx, host, "allow", reason)
}

func (b *Book) rule(ctx context.Context, tx *store.Tx, host, rule, reason string) error {
	name, err := foldHost(hostname(strings.TrimPrefix(strings.TrimPrefix(strings.TrimSpace(host), "https://"), "http://")))
	if err != nil || strings.Contains(name, "/") {
		return store.Invalid("host", "actors.domain.invalid", "host", host)
	}
	if name == hostname(b.host) {
		return store.Invalid("host", "actors.domain.own", "host", host)
	}
	_, err = tx.Exec(ctx, `
		insert into domains (host, rule, reason, created) values (?, ?, ?, ?)
		on conflict (host) do update set rule = excluded.rule, reason = excluded.reason, created = excluded.created`,
		name, rule, reason, store.Millis(tx.Now))
	return err
}

// Domains lists all rules by name.
func (b *Book) Domains(ctx context.Context, idb bun.IDB) (list []Domain, err error) {
	err = idb.NewRaw("select * from domains order by host").Scan(ctx, &list)
	return list, store.Kind(err)
}

// Blocked tells whether a host, with or without a port and in any spelling, is
// shut out. What cannot be read as a host is.
func (b *Book) Blocked(ctx context.Context, idb bun.IDB, host string) (bool, error) {
	name, err := foldHost(hostname(host))
	if err != nil {
		return true, nil
	}
	names := []string{}
	for rest := name; rest != ""; {
		names = append(names, rest)
		_, rest, _ = strings.Cut(rest, ".")
	}
	var rule string
	err = store.Kind(idb.NewRaw("select rule from domains where host in (?) order by length(host) desc limit 1", bun.List(names)).Scan(ctx, &rule))
	if errors.Is(err, store.ErrNotFound) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("domain rule of %s: %w", name, err)
	}
	return rule == "suspend", nil
}
