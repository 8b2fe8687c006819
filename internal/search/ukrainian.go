package search

import (
	"slices"
	"strings"
)

// ukrainian gives the stems of a folded Ukrainian word. It knows no dictionary
// but a handful of short roots: it takes the endings of nouns, adjectives and
// verbs off and evens out what changes inside a stem (будинок – будинку, школа –
// шкіл, нога – нозі, питання – питань). Where the ending of one word is the end
// of another's stem it gives both.
func ukrainian(w string) []string {
	if known := irregular[w]; known != nil {
		return known
	}
	r := []rune(w)
	if len(r) <= 2 {
		return []string{w}
	}
	var out []string
	add := func(stem string) {
		if stem != "" && !slices.Contains(out, stem) {
			out = append(out, stem)
		}
	}
	if rest, ok := reflexive(w); ok {
		verb, _ := verbal(rest)
		for _, stem := range verb {
			add(stem)
		}
		if out != nil {
			return out
		}
		r = []rune(rest)
	}
	verb, only := verbal(string(r))
	if !only {
		for _, stem := range nominal(string(r)) {
			add(even(stem))
		}
	}
	for _, stem := range verb {
		add(stem)
	}
	return out
}

// irregular are forms that the rules would take for something else.
var irregular = map[string][]string{
	"міст":  {"міст", "мост"}, // of towns, or a bridge
	"сіл":   {"сел", "сол"},
	"сіль":  {"сол"},
	"сіллю": {"сол"},
	"водій": {"воді"}, "носій": {"носі"}, "крутій": {"круті"},
	"київ": {"києв"}, "києвом": {"києв"}, "києві": {"києв"}, "києву": {"києв"},
	"день": {"дн"}, "дня": {"дн"}, "дні": {"дн"}, "днів": {"дн"}, "дню": {"дн"}, "днем": {"дн"}, "дням": {"дн"}, "днях": {"дн"}, "днями": {"дн"},
	"люди": {"люд"}, "людей": {"люд"}, "людям": {"люд"}, "людьми": {"люд"}, "людях": {"люд"},
	"діти": {"діт"}, "дітей": {"діт"}, "дітьми": {"діт"}, "дітям": {"діт"}, "дітях": {"діт"},
	"війна": {"війн"}, "воєн": {"війн"},
	"бій": {"бо"}, "бою": {"бо"}, "боєм": {"бо"}, "бої": {"бо"}, "боїв": {"бо"}, "боях": {"бо"},
	"можу": {"може"}, "можеш": {"може"}, "може": {"може"}, "можемо": {"може"}, "можете": {"може"}, "можуть": {"може"}, "міг": {"може"}, "могла": {"може"}, "могли": {"може"}, "могти": {"може"},
	"мер": {"мер"}, "мером": {"мер"},
	"сайт": {"сайт"}, "море": {"мор"},
}

// roots of one syllable in which a vowel changes: the form without an ending and
// the form before one. Such words are few; a rule would mix up ліс and лось.
var roots = pairs(`дім дом рік рок ніч ноч бік бок стіл стол ніс нос кіт кот віз воз кін кон ріг рог двір двор хід ход збір збор твір твор
	спір спор плід плод рід род лід лод мід мед піч печ річ реч шкіл школ гір гор ніг ног кіз коз слів слов зір зор кіл кол рів ров хвіст хвост
	ріст рост піст пост гіст гост кіст кост шіст шест бджіл бджол львів львов лвів лвов пліт плот кріт крот сніп сноп віл вол стій стой
	сік сок вісім восм тік ток міц моц`)

func pairs(text string) map[string]string {
	m, words := map[string]string{}, strings.Fields(text)
	for i := 0; i+1 < len(words); i += 2 {
		m[words[i]] = words[i+1]
	}
	return m
}

const vowels = "аеєиіїоуюя"

func vowel(r rune) bool { return strings.ContainsRune(vowels, r) }

func syllables(w string) (n int) {
	for _, r := range w {
		if vowel(r) {
			n++
		}
	}
	return n
}

// cut takes an ending off if a stem is left: two letters, one of them a vowel.
func cut(w, ending string) (string, bool) {
	stem, ok := strings.CutSuffix(w, ending)
	if !ok || len(stem) < 4 || syllables(stem) == 0 {
		return w, false
	}
	return stem, true
}

// endings of nouns and adjectives, longer ones first. What stands in or is how
// much shorter the ending is for other words: програм-ами, but програм-и; none
// is written as "-": a word may also end so by itself, as диплом does.
var endings = []struct{ ending, or string }{
	{"ього", ""}, {"ьому", ""},
	{"ого", ""}, {"ому", "у"}, {"ими", "и"}, {"іми", ""}, {"ями", ""}, {"ами", "и"}, {"ові", "і"}, {"еві", "і"}, {"єві", "і"}, {"ьої", ""}, {"ьою", ""},
	{"ої", ""}, {"ою", "ю"}, {"ею", "ю"}, {"єю", ""}, {"ий", ""}, {"ій", "й"}, {"їй", ""}, {"им", "-"}, {"ім", "-"}, {"їм", ""}, {"их", ""}, {"іх", "-"}, {"їх", ""},
	{"ом", "-"}, {"ем", "-"}, {"єм", ""}, {"ам", "-"}, {"ям", ""}, {"ах", "-"}, {"ях", "-"}, {"ів", "-"}, {"їв", ""}, {"ей", "й"},
	{"а", ""}, {"у", ""}, {"о", ""}, {"е", ""}, {"и", ""}, {"і", ""}, {"ї", ""}, {"ю", ""}, {"я", ""}, {"є", ""}, {"ь", ""}, {"й", ""},
}

func nominal(w string) []string {
	for _, e := range endings {
		stem, ok := cut(w, e.ending)
		if !ok {
			continue
		}
		out := []string{stem}
		switch e.or {
		case "":
		case "-":
			out = append(out, w)
		default:
			out = append(out, strings.TrimSuffix(w, e.or))
		}
		if e.ending == "і" {
			out = append(out, hardened(stem)...)
		}
		return append(out, named(stem)...)
	}
	return []string{w}
}

// hardened is the stem of a word whose last consonant grew soft before -і: нозі
// is of нога, зупинці of зупинка; вулиці and лісі are what they seem to be.
func hardened(stem string) []string {
	if strings.HasSuffix(stem, "иц") {
		return nil
	}
	for soft, hard := range map[string]string{"ц": "к", "з": "г", "с": "х"} {
		if rest, ok := strings.CutSuffix(stem, soft); ok {
			return []string{rest + hard}
		}
	}
	return nil
}

// named is the stem of the verb that a noun or participle is made of:
// голосування of голосувати, відремонтований of відремонтувати.
func named(stem string) []string {
	for _, s := range []struct{ ending, verb string }{{"ованн", "ув"}, {"ован", "ув"}, {"уванн", "ув"}, {"уван", "ув"}, {"юванн", "юв"}, {"юван", "юв"}, {"йован", "юв"}} {
		if rest, ok := strings.CutSuffix(stem, s.ending); ok && len(rest) >= 4 {
			return []string{rest + s.verb}
		}
	}
	return nil
}

// even makes the forms of one stem alike.
func even(stem string) string {
	stem = strings.ReplaceAll(stem, "ь", "")
	r := []rune(stem)
	if n := len(r); n > 3 && r[n-1] == r[n-2] && !vowel(r[n-1]) {
		r = r[:n-1] // питанн-я, питан-ь
	}
	stem = string(r)
	if syllables(stem) == 1 {
		if other := roots[stem]; other != "" {
			return other
		}
		return stem
	}
	for _, s := range [][2]string{{"янин", "ян"}, {"анин", "ан"}, {"іст", "ост"}} {
		if rest, ok := strings.CutSuffix(stem, s[0]); ok && len(rest) >= 2 {
			stem = rest + s[1]
			break
		}
	}
	// What comes and goes, or is о here and і there, before the last consonant:
	// будинок – будинк-у, договір – договор-у, вікон – вікн-о.
	r = []rune(stem)
	if n := len(r); n > 3 && !vowel(r[n-1]) && strings.ContainsRune("оеєі", r[n-2]) && !vowel(r[n-3]) {
		stem = string(append(r[:n-2:n-2], r[n-1]))
	}
	if rest, ok := strings.CutSuffix(stem, "ждн"); ok {
		return rest + "жн" // тиждень – тижн-я
	}
	return stem
}

// reflexive takes -ся or -сь off a verb; a noun that ends so has other letters
// before it.
func reflexive(w string) (string, bool) {
	rest, ok := strings.CutSuffix(w, "ся")
	if !ok {
		rest, ok = strings.CutSuffix(w, "сь")
	}
	if !ok || len(rest) < 8 {
		return w, false
	}
	for _, end := range []string{"ти", "ть", "в", "ла", "ло", "ли", "є", "еш", "єш", "иш", "мо", "те", "ю", "у", "й", "но"} {
		if strings.HasSuffix(rest, end) {
			return rest, true
		}
	}
	return w, false
}

// The endings of verbs by what their stem ends in. Verbs in -увати have ending
// that nothing else has; the others' may be a noun's.
var (
	inUva = []string{"вати", "вав", "вала", "вало", "вали", "ю", "є", "єш", "ємо", "єте", "ють", "й", "ймо", "йте", "ючи", "єть", "ватиме", "ватимуть", "вавши"}
	inA   = []string{"ти", "в", "ла", "ло", "ли", "ю", "є", "єш", "ємо", "єте", "ють", "й", "ймо", "йте", "ючи", "тиме", "тимуть"}
	inY   = []string{"ти", "в", "ла", "ло", "ли", "ть", "ш", "мо", "те", "тиме", "тимуть"}
)

// verbal gives the stem of a verb's form, and whether it can be nothing but one.
func verbal(w string) (stems []string, only bool) {
	for _, v := range []string{"у", "ю"} {
		for _, e := range inUva {
			if stem, ok := strings.CutSuffix(w, v+e); ok && len(stem) >= 4 && syllables(stem) > 0 && !(e == "ю" && v == "ю") {
				return []string{stem + v + "в"}, true
			}
		}
	}
	longest := ""
	take := func(stem, mark, ending string) {
		if len(stem) >= 6 && syllables(stem) > 0 && len(ending) > len(longest) {
			stems, longest = []string{stem + mark}, ending
		}
	}
	for _, v := range []string{"а", "я"} {
		for _, e := range inA {
			if stem, ok := strings.CutSuffix(w, v+e); ok {
				take(stem, v, v+e)
			}
		}
	}
	for _, v := range []string{"и", "і", "ї"} {
		for _, e := range inY {
			if stem, ok := strings.CutSuffix(w, v+e); ok {
				take(stem, "и", v+e)
			}
		}
	}
	for _, e := range []string{"лять", "ять", "ать"} {
		if stem, ok := strings.CutSuffix(w, e); ok && (e != "лять" || strings.ContainsRune("бпвмф", lastOf(stem))) {
			take(stem, "и", e)
		}
	}
	for _, e := range []string{"ути", "ув", "ула", "уло", "ули", "уть", "емо", "ете", "еш"} {
		if stem, ok := strings.CutSuffix(w, e); ok && strings.HasSuffix(stem, "н") {
			take(stem, "", e)
		}
	}
	return stems, false
}

func lastOf(s string) (last rune) {
	for _, r := range s {
		last = r
	}
	return last
}
