package verify

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"unicode"

	"viche/federation/ap"
)

// Options say what to verify and how to reach it.
type Options struct {
	// Target is the address of a poll's page, of the poll or of one of its
	// results, or else a folder of downloaded objects.
	Target string
	// Key is the coordinator's public key in multibase form ("z6Mk…"). Empty:
	// the oldest trust list is believed about it.
	Key string
	// Client reads from the network. The caller guards it against private
	// addresses; a folder needs none.
	Client *http.Client
	// Scheme "http" allows plain http besides https: for tests and demos.
	Scheme string
	// Save is a folder, empty or not there yet, that gets everything read from
	// the network, so that it can be verified offline later.
	Save string
	// Out gets the report.
	Out io.Writer
}

// Run gathers what a published result was made of, recomputes it and writes
// line by line what it checked. The last line begins with "OK: " or "FAILED: ";
// the error is nil only where the result holds, and an ap.Fault where one of
// the rules names what is wrong.
func Run(ctx context.Context, o Options) error {
	r := &report{out: o.Out}
	err := run(ctx, o, r)
	if err == nil {
		r.say("OK: %s", r.verdict)
	} else {
		r.say("FAILED: %s", failure(err))
	}
	return errors.Join(err, r.err)
}

func run(ctx context.Context, o Options, r *report) error {
	if o.Key != "" {
		if _, err := ap.DecodeMultikey(o.Key); err != nil {
			return fmt.Errorf("the key given is no Ed25519 key in multibase form (z6Mk…): %w", err)
		}
	}
	b, err := gather(ctx, o)
	if err != nil {
		return err
	}
	return r.check(b, o.Key)
}

func gather(ctx context.Context, o Options) (*bundle, error) {
	if !strings.Contains(o.Target, "://") {
		if o.Save != "" {
			return nil, errors.New("save: what lies in a folder needs no saving")
		}
		return readFolder(os.DirFS(o.Target))
	}
	if o.Client == nil {
		return nil, errors.New("no HTTP client was given")
	}
	f := &fetcher{client: o.Client, plainHTTP: o.Scheme == "http", save: &saver{}}
	if o.Save != "" {
		var err error
		if f.save, err = newSaver(o.Save); err != nil {
			return nil, err
		}
	}
	return f.gather(ctx, o.Target)
}

// failure tells an error with its code in front. Where no rule was broken, the
// result could not be judged at all, which is no verdict on anybody.
func failure(err error) string {
	if code(err) != "" {
		// The code first, also where a layer above has said where it was.
		return code(err) + ": " + plain(strings.Replace(err.Error(), code(err)+": ", "", 1))
	}
	return "not verified: " + plain(err.Error())
}

// report writes sentences; the first error of writing stays.
type report struct {
	out     io.Writer
	err     error
	verdict string
}

func (r *report) say(format string, args ...any) {
	if r.err != nil {
		return
	}
	_, r.err = fmt.Fprintf(r.out, format+"\n", args...)
}

// plain makes a stranger's text safe to print: one line, no control characters
// that a terminal would obey, no change of writing direction.
func plain(text string) string {
	const most = 300
	var out strings.Builder
	for i, r := range text {
		if i > most {
			out.WriteString("…")
			break
		}
		if !unicode.IsPrint(r) {
			r = ' '
		}
		out.WriteRune(r)
	}
	return out.String()
}
