package people

import (
	"net/mail"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"golang.org/x/net/idna"
	"golang.org/x/text/unicode/norm"

	"viche/actors"
	"viche/internal/store"
)

var handleForm = regexp.MustCompile(`^[a-z0-9_]{3,30}$`)

// reserved handles look like somebody who speaks for the network, or like a
// part of an address; actors.ValidHandle refuses the spheres and more.
var reserved = []string{
	"about", "account", "all", "api", "auth", "bot", "charter", "desk", "everyone", "feed", "help", "here", "hostmaster",
	"inbox", "info", "kamianske", "me", "mod", "moderation", "news", "nobody", "noreply", "oauth", "officer", "official",
	"outbox", "owner", "poll", "polls", "press", "security", "service", "shared_inbox", "spheres", "staff", "static",
	"system", "team", "ukraine", "user", "users", "verify", "webmaster", "www",
}

// normalHandle accepts what people type, with @ and capitals, and returns the
// one spelling.
func normalHandle(typed string) (string, error) {
	handle := strings.ToLower(strings.TrimPrefix(strings.TrimSpace(typed), "@"))
	if !handleForm.MatchString(handle) {
		return handle, store.Invalid("handle", "people.handle.form")
	}
	if slices.Contains(reserved, handle) || !actors.ValidHandle(handle) {
		return handle, store.Invalid("handle", "people.handle.reserved")
	}
	return handle, nil
}

// normalEmail returns the address as it was meant and the one spelling by
// which two addresses are the same.
func normalEmail(typed string) (email, normal string, err error) {
	email = norm.NFC.String(strings.TrimSpace(typed))
	invalid := store.Invalid("email", "people.email.form")
	parsed, err := mail.ParseAddress(email)
	if err != nil || parsed.Address != email || len(email) > 254 || strings.ContainsAny(email, " \"\r\n\t") {
		return email, "", invalid
	}
	at := strings.LastIndex(email, "@")
	host, err := idna.Lookup.ToASCII(strings.ToLower(email[at+1:]))
	if err != nil || !strings.Contains(host, ".") && host != "localhost" {
		return email, "", invalid
	}
	return email, strings.ToLower(email[:at]) + "@" + host, nil
}

const nameMax, summaryMax, noteMax = 80, 500, 500

// normalText trims what somebody wrote about themselves and keeps its length
// within bounds.
func normalText(field, typed string, max int) (string, error) {
	text := norm.NFC.String(strings.TrimSpace(strings.ReplaceAll(typed, "\r\n", "\n")))
	if !utf8.ValidString(text) || strings.ContainsRune(text, 0) {
		return "", store.Invalid(field, "people.text.invalid")
	}
	if utf8.RuneCountInString(text) > max {
		return text, store.Invalid(field, "people.text.long", "Count", max)
	}
	return text, nil
}
