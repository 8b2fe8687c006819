package locale_test

import (
	"io/fs"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"viche/internal/locale"
)

func files(uk, en string) fs.FS {
	return fstest.MapFS{
		"locales/uk.json": {Data: []byte(uk)},
		"locales/en.json": {Data: []byte(en)},
	}
}

func open(t *testing.T, f ...fs.FS) *locale.Bundle {
	t.Helper()
	b, err := locale.New(f...)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func votes(t *testing.T) *locale.Bundle {
	return open(t, files(
		`{"votes": {"one": "{{.Count}} голос", "few": "{{.Count}} голоси", "many": "{{.Count}} голосів", "other": "{{.Count}} голосу"}, "hello": "Вітаємо, {{.Name}}", "rich": "**Увага:** {{.Name}}, [читайте](/how-we-count)"}`,
		`{"votes": {"one": "{{.Count}} vote", "other": "{{.Count}} votes"}, "hello": "Welcome, {{.Name}}", "rich": "**Note:** {{.Name}}, [read](/how-we-count)"}`))
}

func TestPluralFormsFollowTheCount(t *testing.T) {
	t.Parallel()
	b := votes(t)
	for _, c := range []struct {
		lang  string
		count any
		want  string
	}{
		{"uk", 0, "0 голосів"}, {"uk", 1, "1 голос"}, {"uk", 2, "2 голоси"}, {"uk", 4, "4 голоси"},
		{"uk", 5, "5 голосів"}, {"uk", 11, "11 голосів"}, {"uk", 14, "14 голосів"}, {"uk", 21, "21 голос"},
		{"uk", 22, "22 голоси"}, {"uk", 111, "111 голосів"}, {"uk", 1.5, "1,5 голосу"},
		{"uk", int64(5312), "5\u00a0312 голосів"}, {"uk", uint8(3), "3 голоси"},
		{"en", 0, "0 votes"}, {"en", 1, "1 vote"}, {"en", 1.5, "1.5 votes"}, {"en", 5310, "5,310 votes"},
	} {
		if got := b.For(c.lang).T("votes", "Count", c.count); got != c.want {
			t.Errorf("%s votes(%v) = %q, want %q", c.lang, c.count, got, c.want)
		}
	}
}

func TestVariablesAsPairsStructOrMap(t *testing.T) {
	t.Parallel()
	p := votes(t).For("uk")
	want := "Вітаємо, Олена"
	for _, args := range [][]any{
		{"Name", "Олена"},
		{struct{ Name string }{"Олена"}},
		{map[string]string{"Name": "Олена"}},
	} {
		if got := p.T("hello", args...); got != want {
			t.Errorf("T(hello, %v) = %q, want %q", args, got, want)
		}
	}
	if got := p.T("no.such"); got != "no.such" {
		t.Errorf("an unknown key = %q, want the key", got)
	}
}

func TestRichKeepsVariablesPlain(t *testing.T) {
	t.Parallel()
	p := votes(t).For("uk")
	got := string(p.Rich("rich", "Name", `<b>**x** [y](https://evil.test)`))
	want := `<strong>Увага:</strong> &lt;b&gt;&#42;&#42;x&#42;&#42; &#91;y&#93;&#40;https://evil.test&#41;, <a href="/how-we-count">читайте</a>`
	if got != want {
		t.Errorf("Rich = %s, want %s", got, want)
	}
	if got := string(p.Rich("votes", "Count", 5312)); got != "5\u00a0312 голосів" {
		t.Errorf("Rich with a number = %s", got)
	}
	if got := string(p.Rich("votes", "Count", "<i>")); strings.Contains(got, "<i>") {
		t.Errorf("Rich with a count that is no number = %s", got)
	}
}

func TestFaultyMessagesAreRefused(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, uk, en, want string }{
		{"missing in English", `{"a": "а"}`, `{}`, `"a" is missing in en`},
		{"missing in Ukrainian", `{}`, `{"a": "a"}`, `"a" is missing in uk`},
		{"plural form", `{"a": {"one": "1", "other": "2"}}`, `{"a": {"one": "1", "other": "2"}}`, `lacks the plural form "few" in uk`},
		{"variable", `{"a": "{{.Name}}"}`, `{"a": "{{.Nmae}}"}`, `uses [Nmae] in en`},
		{"twice", `{"a": "1", "a": "2"}`, `{"a": "1"}`, `"a" stands twice`},
		{"not JSON", `{"a": `, `{}`, `locales/uk.json`},
	} {
		_, err := locale.New(files(c.uk, c.en))
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: New = %v, want an error with %q", c.name, err, c.want)
		}
	}
	same := files(`{"a": "1"}`, `{"a": "1"}`)
	if _, err := locale.New(same, same); err == nil || !strings.Contains(err.Error(), "two files") {
		t.Errorf("the same key from two modules: New = %v, want an error", err)
	}
}

func TestNumbersAndShares(t *testing.T) {
	t.Parallel()
	b := open(t)
	uk, en := b.For("uk"), b.For("en")
	for _, c := range []struct{ got, want string }{
		{uk.Number(5310), "5\u00a0310"}, {uk.Number(1234567), "1\u00a0234\u00a0567"}, {uk.Number(999), "999"},
		{uk.Number(-1000), "−1\u00a0000"}, {en.Number(1234), "1,234"},
		{uk.Percent(412, 5310), "7,8\u00a0%"}, {en.Percent(412, 5310), "7.8%"},
		{uk.Percent(0, 10), "0\u00a0%"}, {uk.Percent(10, 10), "100\u00a0%"}, {uk.Percent(1, 0), "–"},
		{uk.Percent(1, 100000), "<\u00a00,1\u00a0%"}, {en.Percent(99999, 100000), ">\u00a099.9%"},
		{uk.Percent(1, 2), "50,0\u00a0%"}, {uk.Decimal(-0.5, 1), "−0,5"},
		{b.For("fr").Lang(), "uk"},
	} {
		if c.got != c.want {
			t.Errorf("got %q, want %q", c.got, c.want)
		}
	}
}

func TestTimesAreThoseOfKyiv(t *testing.T) {
	t.Parallel()
	b := open(t)
	uk, en := b.For("uk"), b.For("en")
	winter := time.Date(2026, 11, 23, 22, 30, 0, 0, time.UTC)
	summer := time.Date(2026, 7, 1, 15, 0, 0, 0, time.UTC)
	for _, c := range []struct{ got, want string }{
		{uk.Date(winter), "24\u00a0листопада 2026\u00a0р."},
		{en.DateTime(winter), "24\u00a0November 2026, 00:30"},
		{uk.Time(summer), "18:00"},
		{uk.Relative(summer.Add(-5*time.Minute), summer), "5 хвилин тому"},
		{uk.Relative(summer.Add(3*24*time.Hour), summer), "за 3 дні"},
		{uk.Relative(summer, summer), "щойно"},
		{en.Relative(summer.Add(-time.Hour), summer), "1 hour ago"},
		{en.Relative(summer.Add(-90*24*time.Hour), summer), "2\u00a0April 2026"},
	} {
		if c.got != c.want {
			t.Errorf("got %q, want %q", c.got, c.want)
		}
	}
}
