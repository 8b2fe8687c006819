package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"viche/internal/city"
	"viche/internal/store"
)

// tell writes an error for the operator: a line for each thing to put right,
// or one for the whole chain.
func (w *world) tell(err error) {
	for _, line := range w.lines(err) {
		fmt.Fprintln(w.err, "viche: "+line)
	}
}

func (w *world) lines(err error) []string {
	var lines []string
	walk(err, func(e error) {
		switch e := e.(type) {
		case city.Fault:
			lines = append(lines, e.Error())
		case *store.FieldError:
			lines = append(lines, e.Field+": "+w.sentence(e))
		}
	})
	if len(lines) == 0 {
		line := strings.ReplaceAll(err.Error(), "\n", "; ")
		for _, kind := range []error{store.ErrExists, store.ErrInvalid} { // said already, in better words
			line = strings.TrimSuffix(line, ": "+kind.Error())
		}
		lines = []string{line}
	}
	return lines
}

// sentence is what a person who filled in the same form would read; for what
// no page asks, there are words of our own.
func (w *world) sentence(e *store.FieldError) string {
	switch e.Key {
	case "actors.domain.invalid":
		return "this is no host name; accepted: a name such as bad.example"
	case "actors.domain.own":
		return "this is the instance itself; accepted: the host of another server"
	}
	if w.words == nil {
		return e.Key
	}
	return w.words.T(e.Key, e.Args...)
}

// walk visits an error and all that it wraps, the joined ones too.
func walk(err error, visit func(error)) {
	if err == nil {
		return
	}
	visit(err)
	switch e := err.(type) {
	case interface{ Unwrap() error }:
		walk(e.Unwrap(), visit)
	case interface{ Unwrap() []error }:
		for _, one := range e.Unwrap() {
			walk(one, visit)
		}
	}
}

// json writes one value as JSON.
func (w *world) json(v any) error {
	e := json.NewEncoder(w.out)
	e.SetEscapeHTML(false)
	return e.Encode(v)
}

// say writes one line of text.
func (w *world) say(format string, args ...any) error {
	_, err := fmt.Fprintf(w.out, format+"\n", args...)
	return err
}

// usage is an error about flags; exit 2.
func usage(format string, args ...any) error {
	return errors.Join(fmt.Errorf(format, args...), errUsage)
}
