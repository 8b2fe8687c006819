// Package notify tells people things outside the site. It hides how a letter
// gets to its reader: it is stored with the change that causes it, and sent by
// a job after the commit. Where no mail server is set, letters wait on the
// operator's page, so every link in them can still be followed.
package notify

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"net/url"
	"strconv"
	"time"

	"github.com/riverqueue/river"
	"github.com/wneessen/go-mail"

	"viche/internal/store"
)

// Mail is one letter, plain text, already in its reader's language.
type Mail struct{ To, Subject, Text string }

// Letter is a stored mail as the operator sees it. Text is empty once sent.
type Letter struct {
	ID                int64
	To, Subject, Text string
	Created, Sent     time.Time
	Attempts          int
	LastError         string
}

// Post sends letters.
type Post struct {
	db   *store.DB
	log  *slog.Logger
	smtp *server // nil: letters wait
}

type server struct {
	host    string
	from    string
	options []mail.Option
}

// Open reads the address of the mail server: smtp://USER:PASSWORD@HOST:587 with
// STARTTLS, or smtps://HOST:465. An empty address is no server. The sender is
// the parameter "from" of the address, or else the given one. Without TLS it
// speaks to this machine alone.
func Open(db *store.DB, address, from string, log *slog.Logger) (*Post, error) {
	p := &Post{db: db, log: log}
	if address == "" {
		return p, nil
	}
	u, err := url.Parse(address)
	if err != nil || u.Hostname() == "" || (u.Scheme != "smtp" && u.Scheme != "smtps") {
		// The address may hold a password, so the error doesn't repeat it.
		return nil, fmt.Errorf("mail server: want smtp://USER:PASSWORD@HOST:PORT or smtps://…: %w", store.ErrInvalid)
	}
	if asked := u.Query().Get("from"); asked != "" {
		from = asked
	}
	if err := mail.NewMsg().From(from); err != nil {
		return nil, fmt.Errorf("mail server: sender %q: %w", from, store.ErrInvalid)
	}
	s := &server{host: u.Hostname(), from: from, options: []mail.Option{mail.WithTimeout(20 * time.Second)}}
	port := 587
	policy := mail.TLSMandatory
	if here(u.Hostname()) {
		policy = mail.TLSOpportunistic
	}
	if u.Scheme == "smtps" {
		port = 465
		s.options = append(s.options, mail.WithSSL())
	} else {
		s.options = append(s.options, mail.WithTLSPolicy(policy))
	}
	if u.Port() != "" {
		if port, err = strconv.Atoi(u.Port()); err != nil {
			return nil, fmt.Errorf("mail server: port %q: %w", u.Port(), store.ErrInvalid)
		}
	}
	s.options = append(s.options, mail.WithPort(port))
	if name := u.User.Username(); name != "" {
		password, _ := u.User.Password()
		s.options = append(s.options, mail.WithSMTPAuth(mail.SMTPAuthAutoDiscover), mail.WithUsername(name), mail.WithPassword(password))
	}
	p.smtp = s
	return p, nil
}

func here(host string) bool {
	if host == "localhost" {
		return true
	}
	address, err := netip.ParseAddr(host)
	return err == nil && address.IsLoopback()
}

// Sends says whether there is a mail server.
func (p *Post) Sends() bool { return p.smtp != nil }

// Send stores a letter with the change that causes it; it goes out after the
// commit.
func (p *Post) Send(ctx context.Context, tx *store.Tx, m Mail) error {
	id := store.NewID()
	_, err := tx.Exec(ctx, `insert into mails (id, to_addr, subject, body_text, created) values (?, ?, ?, ?, ?)`,
		id, m.To, m.Subject, m.Text, store.Millis(tx.Now))
	if err != nil {
		return fmt.Errorf("store letter: %w", err)
	}
	if p.smtp == nil {
		return nil
	}
	return tx.Enqueue(ctx, sendMail{ID: id}, &river.InsertOpts{MaxAttempts: 12})
}

// sendMail names the letter only: a job's arguments outlive it.
type sendMail struct {
	ID int64 `json:"id"`
}

// Kind names the job.
func (sendMail) Kind() string { return "mail" }

// Jobs adds the worker that sends.
func (p *Post) Jobs(workers *river.Workers) {
	river.AddWorker(workers, river.WorkFunc(func(ctx context.Context, job *river.Job[sendMail]) error {
		return p.deliver(ctx, job.Args.ID)
	}))
}

// deliver sends one letter. A letter may go twice if the process dies between
// sending and noting it; never noting before sending loses none.
func (p *Post) deliver(ctx context.Context, id int64) error {
	if p.smtp == nil {
		return river.JobCancel(errors.New("the mail server was taken out of the settings"))
	}
	var m Mail
	err := p.db.ReadBound().Row(ctx, []any{&m.To, &m.Subject, &m.Text},
		`select to_addr, subject, body_text from mails where id = ? and sent_at is null`, id)
	if errors.Is(err, store.ErrNotFound) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("load letter %d: %w", id, err)
	}
	sendErr := p.smtp.send(ctx, m)
	err = p.db.Write(ctx, func(ctx context.Context, tx *store.Tx) error {
		if sendErr != nil {
			_, err := tx.Exec(ctx, `update mails set attempts = attempts + 1, last_error = ? where id = ?`, reason(sendErr), id)
			return err
		}
		_, err := tx.Exec(ctx, `update mails set attempts = attempts + 1, last_error = '', body_text = '', sent_at = ? where id = ?`, store.Millis(tx.Now), id)
		return err
	})
	if err != nil {
		return fmt.Errorf("note letter %d: %w", id, err)
	}
	var refused *mail.SendError
	if errors.As(sendErr, &refused) && !refused.IsTemp() && refused.ErrorCode() >= 500 {
		return river.JobCancel(fmt.Errorf("letter %d refused for good: code %d", id, refused.ErrorCode()))
	}
	if sendErr != nil {
		return fmt.Errorf("send letter %d: %s", id, reason(sendErr))
	}
	return nil
}

// reason is what may be kept and logged of a failure: a mail server's words
// often hold the reader's address.
func reason(err error) string {
	var refused *mail.SendError
	if errors.As(err, &refused) {
		return fmt.Sprintf("%v, code %d", refused.Reason, refused.ErrorCode())
	}
	return "the mail server could not be reached or did not accept us"
}

func (s *server) send(ctx context.Context, m Mail) error {
	msg := mail.NewMsg()
	if err := msg.From(s.from); err != nil {
		return err
	}
	if err := msg.To(m.To); err != nil {
		return err
	}
	msg.Subject(m.Subject)
	msg.SetDate()
	msg.SetMessageID()
	msg.SetGenHeader("Auto-Submitted", "auto-generated")
	msg.SetBodyString(mail.TypeTextPlain, m.Text)
	client, err := mail.NewClient(s.host, s.options...)
	if err != nil {
		return err
	}
	return client.DialAndSendWithContext(ctx, msg)
}

// Letters lists the newest letters for the operator.
func (p *Post) Letters(ctx context.Context, limit int) ([]Letter, error) {
	rows, err := p.db.ReadBound().Query(ctx, `select id, to_addr, subject, body_text, created, coalesce(sent_at, 0), attempts, last_error
		from mails order by id desc limit ?`, limit)
	if err != nil {
		return nil, fmt.Errorf("list letters: %w", err)
	}
	defer rows.Close()
	var letters []Letter
	for rows.Next() {
		var l Letter
		var created, sent int64
		if err := rows.Scan(&l.ID, &l.To, &l.Subject, &l.Text, &created, &sent, &l.Attempts, &l.LastError); err != nil {
			return nil, fmt.Errorf("list letters: %w", err)
		}
		l.Created, l.Sent = store.Time(created), store.Time(sent)
		letters = append(letters, l)
	}
	return letters, rows.Err()
}

// keep is how long a letter stays; links in it are long dead by then.
const keep = 30 * 24 * time.Hour

// Sweep removes old letters; run it once a day.
func (p *Post) Sweep(ctx context.Context) error {
	return p.db.Write(ctx, func(ctx context.Context, tx *store.Tx) error {
		_, err := tx.Exec(ctx, `delete from mails where created < ?`, store.Millis(tx.Now.Add(-keep)))
		return err
	})
}
