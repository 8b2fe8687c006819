package actors_test

import (
	"context"
	"strings"
	"testing"

	"viche/actors"
	"viche/internal/store"
	"viche/internal/store/storetest"
)

func TestRulesAboutServersAreReadInAnySpelling(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		b := actors.New(db, nil, "https://lviv.test")
		write := func(f func(ctx context.Context, tx *store.Tx) error) error { return db.Write(t.Context(), f) }
		for host, rule := range map[string]string{"bad.test": actors.RuleSuspend, "good.bad.test": actors.RuleAllow, "loud.test": actors.RuleLimit, "pics.test": actors.RuleMedia} {
			if err := write(func(ctx context.Context, tx *store.Tx) error { return b.SetRule(ctx, tx, host, rule, "зразок") }); err != nil {
				t.Fatal(err)
			}
		}
		for host, want := range map[string]string{
			"bad.test": actors.RuleSuspend, "BAD.test.": actors.RuleSuspend, "bad.test:8443": actors.RuleSuspend, "deep.below.bad.test": actors.RuleSuspend,
			"good.bad.test": "", "notbad.test": "", "loud.test": actors.RuleLimit, "x.pics.test": actors.RuleMedia, "lviv.test": "", "": actors.RuleSuspend, "a b": actors.RuleSuspend,
		} {
			if got, err := b.Rule(t.Context(), db.Read(), host); err != nil || got != want {
				t.Errorf("Rule(%q) = %q, %v; want %q", host, got, err, want)
			}
		}
		b.OnlyListed(true)
		for host, want := range map[string]bool{"good.bad.test": false, "nobody.test": true, "lviv.test": false, "loud.test": false} {
			if got, err := b.Blocked(t.Context(), db.Read(), host); err != nil || got != want {
				t.Errorf("with a list of those let in, Blocked(%q) = %v, %v; want %v", host, got, err, want)
			}
		}
	})
}

func TestListsOfRulesGoRound(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		b := actors.New(db, nil, "https://lviv.test")
		read := func(list string) (n int, err error) {
			err = db.Write(t.Context(), func(ctx context.Context, tx *store.Tx) error {
				n, err = b.ImportRules(ctx, tx, strings.NewReader(list))
				return err
			})
			return n, err
		}
		const list = "#domain,#severity,#reject_media,#reject_reports,#public_comment,#obfuscate\n" +
			"bad.test,suspend,True,True,\"спам, обман\",False\nloud.test,silence,False,False,,False\npics.test,noop,True,False,,False\nfine.test,noop,False,False,,False\nhid***.test,suspend,True,True,,True\n"
		if n, err := read(list); err != nil || n != 3 {
			t.Fatalf("import: %d rules, %v; want 3", n, err)
		}
		var out strings.Builder
		if err := b.ExportRules(t.Context(), db.Read(), &out); err != nil {
			t.Fatal(err)
		}
		for _, line := range []string{"bad.test,suspend,true,true,\"спам, обман\",False", "loud.test,silence,false", "pics.test,noop,true"} {
			if !strings.Contains(out.String(), line) {
				t.Errorf("the list lacks %q:\n%s", line, out.String())
			}
		}
		if n, err := read(out.String()); err != nil || n != 3 {
			t.Errorf("what was written reads as %d rules, %v; want 3", n, err)
		}
		// One line that cannot be read, and none of the list holds.
		if _, err := read("new.test,suspend\nlviv.test,suspend\n"); err == nil {
			t.Error("a rule about ourselves was taken")
		}
		if rule, _ := b.Rule(t.Context(), db.Read(), "new.test"); rule != "" {
			t.Error("half of a refused list holds")
		}
		if n, err := read("one.test\ntwo.test\n"); err != nil || n != 2 {
			t.Errorf("a list of bare hosts: %d, %v; want 2", n, err)
		}
	})
}
