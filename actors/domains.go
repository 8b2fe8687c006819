package actors

import (
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/uptrace/bun"

	"viche/internal/store"
)

// What may be ruled about a server and everything below its name.
const (
	RuleSuspend = "suspend" // nothing comes in, nothing goes out
	RuleLimit   = "limit"   // its people are shown to those alone who follow them
	RuleMedia   = "media"   // no pictures are taken from there
	RuleAllow   = "allow"   // excepted from a wider rule, and let in where only listed servers are
)

// Domain is a rule about a server and everything below its name.
type Domain struct {
	Host    string `bun:"host"`
	Rule    string `bun:"rule"`
	Reason  string `bun:"reason"`
	Created int64  `bun:"created"`
}

// Block shuts out a server with all its subdomains, for a reason that others
// may read. Who follows whom between there and here is forgotten.
func (b *Book) Block(ctx context.Context, tx *store.Tx, host, reason string) error {
	return b.SetRule(ctx, tx, host, RuleSuspend, reason)
}

// Allow takes a rule back, or excepts a subdomain from a wider one.
func (b *Book) Allow(ctx context.Context, tx *store.Tx, host, reason string) error {
	return b.SetRule(ctx, tx, host, RuleAllow, reason)
}

// SetRule rules about a server. Errors: a FieldError for what is no host, for
// our own, or for an unknown rule.
func (b *Book) SetRule(ctx context.Context, tx *store.Tx, host, rule, reason string) error {
	name, err := b.foreign(host)
	if err != nil {
		return err
	}
	switch rule {
	case RuleSuspend, RuleLimit, RuleMedia, RuleAllow:
	default:
		return store.Invalid("rule", "actors.domain.rule", "rule", rule)
	}
	if _, err = tx.Exec(ctx, `
		insert into domains (host, rule, reason, created) values (?, ?, ?, ?)
		on conflict (host) do update set rule = excluded.rule, reason = excluded.reason, created = excluded.created`,
		name, rule, reason, store.Millis(tx.Now)); err != nil || rule != RuleSuspend {
		return err
	}
	return b.cutHost(ctx, tx, name)
}

// cutHost ends all follows between a host, with what lies below it, and here.
func (b *Book) cutHost(ctx context.Context, tx *store.Tx, host string) error {
	const there = "select id from actors where local = 0 and (host = ? or host like ? or host like ? or host like ?)"
	args := []any{host, host + ":%", "%." + host, "%." + host + ":%"}
	for _, side := range []string{"follower", "followee"} {
		if _, err := tx.Exec(ctx, "delete from follows where "+side+" in ("+there+")", args...); err != nil {
			return fmt.Errorf("follows of %s: %w", host, err)
		}
	}
	return nil
}

// DropRule forgets what was ruled about a server; follows do not come back.
func (b *Book) DropRule(ctx context.Context, tx *store.Tx, host string) error {
	name, err := b.foreign(host)
	if err != nil {
		return err
	}
	n, err := tx.Exec(ctx, "delete from domains where host = ?", name)
	if err == nil && n == 0 {
		err = fmt.Errorf("rule about %s: %w", name, store.ErrNotFound)
	}
	return err
}

// foreign reads a host in any spelling, with or without scheme and port.
func (b *Book) foreign(host string) (string, error) {
	name, err := foldHost(hostname(strings.TrimPrefix(strings.TrimPrefix(strings.TrimSpace(host), "https://"), "http://")))
	if err != nil || strings.Contains(name, "/") {
		return "", store.Invalid("host", "actors.domain.invalid", "host", host)
	}
	if name == hostname(b.host) {
		return "", store.Invalid("host", "actors.domain.own", "host", host)
	}
	return name, nil
}

// Domains lists all rules by name.
func (b *Book) Domains(ctx context.Context, idb bun.IDB) (list []Domain, err error) {
	err = idb.NewRaw("select * from domains order by host").Scan(ctx, &list)
	return list, store.Kind(err)
}

// OnlyListed has the instance meet those servers alone that are ruled allow.
func (b *Book) OnlyListed(only bool) { b.onlyListed = only }

// Rule is what holds for a host, with or without a port and in any spelling:
// the rule of the nearest name above it, "" where there is none. What cannot be
// read as a host is suspended, and so is, where only listed servers are met,
// whatever is not on the list.
func (b *Book) Rule(ctx context.Context, idb bun.IDB, host string) (string, error) {
	name, err := foldHost(hostname(host))
	if err != nil {
		return RuleSuspend, nil
	}
	if name == hostname(b.host) {
		return "", nil
	}
	names := []string{}
	for rest := name; rest != ""; {
		names = append(names, rest)
		_, rest, _ = strings.Cut(rest, ".")
	}
	rule, err := b.nearest(ctx, idb, names)
	if errors.Is(err, store.ErrNotFound) {
		rule, err = "", nil
	}
	if err != nil {
		return "", fmt.Errorf("rule about %s: %w", name, err)
	}
	if b.onlyListed && rule == "" {
		return RuleSuspend, nil
	}
	if rule == RuleAllow {
		rule = ""
	}
	return rule, nil
}

// Blocked tells whether a host is shut out.
func (b *Book) Blocked(ctx context.Context, idb bun.IDB, host string) (bool, error) {
	rule, err := b.Rule(ctx, idb, host)
	return rule == RuleSuspend, err
}

// severities are our rules in the words of Mastodon's lists.
var severities = map[string]string{RuleSuspend: "suspend", RuleLimit: "silence", RuleMedia: "noop"}

// ExportRules writes the rules as a list that Mastodon and others import.
func (b *Book) ExportRules(ctx context.Context, idb bun.IDB, w io.Writer) error {
	list, err := b.Domains(ctx, idb)
	if err != nil {
		return err
	}
	out := csv.NewWriter(w)
	_ = out.Write([]string{"#domain", "#severity", "#reject_media", "#reject_reports", "#public_comment", "#obfuscate"}) // Flush tells
	for _, d := range list {
		if severity, ok := severities[d.Rule]; ok {
			_ = out.Write([]string{d.Host, severity, fmt.Sprint(d.Rule != RuleLimit), fmt.Sprint(d.Rule == RuleSuspend), d.Reason, "False"})
		}
	}
	out.Flush()
	return out.Error()
}

// maxRules is how long an imported list may be.
const maxRules = 50_000

// ImportRules reads such a list, with its heading or as one host a line, and
// rules as it says; a rule that we have and the list has not stays. Lines that
// cannot be read are named in the error, and nothing of the list holds then.
func (b *Book) ImportRules(ctx context.Context, tx *store.Tx, r io.Reader) (taken int, err error) {
	in := csv.NewReader(r)
	in.FieldsPerRecord, in.TrimLeadingSpace = -1, true
	columns := map[string]int{"domain": 0}
	var wrong []error
	for line := 1; ; line++ {
		record, err := in.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return 0, store.Invalid("list", "actors.domain.list", "line", line)
		}
		if line > maxRules {
			return 0, store.Invalid("list", "actors.domain.long", "max", maxRules)
		}
		if strings.HasPrefix(record[0], "#") || record[0] == "domain" {
			columns = map[string]int{}
			for i, name := range record {
				columns[strings.TrimPrefix(strings.TrimSpace(name), "#")] = i
			}
			continue
		}
		get := func(name string) string {
			if i, ok := columns[name]; ok && i < len(record) {
				return strings.TrimSpace(record[i])
			}
			return ""
		}
		rule := RuleSuspend
		switch get("severity") {
		case "silence", "limit":
			rule = RuleLimit
		case "noop":
			if rule = RuleMedia; !strings.EqualFold(get("reject_media"), "true") {
				continue
			}
		}
		if strings.Contains(get("domain"), "*") {
			continue // a name that the list itself hides
		}
		if err := b.SetRule(ctx, tx, get("domain"), rule, get("public_comment")); err != nil {
			wrong = append(wrong, fmt.Errorf("line %d: %q: %w", line, get("domain"), err))
			continue
		}
		taken++
	}
	return taken, errors.Join(wrong...)
}
