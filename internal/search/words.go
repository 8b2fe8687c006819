package search

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// Limits of what is read of a text.
const (
	longestWord = 40    // letters; the rest of a longer one is left out
	mostWords   = 2_000 // different ones of an item
)

// eachWord calls f with every word of a text as it is compared, and with where
// it stands there, until f returns false. An apostrophe inside a word belongs to
// it; a hyphen parts two.
func eachWord(text string, f func(word string, start, end int) bool) {
	start := -1
	for i, r := range text {
		if letter(r) || start >= 0 && (unicode.Is(unicode.Mn, r) || silent(r) || apostrophe(r) && letterAt(text[i+utf8.RuneLen(r):])) {
			if start < 0 {
				start = i
			}
			continue
		}
		if start >= 0 {
			if w := fold(text[start:i]); w != "" && !f(w, start, i) {
				return
			}
			start = -1
		}
	}
	if start >= 0 {
		if w := fold(text[start:]); w != "" {
			f(w, start, len(text))
		}
	}
}

func letter(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) }

func letterAt(text string) bool {
	r, _ := utf8.DecodeRuneInString(text)
	return letter(r)
}

func apostrophe(r rune) bool {
	switch r {
	case '\'', '’', 'ʼ', '`', '‘', '′', '＇':
		return true
	}
	return false
}

// silent are marks that stand in a word without being seen.
func silent(r rune) bool { return r == '\u00ad' || r == '\u200b' || r == '\u200c' || r == '\u200d' }

// fold is a word without what people write differently: capitals, apostrophes,
// stress marks, diacritics of Latin letters, and the letters that older or
// Russian keyboards have.
func fold(word string) string {
	word = strings.ToLower(norm.NFC.String(word))
	var b strings.Builder
	n := 0
	for _, r := range word {
		switch {
		case n == longestWord:
			return b.String()
		case apostrophe(r), silent(r), unicode.Is(unicode.Mn, r):
			continue
		case r == 'ґ':
			r = 'г'
		case r == 'ё', r == 'э':
			r = 'е'
		case r == 'ы':
			r = 'и'
		case r == 'ъ':
			continue
		case r >= 0xc0 && unicode.Is(unicode.Latin, r):
			// The letter itself comes first, its marks behind it.
			r, _ = utf8.DecodeRuneInString(norm.NFKD.String(string(r)))
		}
		b.WriteRune(r)
		n++
	}
	return b.String()
}

// stopWords are those that say nothing about what a text is about: they are
// neither kept nor asked for.
var stopWords = set(`а або але без би б бо був була були було бути в вас ваш ваша ваше ваші вже ви від він вона вони воно всі все
	де для до дуже є ж же за з зі із й його її їх і або коли кого котра котрий котрі кому ласка лише ми мій мене на над нам нас наш наша наше наші не
	нехай ні них ну о об от по при про саме своє свої свій своя себе та так також там те ти тим тих то той того тому тобі тут ту у усе усі хай хто ці цих
	це цей цього цьому цією цієї ця цю чи чого чому що щоб ще як яка яке які який якого якої якщо
	a an and are as at be by for from he her his in is it its of on or our that the their this to was we were will with you your`)

func set(words string) map[string]bool {
	m := map[string]bool{}
	for _, w := range strings.Fields(words) {
		m[w] = true
	}
	return m
}

// Stems are what a word is compared by: two words are taken for forms of one if
// they have one in common. A form that may belong to two words has several; a
// word that says nothing has none.
func Stems(word string) []string { return stems(fold(word)) }

func stems(folded string) []string {
	if folded == "" || stopWords[folded] {
		return nil
	}
	for _, r := range folded {
		switch {
		case r >= 'а' && r <= 'я', r == 'є', r == 'і', r == 'ї':
			return ukrainian(folded)
		case r >= 'a' && r <= 'z':
			return []string{english(folded)}
		}
	}
	return []string{folded}
}
