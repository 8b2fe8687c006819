package network

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"viche/actors"
	"viche/internal/store"
	"viche/web"
)

// reasonMax is how long the reason for a rule may be; others may ask for it.
const reasonMax = 500

// rule lays down what holds about a server, for a reason.
func (s pages) rule(ctx context.Context, host, rule, reason string, by *web.Viewer) error {
	if reason = strings.TrimSpace(reason); reason == "" {
		return store.Invalid("reason", "network.servers.reason.missing")
	}
	if len([]rune(reason)) > reasonMax {
		return store.Invalid("reason", "network.servers.reason.long", "max", reasonMax)
	}
	return s.DB.Write(ctx, func(ctx context.Context, tx *store.Tx) error {
		if err := s.Book.SetRule(ctx, tx, host, rule, reason); err != nil {
			return err
		}
		return tx.Act(ctx, "@"+by.Handle, "server: "+rule, host, reason)
	})
}

// drop takes a rule back.
func (s pages) drop(ctx context.Context, host string, by *web.Viewer) error {
	return s.DB.Write(ctx, func(ctx context.Context, tx *store.Tx) error {
		if err := s.Book.DropRule(ctx, tx, host); err != nil {
			return err
		}
		return tx.Act(ctx, "@"+by.Handle, "server: rule taken back", host, "")
	})
}

// take lays down all rules of a list, or none.
func (s pages) take(ctx context.Context, list string, by *web.Viewer) (n int, err error) {
	err = s.DB.Write(ctx, func(ctx context.Context, tx *store.Tx) error {
		if n, err = s.Book.ImportRules(ctx, tx, strings.NewReader(list)); err != nil {
			return err
		}
		return tx.Act(ctx, "@"+by.Handle, "server: list taken", fmt.Sprintf("%d rules", n), "")
	})
	return n, err
}

type serversView struct {
	Errors             web.FormErrors
	Rules              []ruleView
	Kinds              []web.Choice
	Host, Reason, List string
}

type ruleView struct {
	Host, Rule, Reason, Kind string
	Since                    time.Time
}

func (s pages) servers(w http.ResponseWriter, r *http.Request) {
	s.renderServers(w, r, http.StatusOK, web.FormErrors{})
}

func (s pages) renderServers(w http.ResponseWriter, r *http.Request, status int, wrong web.FormErrors) {
	words := s.site.Printer(r)
	list, err := s.Book.Domains(r.Context(), s.DB.Read())
	if err != nil {
		s.site.Error(w, r, err)
		return
	}
	view := serversView{Errors: wrong, Reason: r.PostFormValue("reason"), List: r.PostFormValue("list")}
	if r.PostFormValue("do") == "rule" {
		view.Host = r.PostFormValue("host")
	}
	for _, kind := range []string{actors.RuleSuspend, actors.RuleLimit, actors.RuleMedia, actors.RuleAllow} {
		view.Kinds = append(view.Kinds, web.Choice{
			Value: kind, Label: words.T("network.rule." + kind), Hint: words.T("network.rule." + kind + ".hint"),
			Checked: kind == r.PostFormValue("rule") || kind == actors.RuleSuspend && r.PostFormValue("rule") == "",
		})
	}
	for _, d := range list {
		kind := map[string]string{actors.RuleSuspend: "danger", actors.RuleAllow: "open"}[d.Rule]
		if kind == "" {
			kind = "warning"
		}
		view.Rules = append(view.Rules, ruleView{Host: d.Host, Rule: words.T("network.rule." + d.Rule), Reason: d.Reason, Kind: kind, Since: store.Time(d.Created)})
	}
	s.site.Render(w, r, status, "network/servers", view)
}

// export is the list as Mastodon and others import it.
func (s pages) export(w http.ResponseWriter, r *http.Request) {
	var list strings.Builder
	if err := s.Book.ExportRules(r.Context(), s.DB.Read(), &list); err != nil {
		s.site.Error(w, r, err)
		return
	}
	w.Header().Set("Content-Type", "text/csv; charset=utf-8")
	w.Header().Set("Content-Disposition", `attachment; filename="domain_blocks.csv"`)
	_, _ = w.Write([]byte(list.String())) // the browser notices a lost end
}

func (s pages) decideServer(w http.ResponseWriter, r *http.Request) {
	var err error
	v, host := web.ViewerOf(r), strings.TrimSpace(r.PostFormValue("host"))
	done, args := "", []any{"Host", host}
	switch r.PostFormValue("do") {
	case "rule":
		done, err = "network.servers.ruled", s.rule(r.Context(), host, r.PostFormValue("rule"), r.PostFormValue("reason"), v)
	case "drop":
		done, err = "network.servers.dropped", s.drop(r.Context(), host, v)
	case "import":
		var n int
		n, err = s.take(r.Context(), r.PostFormValue("list"), v)
		done, args = "network.servers.imported", []any{"Count", n}
	default:
		err = fmt.Errorf("no such decision: %w", store.ErrNotFound)
	}
	if err == nil {
		s.site.Flash(w, done, args...)
		web.Redirect303(w, r, "/desk/federation/servers")
		return
	}
	wrong, known := explain(err, r.PostFormValue("do") == "import")
	if !known {
		s.site.Error(w, r, err)
		return
	}
	s.renderServers(w, r, http.StatusUnprocessableEntity, wrong)
}

// explain says what was typed wrongly, in the words of this module.
func explain(err error, list bool) (wrong web.FormErrors, known bool) {
	var field *store.FieldError
	if !errors.As(err, &field) {
		return wrong, false
	}
	if several, ok := err.(interface{ Unwrap() []error }); ok && list {
		var lines []string
		for _, one := range several.Unwrap() {
			line := one.Error()
			if end := strings.LastIndex(line, `": `); end > 0 {
				line = line[:end+1]
			}
			if lines = append(lines, line); len(lines) == 5 {
				break
			}
		}
		wrong.Add("list", "network.servers.list.wrong", "Lines", strings.Join(lines, "; "))
		return wrong, true
	}
	key := field.Key
	if rest, ok := strings.CutPrefix(key, "actors.domain."); ok {
		key = "network.servers.wrong." + rest
	}
	wrong.Add(field.Field, key, field.Args...)
	return wrong, true
}
