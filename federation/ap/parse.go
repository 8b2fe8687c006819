package ap

import (
	"encoding/json"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// What a document from elsewhere may be at most.
const (
	MaxBytes       = 1 << 20
	maxValues      = 100_000 // values in one document
	maxIRI         = 2048    // bytes of an id or address
	maxOptions     = 500     // refused above: a shortened poll is another poll
	maxObjects     = 500     // objects of one activity
	maxAddresses   = 1000    // to, cc: cut
	maxTags        = 1000    // cut
	maxAttachments = 50      // cut
	maxItems       = 1000    // items of a collection page: cut
	maxNesting     = 4       // activities in activities
)

// Parse reads an activity. It never panics, whatever it is given; a refusal is
// a Fault "json" or "form". Whether the sender may speak for the actor, or the
// actor own the object, is not looked at here.
func Parse(raw []byte) (a *Activity, err error) {
	defer unpanic(&err)
	root, err := readForeign(raw)
	if err != nil {
		return nil, err
	}
	return parseActivity(&root, raw)
}

// ParseObject reads anything that is no activity: a Note, a Question, an
// activity that was fetched by its id.
func ParseObject(raw []byte) (o *Object, err error) {
	defer unpanic(&err)
	root, err := readForeign(raw)
	if err != nil {
		return nil, err
	}
	o, err = parseObject(&root, raw, 0)
	if err != nil {
		return nil, err
	}
	if o.ID == "" || o.Type == "" {
		return nil, formFault("an object without id or type")
	}
	return o, nil
}

// unpanic turns a panic of a reader below us into a refusal. None is known;
// strangers choose the input, so none may end the city either.
func unpanic(err *error) {
	if r := recover(); r != nil {
		*err = formFault("the reader panicked: %v", r)
	}
}

func formFault(format string, args ...any) error {
	return Fault{Code: ErrForm.Code, Detail: fmt.Sprintf(format, args...)}
}

// readForeign reads a stranger's document: strictly as JSON, mildly in its
// numbers, within the limits.
func readForeign(raw []byte) (node, error) {
	if len(raw) > MaxBytes {
		return node{}, formFault("larger than %d bytes", MaxBytes)
	}
	root, _, err := readLimited(raw, maxValues)
	if err != nil {
		return node{}, err
	}
	if root.kind != object {
		return node{}, formFault("no object")
	}
	if err := forbid(&root); err != nil {
		return node{}, err
	}
	return root, nil
}

// forbid refuses what only a JSON-LD processor would see, and NUL, which
// PostgreSQL can't store.
func forbid(n *node) error {
	if n.kind == text && strings.IndexByte(n.text, 0) >= 0 {
		return formFault("NUL in a text")
	}
	for i, name := range n.names {
		switch {
		case name == "@graph" || name == "@included" || name == "@reverse":
			return formFault("%s is not taken", name)
		case strings.IndexByte(name, 0) >= 0:
			return formFault("NUL in a name")
		case name == "@context":
			// Never interpreted, so it may hold any word, but for NUL.
			if err := forbidNUL(&n.items[i]); err != nil {
				return err
			}
			continue
		}
		if err := forbid(&n.items[i]); err != nil {
			return err
		}
	}
	if n.kind == list {
		for i := range n.items {
			if err := forbid(&n.items[i]); err != nil {
				return err
			}
		}
	}
	return nil
}

func forbidNUL(n *node) error {
	if strings.IndexByte(n.text, 0) >= 0 {
		return formFault("NUL in a text")
	}
	for i := range n.items {
		if i < len(n.names) && strings.IndexByte(n.names[i], 0) >= 0 {
			return formFault("NUL in a name")
		}
		if err := forbidNUL(&n.items[i]); err != nil {
			return err
		}
	}
	return nil
}

func parseActivity(root *node, raw []byte) (*Activity, error) {
	a := &Activity{Raw: json.RawMessage(raw)}
	var err error
	if a.ID, err = identity(root, "id"); err != nil {
		return nil, err
	}
	if a.Type = typeOf(root); a.Type == "" {
		return nil, formFault("an activity without type")
	}
	if a.Actor, err = identity(root, "actor"); err != nil {
		return nil, err
	}
	// Nobody reads an activity's attributedTo, but where it names several it
	// was made to be read in two ways.
	if by := root.get("attributedTo"); by != nil && by.kind == list {
		return nil, formFault("an activity attributed to a list")
	}
	if a.Objects, err = parseObjects(root.get("object"), raw); err != nil {
		return nil, err
	}
	if len(a.Objects) > 0 {
		a.Object = a.Objects[0]
	}
	a.To, a.Cc = addresses(root.get("to")), addresses(root.get("cc"))
	a.Published = instant(root.str("published"))
	a.Summary, _, _ = words(root, "summary")
	a.Content, _, _ = words(root, "content")
	a.Instrument, a.Result = reference(root.get("instrument")), reference(root.get("result"))
	if target := root.get("target"); target != nil {
		shape, err := shapesOf(root, "target")
		if err != nil {
			return nil, err
		}
		a.Target = shape.target
	}
	return a, nil
}

func parseObjects(n *node, raw []byte) ([]*Object, error) {
	if n == nil || n.kind == null {
		return nil, nil
	}
	several := []node{*n}
	if n.kind == list {
		several = n.items
	}
	if len(several) > maxObjects {
		return nil, formFault("more than %d objects", maxObjects)
	}
	out := make([]*Object, 0, len(several))
	for i := range several {
		o, err := parseObject(&several[i], raw, 1)
		if err != nil {
			return nil, err
		}
		out = append(out, o)
	}
	return out, nil
}

// parseObject reads a link or an embedded object at a depth of nesting.
func parseObject(n *node, raw []byte, depth int) (*Object, error) {
	if n.kind == text {
		if !soundIRI(n.text) {
			return nil, formFault("no address: %.60q", n.text)
		}
		return &Object{ID: n.text}, nil
	}
	if n.kind != object {
		return nil, formFault("an object that is neither address nor object")
	}
	if depth > maxNesting {
		return nil, formFault("activities in activities, deeper than %d", maxNesting)
	}
	o := &Object{Raw: json.RawMessage(raw[n.from:n.to]), Type: typeOf(n)}
	var err error
	if n.get("id") != nil {
		if o.ID, err = identity(n, "id"); err != nil {
			return nil, err
		}
	}
	if err := readAuthors(o, n); err != nil {
		return nil, err
	}
	readWords(o, n)
	readTimes(o, n)
	readOurs(o, n)
	readQuote(o, n)
	if err := readPoll(o, n); err != nil {
		return nil, err
	}
	o.Tags = readTags(n.get("tag"))
	o.Attachments = readAttachments(n.get("attachment"))
	o.To, o.Cc = addresses(n.get("to")), addresses(n.get("cc"))
	if err := readShapes(o, n); err != nil {
		return nil, err
	}
	if votes(o, n) {
		o.Type = "Vote"
	}
	return o, readInner(o, n, raw, depth)
}

// votes is the one place that knows how the fediverse casts a vote: a Note
// with a name, in reply to something, that says nothing.
func votes(o *Object, n *node) bool {
	return o.Type == "Note" && o.Name != "" && o.InReplyTo != "" && o.Content == "" && len(o.ContentMap) == 0 &&
		!holds(n.get("content")) && !holds(n.get("contentMap"))
}

// holds tells whether a member says anything at all, however odd its kind.
func holds(n *node) bool {
	return n != nil && n.kind != null && (n.text != "" || len(n.items) > 0)
}

func readAuthors(o *Object, n *node) error {
	by := n.get("attributedTo")
	if by == nil || by.kind == null {
		return nil
	}
	several := []node{*by}
	if by.kind == list {
		several = by.items
	}
	if len(several) > 20 {
		return formFault("more than 20 authors")
	}
	for i := range several {
		id := reference(&several[i])
		if id == "" {
			return formFault("an author who is no address")
		}
		if len(o.Attributed) > 0 && !SameHost(id, o.Attributed[0]) {
			return formFault("authors of several hosts")
		}
		o.Attributed = append(o.Attributed, id)
	}
	if len(o.Attributed) > 0 {
		o.AttributedTo = o.Attributed[0]
	}
	return nil
}

func readWords(o *Object, n *node) {
	o.Name, _, _ = words(n, "name")
	o.Summary, _, _ = words(n, "summary")
	o.Content, o.Language, o.ContentMap = words(n, "content")
	if m := n.get("sensitive"); m != nil {
		o.Sensitive = m.kind == boolean && m.text == "true"
	}
}

// words reads a text that may stand plainly, by language, or both. The plain
// one is exactly as it came. lang is the language where one is told.
func words(n *node, name string) (plain, lang string, byLanguage map[string]string) {
	plain = n.str(name)
	for _, holder := range []*node{n.get(name + "Map"), n.get(name)} {
		if holder == nil || holder.kind != object {
			continue
		}
		for i, l := range holder.names {
			if holder.items[i].kind == text && len(byLanguage) < 50 {
				if byLanguage == nil {
					byLanguage = map[string]string{}
				}
				byLanguage[l] = holder.items[i].text
			}
		}
	}
	if len(byLanguage) == 0 {
		return plain, "", nil
	}
	if plain != "" {
		for l, s := range byLanguage {
			if s == plain && (lang == "" || l < lang) {
				lang = l
			}
		}
		return plain, lang, byLanguage
	}
	for l := range byLanguage {
		if better(l, lang) {
			lang = l
		}
	}
	return byLanguage[lang], lang, byLanguage
}

// better prefers our languages, then the alphabet, so that the choice never
// depends on the order of a map.
func better(a, b string) bool {
	rank := func(l string) int {
		switch l {
		case "uk":
			return 0
		case "en":
			return 1
		case "":
			return 3
		default:
			return 2
		}
	}
	if rank(a) != rank(b) {
		return rank(a) < rank(b)
	}
	return a < b
}

func readTimes(o *Object, n *node) {
	o.Published = instant(n.str("published"))
	o.Updated = instant(n.str("updated"))
	o.EndTime = instant(n.str("endTime"))
	closed := n.get("closed")
	if closed == nil {
		return
	}
	if o.Closed = instant(closed.text); !o.Closed.IsZero() {
		return
	}
	// "closed": true says that it is over, not since when.
	if closed.text != "true" {
		return
	}
	o.Closed = time.Unix(1, 0).UTC()
	for _, t := range []time.Time{o.Updated, o.EndTime, o.Published} {
		if !t.IsZero() {
			o.Closed = t
			return
		}
	}
}

func readOurs(o *Object, n *node) {
	o.PollID = n.str("pollId")
	o.PollDigest = n.str("pollDigest")
	o.Poll = reference(n.get("poll"))
	o.Territory = n.str("territory")
	o.Sphere = n.str("sphere")
	o.ResultsPolicy = n.str("resultsPolicy")
	o.OpensAt = instant(n.str("opensAt"))
	o.TalliesDue = instant(n.str("talliesDue"))
	o.HasProof = n.get("proof") != nil
}

// readQuote reads what FEP-044f, GoToSocial's policies and the older names of
// quotes say.
func readQuote(o *Object, n *node) {
	for _, name := range []string{"quote", "quoteUri", "quoteUrl", "_misskey_quote"} {
		if o.Quote == "" {
			o.Quote = reference(n.get(name))
		}
	}
	o.Stamp = reference(n.get("quoteAuthorization"))
	o.InteractingObject, o.InteractionTarget = reference(n.get("interactingObject")), reference(n.get("interactionTarget"))
	policy := n.get("interactionPolicy")
	o.CanReply, o.CanQuote = approvals(policy.get("canReply")), approvals(policy.get("canQuote"))
	o.JoinMode = n.str("joinMode")
	if o.Status = n.str("eventStatus"); o.Status == "" {
		o.Status = n.str("ical:status")
	}
}

// approvals are those who need not ask, by the present name of it or the older.
func approvals(n *node) []string {
	for _, name := range []string{"automaticApproval", "always"} {
		if list := n.get(name); list != nil {
			if who := addresses(list); who != nil {
				return who
			}
			return []string{}
		}
	}
	return nil
}

func readPoll(o *Object, n *node) error {
	o.VotersCount = count(n.get("votersCount"))
	var err error
	if o.OneOf, err = readOptions(n.get("oneOf")); err != nil {
		return err
	}
	o.AnyOf, err = readOptions(n.get("anyOf"))
	return err
}

func readOptions(n *node) ([]Option, error) {
	if n == nil || n.kind == null {
		return nil, nil
	}
	several := []node{*n} // some libraries write a list of one without brackets
	if n.kind == list {
		several = n.items
	}
	if len(several) > maxOptions {
		return nil, formFault("more than %d options", maxOptions)
	}
	var out []Option
	for i := range several {
		name, _, _ := words(&several[i], "name")
		if name == "" {
			return nil, formFault("an option without a name")
		}
		option := Option{ID: several[i].str("optionId"), Name: name}
		if replies := several[i].get("replies"); replies != nil {
			option.Votes = count(replies.get("totalItems"))
		}
		out = append(out, option)
	}
	return out, nil
}

// count gives a whole number that is not negative, nil for anything else.
func count(n *node) *int {
	if n == nil || n.kind != number || !whole(n.text) {
		return nil
	}
	v, err := strconv.Atoi(n.text)
	if err != nil {
		return nil
	}
	return &v
}

// readTags reads tags by itself: go-ap knows neither Hashtag nor Emoji, and
// loses a single tag that stands outside a list.
func readTags(n *node) []Tag {
	if n == nil {
		return nil
	}
	several := []node{*n}
	if n.kind == list {
		several = n.items[:min(len(n.items), maxTags)]
	}
	var out []Tag
	for i := range several {
		t := &several[i]
		if t.kind != object {
			continue
		}
		name, _, _ := words(t, "name")
		tag := Tag{Type: typeOf(t), Name: name, Href: reference(t.get("href"))}
		if icon := t.get("icon"); icon != nil && icon.kind == object {
			tag.Icon = reference(icon.get("url"))
		}
		out = append(out, tag)
	}
	return out
}

// readInner reads the activity that an object is, if it is one.
func readInner(o *Object, n *node, raw []byte, depth int) error {
	var err error
	if n.get("actor") != nil {
		if o.Actor, err = identity(n, "actor"); err != nil {
			return err
		}
	}
	inner := n.get("object")
	if inner == nil || inner.kind == null {
		return nil
	}
	if inner.kind == list {
		// Only a Create at the top may bring several.
		if len(inner.items) != 1 {
			return formFault("an inner activity with %d objects", len(inner.items))
		}
		inner = &inner.items[0]
	}
	o.Object, err = parseObject(inner, raw, depth+1)
	return err
}

// typeOf gives the type; of several the first that ActivityStreams knows.
func typeOf(n *node) string {
	t := n.get("type")
	if t == nil {
		return ""
	}
	if t.kind == text {
		return t.text
	}
	first := ""
	for i := range t.items {
		if t.kind != list || t.items[i].kind != text {
			continue
		}
		if known(t.items[i].text) {
			return t.items[i].text
		}
		if first == "" {
			first = t.items[i].text
		}
	}
	return first
}

// identity reads an id that must be there and be an address, alone or as the
// id of an embedded object. A list is never an identity.
func identity(n *node, name string) (string, error) {
	m := n.get(name)
	if m == nil {
		return "", formFault("%s is missing", name)
	}
	if m.kind != text && (name == "id" || m.kind != object) {
		return "", formFault("%s is no address", name)
	}
	id := reference(m)
	if id == "" {
		return "", formFault("%s is no address: %.60q", name, m.text)
	}
	return id, nil
}

// reference gives the address that a link, or an embedded object's id or
// href, holds; "" where it is none.
func reference(n *node) string {
	if n == nil {
		return ""
	}
	s := n.text
	switch n.kind {
	case text:
	case object:
		if s = n.str("id"); s == "" {
			s = n.str("href")
		}
	default:
		return ""
	}
	if !soundIRI(s) {
		return ""
	}
	return s
}

// addresses reads to or cc. The public is always written one way.
func addresses(n *node) []string {
	if n == nil || n.kind == null {
		return nil
	}
	several := []node{*n}
	if n.kind == list {
		several = n.items[:min(len(n.items), maxAddresses)]
	}
	var out []string
	for i := range several {
		id := reference(&several[i])
		if several[i].kind == text && (several[i].text == "as:Public" || several[i].text == "Public") {
			id = Public
		}
		if id != "" {
			out = append(out, id)
		}
	}
	return out
}

// soundIRI tells whether an id or address is one that we would ever use:
// http or https, a host, no user, no spaces, not endless. A fragment may be:
// that is how Mastodon names votes.
func soundIRI(s string) bool {
	if len(s) > maxIRI || !strings.HasPrefix(s, "http") {
		return false
	}
	for i := 0; i < len(s); i++ {
		if s[i] <= ' ' || s[i] == 0x7f || s[i] == '\\' || s[i] == '<' || s[i] == '>' || s[i] == '"' {
			return false
		}
	}
	u, err := url.Parse(s)
	return err == nil && (u.Scheme == "https" || u.Scheme == "http") && u.Hostname() != "" && u.User == nil && u.Opaque == ""
}

// SameHost tells whether two addresses have one scheme and one host, the port
// included. It compares parsed addresses, never beginnings of texts.
func SameHost(a, b string) bool {
	x, err := url.Parse(a)
	if err != nil || x.Host == "" {
		return false
	}
	y, err := url.Parse(b)
	if err != nil {
		return false
	}
	return x.Scheme == y.Scheme && strings.EqualFold(authority(x), authority(y))
}

// authority gives host and port, the scheme's own port left out.
func authority(u *url.URL) string {
	if u.Scheme == "https" {
		return strings.TrimSuffix(u.Host, ":443")
	}
	return strings.TrimSuffix(u.Host, ":80")
}

// instant reads a time as mildly as the fediverse writes it; zero where it is
// none, or lies where no honest clock points.
func instant(s string) time.Time {
	if len(s) < 10 || len(s) > 40 {
		return time.Time{}
	}
	for _, form := range []string{time.RFC3339, "2006-01-02T15:04Z07:00", "2006-01-02T15:04:05"} {
		t, err := time.Parse(form, s)
		if err == nil && t.Year() >= 1970 && t.Year() < 2262 {
			return t.UTC()
		}
	}
	return time.Time{}
}
