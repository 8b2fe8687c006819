package moderation

import (
	"context"
	"errors"
	"strings"

	"viche/internal/locale"
	"viche/internal/markup"
	"viche/internal/notify"
	"viche/internal/store"
)

// letterView is a letter as the preview shows it.
type letterView struct{ Subject, Text string }

// Lines are those of the text that say something.
func (l letterView) Lines() []string { return paragraphs(l.Text) }

// tellOf writes to those concerned: the holder of the account, where something
// was done about it, and whoever reported. Those of other servers are not
// written to: what we decide is ours.
func (m *Moderation) tellOf(ctx context.Context, tx *store.Tx, p plan) error {
	if p.holder != nil && !p.Dismiss {
		if err := m.write(ctx, tx, *p.holder, m.authorLetter(p)); err != nil {
			return err
		}
	}
	by, err := m.Book.ByID(ctx, tx, p.report.ByActor)
	if errors.Is(err, store.ErrNotFound) || err == nil && !by.Local {
		return nil
	}
	if err != nil {
		return err
	}
	a, err := m.AccountOf(ctx, tx, by.ID)
	if errors.Is(err, store.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	return m.write(ctx, tx, a, m.reporterLetter(a.Lang, p))
}

func (m *Moderation) tellOfLift(ctx context.Context, tx *store.Tx, e entry, reason string) error {
	if e.Host != "" {
		return nil
	}
	a, err := m.AccountOf(ctx, tx, e.About)
	if errors.Is(err, store.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	return m.write(ctx, tx, a, m.liftLetter(a.Lang, e, reason))
}

func (m *Moderation) write(ctx context.Context, tx *store.Tx, to Account, l *letterView) error {
	return m.Mail.Send(ctx, tx, notify.Mail{To: to.Email, Subject: l.Subject, Text: l.Text})
}

// authorLetter tells the holder of an account what was decided about it.
func (m *Moderation) authorLetter(p plan) *letterView {
	words := m.Words.For(p.holder.Lang)
	reported, err := p.report.evidence()
	if err != nil {
		reported = nil // the letter does without the posts' words
	}
	var done []string
	for _, one := range p.measures {
		text := words.T("moderation.mail.did."+one.Act, "Warning", p.Warning)
		for _, e := range reported {
			if e.ID == one.Post {
				text += "\n  " + words.T("moderation.mail.quote", "Text", markup.Text(e.Content, 160))
			}
		}
		done = append(done, "– "+text)
	}
	return m.letter(words, "moderation.mail.author",
		"Done", strings.Join(done, "\n"), "Rule", ruleName(words, p.Rule), "Reason", p.Reason, "Link", m.Base+"/charter")
}

// reporterLetter tells a resident what became of a report, without saying whom
// it was about: the letter may be read by others.
func (m *Moderation) reporterLetter(lang string, p plan) *letterView {
	words, key := m.Words.For(lang), "moderation.mail.reporter"
	if p.Dismiss {
		key = "moderation.mail.dismissed"
	}
	return m.letter(words, key, "When", words.Date(store.Time(p.report.Created)), "Reason", p.Reason, "Link", m.Base+"/moderation")
}

func (m *Moderation) liftLetter(lang string, e entry, reason string) *letterView {
	words := m.Words.For(lang)
	return m.letter(words, "moderation.mail.lift",
		"Done", words.T("moderation.then.un"+e.Act), "When", words.Date(store.Time(e.At)), "Reason", reason, "Link", m.Base+"/moderation")
}

func (m *Moderation) letter(words *locale.Printer, key string, args ...any) *letterView {
	args = append(args, "Instance", m.Name)
	return &letterView{words.T(key+".subject", args...), words.T(key+".text", args...) + "\n\n-- \n" + words.T("moderation.mail.foot", args...) + "\n"}
}
