package locale

import (
	"fmt"
	"html"
	"html/template"
	"math"
	"reflect"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/nicksnyder/go-i18n/v2/i18n"
)

// nbsp keeps a number and what belongs to it on one line.
const nbsp = "\u00a0"

// A Printer writes messages, numbers and times in one language. Times are
// those of Kyiv.
type Printer struct {
	lang   string
	words  *i18n.Localizer
	plural map[string]bool
	zone   *time.Location
}

// Lang returns "uk" or "en".
func (p *Printer) Lang() string { return p.lang }

// T returns the message of a key. Its variables follow as pairs, or as one
// struct or map:
//
//	p.T("polls.closed", "Date", p.Date(end))
//	p.T("polls.votes", "Count", 21)
//
// Count chooses the plural form. Whole and decimal numbers are written the
// way of the language, so a year goes in as a string. An unknown key comes
// back as it is: a page with an odd word is better than no page.
func (p *Printer) T(key string, args ...any) string {
	return p.message(key, p.variables(args))
}

// Rich returns a message that holds **strong words** and [links](/where) as
// HTML. The marks count in the message only: what is handed in as a variable
// is shown as plain text whatever it contains.
func (p *Printer) Rich(key string, args ...any) template.HTML {
	vars := p.variables(args)
	for name, value := range vars {
		if v := reflect.ValueOf(value); !v.CanInt() && !v.CanUint() && !v.CanFloat() {
			vars[name] = plainMarks.Replace(html.EscapeString(fmt.Sprint(value)))
		}
	}
	text := p.message(key, vars)
	text = strong.ReplaceAllString(text, "<strong>$1</strong>")
	text = link.ReplaceAllString(text, `<a href="$2">$1</a>`)
	return template.HTML(text)
}

var (
	plainMarks = strings.NewReplacer("*", "&#42;", "[", "&#91;", "]", "&#93;", "(", "&#40;", ")", "&#41;")
	strong     = regexp.MustCompile(`\*\*([^*]+)\*\*`)
	// Only places that cannot run a script: a path, an anchor, https.
	link = regexp.MustCompile(`\[([^\]]+)\]\(((?:/|#|https://)[^)\s"]*)\)`)
)

func (p *Printer) message(key string, vars map[string]any) string {
	ask := &i18n.LocalizeConfig{MessageID: key, TemplateData: p.written(vars)}
	if count, ok := vars["Count"]; ok && p.plural[key] {
		ask.PluralCount = operand(count)
	}
	text, err := p.words.Localize(ask)
	if err != nil {
		return key
	}
	return text
}

// variables turns pairs, a struct or a map into one map.
func (p *Printer) variables(args []any) map[string]any {
	vars := map[string]any{}
	if len(args) == 1 {
		v := reflect.Indirect(reflect.ValueOf(args[0]))
		switch v.Kind() {
		case reflect.Map:
			for _, k := range v.MapKeys() {
				vars[k.String()] = v.MapIndex(k).Interface()
			}
		case reflect.Struct:
			for i := range v.NumField() {
				if f := v.Type().Field(i); f.IsExported() {
					vars[f.Name] = v.Field(i).Interface()
				}
			}
		}
		return vars
	}
	for i := 0; i+1 < len(args); i += 2 {
		vars[fmt.Sprint(args[i])] = args[i+1]
	}
	return vars
}

// written returns the variables as they are shown: numbers in the way of the
// language, the rest untouched.
func (p *Printer) written(vars map[string]any) map[string]any {
	shown := make(map[string]any, len(vars))
	for name, value := range vars {
		switch v := reflect.ValueOf(value); {
		case v.CanInt():
			shown[name] = p.group(v.Int())
		case v.CanUint():
			shown[name] = p.group(int64(v.Uint()))
		case v.CanFloat():
			shown[name] = p.decimal(strconv.FormatFloat(v.Float(), 'f', -1, 64))
		default:
			shown[name] = value
		}
	}
	return shown
}

// operand is a count as the plural rules want it: decimals as text, because
// 1.0 and 1 can take different forms.
func operand(count any) any {
	switch v := reflect.ValueOf(count); {
	case v.CanInt():
		return v.Int()
	case v.CanUint():
		return int64(v.Uint())
	case v.CanFloat():
		return strconv.FormatFloat(v.Float(), 'f', -1, 64)
	}
	return fmt.Sprint(count)
}

// Number writes a whole number: 5 310, 5,310.
func (p *Printer) Number(n int) string { return p.group(int64(n)) }

func (p *Printer) group(n int64) string {
	digits, sign := strconv.FormatInt(n, 10), ""
	if n < 0 {
		digits, sign = digits[1:], "−"
	}
	between := nbsp
	if p.lang == "en" {
		between = ","
	}
	var parts []string
	for len(digits) > 3 {
		parts = append([]string{digits[len(digits)-3:]}, parts...)
		digits = digits[:len(digits)-3]
	}
	return sign + strings.Join(append([]string{digits}, parts...), between)
}

// decimal takes a number as strconv writes it.
func (p *Printer) decimal(s string) string {
	whole, part, cut := strings.Cut(s, ".")
	n, err := strconv.ParseInt(whole, 10, 64)
	if err != nil {
		return s
	}
	out := p.group(n)
	if strings.HasPrefix(whole, "-") && n == 0 {
		out = "−0"
	}
	if !cut {
		return out
	}
	if p.lang == "en" {
		return out + "." + part
	}
	return out + "," + part
}

// Decimal writes a number with so many digits after the mark: 3,5, 3.5.
func (p *Printer) Decimal(x float64, digits int) string {
	return p.decimal(strconv.FormatFloat(x, 'f', digits, 64))
}

// Percent writes num of den: 7,8 %, 7.8%. Nothing that was counted rounds away
// to zero, and only the whole is written as 100. A dash where there is no base.
func (p *Printer) Percent(num, den int) string {
	sign := nbsp + "%"
	if p.lang == "en" {
		sign = "%"
	}
	share := math.Round(float64(num)/float64(den)*1000) / 10
	switch {
	case den == 0:
		return "–"
	case num == 0 || num == den:
		return p.Decimal(share, 0) + sign
	case num > 0 && share == 0:
		return "<" + nbsp + p.Decimal(0.1, 1) + sign
	case num < den && share == 100:
		return ">" + nbsp + p.Decimal(99.9, 1) + sign
	}
	return p.Decimal(share, 1) + sign
}

var months = map[string][12]string{
	"uk": {"січня", "лютого", "березня", "квітня", "травня", "червня", "липня", "серпня", "вересня", "жовтня", "листопада", "грудня"},
	"en": {"January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December"},
}

// Date writes a day: 23 листопада 2026 р., 23 November 2026.
func (p *Printer) Date(t time.Time) string {
	t = t.In(p.zone)
	date := fmt.Sprintf("%d%s%s %d", t.Day(), nbsp, months[p.lang][t.Month()-1], t.Year())
	if p.lang == "uk" {
		date += nbsp + "р."
	}
	return date
}

// Time writes an hour of the clock in Kyiv: 18:00.
func (p *Printer) Time(t time.Time) string { return t.In(p.zone).Format("15:04") }

// DateTime writes a day and its hour: 23 листопада 2026 р., 18:00.
func (p *Printer) DateTime(t time.Time) string { return p.Date(t) + ", " + p.Time(t) }

// Relative says how far a moment is from now: 5 хвилин тому, за 3 дні. Beyond
// a month it gives the date, which tells more.
func (p *Printer) Relative(t, now time.Time) string {
	gap, way := now.Sub(t), "ago"
	if gap < 0 {
		gap, way = -gap, "ahead"
	}
	switch {
	case gap < time.Minute:
		return p.T("locale." + way + ".now")
	case gap < time.Hour:
		return p.T("locale."+way+".minutes", "Count", int(gap/time.Minute))
	case gap < 24*time.Hour:
		return p.T("locale."+way+".hours", "Count", int(gap/time.Hour))
	case gap < 31*24*time.Hour:
		return p.T("locale."+way+".days", "Count", int(gap/(24*time.Hour)))
	}
	return p.Date(t)
}
