package main

import (
	"context"
	"errors"

	"viche/federation"
	"viche/internal/city"
	"viche/internal/verify"
)

// verifyCommand recomputes a published result. It asks no instance of ours and
// opens no database.
type verifyCommand struct {
	URL  string `arg:"" help:"Address of a poll or a result, or a folder that --save wrote."`
	Key  string `placeholder:"MULTIBASE" help:"The coordinator's public key (z6Mk…), known from elsewhere."`
	Save string `placeholder:"DIR" help:"Keep what was read, to be verified offline later."`
}

// largestList bounds one answer: the list of some thousand cities.
const largestList = 20 << 20

func (v verifyCommand) Run(ctx context.Context, w *world) error {
	scheme := "https"
	get := func(name string) string { return lookup(w.environ, name) }
	cfg, faults := city.FromEnv(get)
	if get("VICHE_SCHEME") == "http" {
		scheme = "http"
	}
	for _, f := range faults {
		if f.Setting == "VICHE_ALLOW_PRIVATE" {
			return f
		}
	}
	client := federation.NewClient(federation.ClientOptions{
		Scheme: scheme, AllowPrivate: cfg.AllowPrivate, Resolve: city.Localhost,
		UserAgent: "viche/" + version() + " (verify)", MaxBody: largestList,
	})
	err := verify.Run(ctx, verify.Options{
		Target: v.URL, Key: v.Key, Save: v.Save, Scheme: scheme, Out: w.out,
		Client: client.HTTP(),
	})
	if err != nil {
		return errVerify
	}
	return nil
}

// errVerify is short: the report has told why.
var errVerify = errors.New("the result was not verified")
