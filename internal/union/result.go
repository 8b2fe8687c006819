package union

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"viche/federation/ap"
	"viche/internal/ballot"
	"viche/internal/store"
)

// Words that stand in results, which every city shows as they are.
const (
	cameLate  = "Підсумок надійшов після останнього строку."
	tooFewNow = "Замало голосів, щоб додати їх, не видавши, хто як голосував."
)

// Note is something told in words because its numbers would give somebody away.
type Note struct {
	Kind    string `json:"kind"`           // "late", "correction" or "few"
	Host    string `json:"host,omitempty"` // empty where the city is hidden
	Ballots int    `json:"ballots"`
}

// Result brings a poll's result up to date, if it is time: an interim one for
// the members while the poll is open, a published one after the close. It may
// be called at any time and does nothing when nothing changed.
func (u *Union) Result(ctx context.Context, tx *store.Tx, pollID string) error {
	p, err := u.load(ctx, tx.Bound, pollID)
	if err != nil {
		return fmt.Errorf("result: %w", err)
	}
	if !u.Coordinator {
		return fmt.Errorf("results are the coordinator's: %w", store.ErrDenied)
	}
	if tx.Now.Before(p.close) {
		return u.publishInterim(ctx, tx, p)
	}
	return u.publish(ctx, tx, p, "")
}

// place is a member's part in a result while it is made.
type place struct {
	Member
	register int
	included string
	newest   *stored
	before   *stored // as the newest published result counted it
	line     string  // where it was hidden then
	late     bool
	excluded *Absent
}

// gathered is everything that a result is made of.
type gathered struct {
	places   []*place
	complete bool // every final is in, but for those excluded
	prev     *published
	prevAt   time.Time
	content  string
	shown    map[string]bool // cities that some version showed by themselves
	version  int             // of the newest result, interim ones included
	openHere ballot.Numbers
}

func (u *Union) gather(ctx context.Context, tx *store.Tx, p *row) (*gathered, error) {
	c, err := u.trust(ctx, tx.Bound)
	if err != nil {
		return nil, err
	}
	g := &gathered{shown: map[string]bool{}}
	byActor := map[string]*place{}
	for _, m := range u.invitedTo(c.version(p.list.Version), p.Poll) {
		pl := &place{Member: m, register: -1}
		g.places, byActor[m.Actor] = append(g.places, pl), pl
	}
	newest, err := query(ctx, tx.Bound, `poll = ? and sequence = (
		select max(sequence) from statements n where n.poll = s.poll and n.author = s.author)`, p.PollID)
	if err != nil {
		return nil, err
	}
	for _, s := range newest {
		if pl := byActor[s.author]; pl != nil {
			pl.newest = s
		}
	}
	if err := u.gatherMembers(ctx, tx, p, byActor); err != nil {
		return nil, err
	}
	if err := u.gatherBefore(ctx, tx, p, g, byActor); err != nil {
		return nil, err
	}
	g.complete = true
	for _, pl := range g.places {
		if pl.register < 0 {
			pl.register = pl.Ceiling // the most that may still come
			if pl.newest != nil {
				pl.register = pl.newest.numbers.Register
			}
		}
		if pl.late && pl.included == "" && pl.excluded == nil {
			pl.excluded = &Absent{Actor: pl.Actor, Register: pl.register, Reason: cameLate}
		}
		if pl.excluded == nil && (pl.newest == nil || pl.newest.stage == Interim) {
			g.complete = false
		}
	}
	return g, nil
}

// gatherMembers reads registers, exclusions, and whose final came too late.
func (u *Union) gatherMembers(ctx context.Context, tx *store.Tx, p *row, byActor map[string]*place) error {
	rows, err := tx.Query(ctx, `
		select i.member, i.register, i.included, coalesce((
			select min(s.stored) from statements s where s.poll = i.poll and s.author = i.member and s.stage <> 'interim'), 0)
		from invitations i where i.poll = ?`, p.PollID)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var actor, included string
		var register int
		var final int64
		if err := rows.Scan(&actor, &register, &included, &final); err != nil {
			return err
		}
		if pl := byActor[actor]; pl != nil {
			pl.register, pl.included, pl.late = register, included, final > store.Millis(p.TalliesDue)
		}
	}
	if err := rows.Err(); err != nil {
		return err
	}
	out, err := tx.Query(ctx, "select member, reason, uri, digest from exclusions where poll = ?", p.PollID)
	if err != nil {
		return err
	}
	defer out.Close()
	for out.Next() {
		a := Absent{}
		if err := out.Scan(&a.Actor, &a.Reason, &a.EvidenceURI, &a.Evidence); err != nil {
			return err
		}
		if pl := byActor[a.Actor]; pl != nil {
			if a.Register = pl.register; a.Register < 0 {
				a.Register = 0
			}
			pl.excluded = &a
		}
	}
	return out.Err()
}

// gatherBefore reads what was published before, and what stood in it.
func (u *Union) gatherBefore(ctx context.Context, tx *store.Tx, p *row, g *gathered, byActor map[string]*place) error {
	if err := tx.Row(ctx, []any{&g.version}, "select coalesce(max(version), 0) from union_results where poll = ?", p.PollID); err != nil {
		return err
	}
	var err error
	if g.prev, err = u.newestResult(ctx, tx.Bound, p, true); err != nil || g.prev == nil {
		return err
	}
	var at int64
	if err := tx.Row(ctx, []any{&at, &g.content}, "select stored, content from union_results where poll = ? and version = ?", p.PollID, g.prev.version); err != nil {
		return err
	}
	g.prevAt = store.Time(at)
	rows, err := tx.Query(ctx, `
		select c.author, c.line, s.sequence, s.uri, s.digest, s.stage, s.numbers, s.open, s.published, c.version
		from counted_statements c
		join statements s on s.poll = c.poll and s.author = c.author and s.sequence = c.sequence
		where c.poll = ? and (c.version = ? or c.line = '')`, p.PollID, g.prev.version)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var author, line string
		var version int
		s, err := scanStored(func(dest ...any) error {
			return rows.Scan(append([]any{&author, &line}, append(dest[1:], &version)...)...)
		})
		if err != nil {
			return err
		}
		s.author = author
		if line == "" {
			g.shown[author] = true
		}
		if pl := byActor[author]; pl != nil && version == g.prev.version {
			pl.before, pl.line = s, line
		}
	}
	return rows.Err()
}

// publish makes the next version of a poll's result, if there is something new
// and it is time. A decision is published at once and its words stand in it.
func (u *Union) publish(ctx context.Context, tx *store.Tx, p *row, decision string) error {
	if tx.Now.Before(p.close) {
		return nil
	}
	g, err := u.gather(ctx, tx, p)
	if err != nil {
		return fmt.Errorf("result of %s: %w", p.URI, err)
	}
	final := g.complete || !tx.Now.Before(p.TalliesDue) || g.prev != nil && g.prev.stage == Final
	if decision == "" {
		if g.prev == nil && !final && tx.Now.Before(p.close.Add(u.Grace)) {
			return nil
		}
		if g.prev != nil && tx.Now.Before(g.prevAt.Add(u.RenewEvery)) {
			return nil
		}
	}
	if u.OpenHere != nil {
		if g.openHere, err = u.OpenHere(ctx, tx, p.PollID); err != nil {
			return fmt.Errorf("open votes here: %w", err)
		}
	}
	d := u.decide(p, g, final)
	if !d.whole.Showable(p.K) && g.prev != nil {
		return u.settle(ctx, tx, p, final) // what was published stands
	}
	if !d.whole.Showable(p.K) {
		return u.hinder(ctx, tx, p, final)
	}
	return u.publishDraft(ctx, tx, p, g, d, decision)
}

// hinder notes that a result would show too few, and closes the poll without
// numbers.
func (u *Union) hinder(ctx context.Context, tx *store.Tx, p *row, settled bool) error {
	if p.hindered == "few" && settled == p.settled {
		return nil
	}
	if _, err := tx.Exec(ctx, "update union_polls set hindered = 'few', settled = ? where poll = ?", store.Flag(settled), p.PollID); err != nil {
		return err
	}
	if p.hindered == "few" {
		return nil
	}
	raw, err := u.closedPoll(p, nil, tx.Now)
	if err != nil {
		return err
	}
	if err := u.publishClosed(ctx, tx, p, raw); err != nil {
		return err
	}
	if u.Options.Result == nil {
		return nil
	}
	return u.Options.Result(ctx, tx, p.PollID, ResultView{PollID: p.PollID, TooFew: true, ClosedAt: p.close})
}

// draft is a result that was decided on but not signed.
type draft struct {
	final             bool
	shares            []Share
	lines             []Line
	lined             map[string]string // author → territory of the line
	used              map[string]*stored
	missing, excluded []Absent
	outstanding       int
	whole             ballot.Numbers
	open              ballot.Numbers
	notes             []Note
}

// decide chooses what counts and how it is shown. It is pure.
func (u *Union) decide(p *row, g *gathered, final bool) *draft {
	d := &draft{final: final, lined: map[string]string{}, used: map[string]*stored{}}
	var counted []*place
	for _, pl := range g.places {
		switch {
		case pl.excluded != nil:
			d.excluded = append(d.excluded, *pl.excluded)
			if pl.late && pl.newest != nil {
				d.notes = append(d.notes, Note{"late", pl.Host(), pl.newest.numbers.Ballots})
			}
			continue
		case pl.newest == nil || pl.newest.stage == Interim:
			d.miss(pl)
		}
		if pl.newest != nil {
			d.used[pl.Actor] = pl.newest
			counted = append(counted, pl)
		}
	}
	d.keepSmallChanges(p, g, counted)
	shares := make([]cityShare, len(counted))
	for i, pl := range counted {
		shares[i] = cityShare{actor: pl.Actor, territory: pl.Territory, numbers: d.used[pl.Actor].numbers, shown: g.shown[pl.Actor], line: pl.line}
	}
	a := arrange(shares, p.K, u.Oblast)
	if !final {
		// Who would be hidden waits for the final result: lines that grow city
		// by city would give each of them away.
		for _, group := range append([][]int{a.left}, values(a.lines)...) {
			for _, i := range group {
				d.hold(counted[i])
			}
		}
		a.lines, a.left = nil, nil
	}
	if final {
		a.force(shares, p.K)
	}
	for _, i := range a.left {
		pl := counted[i]
		d.excluded = append(d.excluded, Absent{Actor: pl.Actor, Register: pl.register, Reason: tooFewNow})
		d.notes = append(d.notes, Note{Kind: "few", Ballots: shares[i].numbers.Ballots})
		d.unmiss(pl)
		delete(d.used, pl.Actor)
	}
	for _, i := range a.alone {
		s := d.used[counted[i].Actor]
		d.shares = append(d.shares, Share{counted[i].Actor, counted[i].Territory, s.uri, s.stage, s.digest, s.sequence, s.numbers})
		d.whole = plus(d.whole, s.numbers)
	}
	for _, code := range sorted(a.lines) {
		l := Line{Territory: code}
		for _, i := range a.lines[code] {
			s := d.used[counted[i].Actor]
			l.Cities++
			l.Numbers, l.Digests = plus(l.Numbers, s.numbers), append(l.Digests, s.digest)
			d.lined[counted[i].Actor] = code
		}
		slices.Sort(l.Digests)
		d.lines, d.whole = append(d.lines, l), plus(d.whole, l.Numbers)
	}
	for _, s := range d.used {
		if s.open != nil {
			d.open = plus(d.open, *s.open)
		}
	}
	if g.openHere.Ballots > 0 {
		d.open = plus(d.open, g.openHere)
	}
	return d
}

func values(m map[string][]int) (out [][]int) {
	for _, code := range sorted(m) {
		out = append(out, m[code])
	}
	return out
}

func (d *draft) miss(pl *place) {
	d.missing = append(d.missing, Absent{Actor: pl.Actor, Register: pl.register})
	d.outstanding += pl.register
}

func (d *draft) unmiss(pl *place) {
	d.missing = slices.DeleteFunc(d.missing, func(a Absent) bool { return a.Actor == pl.Actor })
	d.outstanding = 0
	for _, m := range d.missing {
		d.outstanding += m.Register
	}
}

// hold leaves a city that must be hidden out of a preliminary result.
func (d *draft) hold(pl *place) {
	d.unmiss(pl)
	d.miss(pl)
	delete(d.used, pl.Actor)
}

// keepSmallChanges goes back to what the newest result counted where a later
// statement would move so few ballots that they could be told: fewer than k of
// a city that is shown, or those of fewer than three cities in a line. It does
// not where the outcome could be another.
func (d *draft) keepSmallChanges(p *row, g *gathered, counted []*place) {
	groups := map[string][]*place{}
	for _, pl := range counted {
		if pl.before == nil || pl.before.digest == pl.newest.digest {
			continue
		}
		if pl.line != "" {
			groups[pl.line] = append(groups[pl.line], pl)
		} else if pl.before.stage != Interim {
			groups[pl.Actor] = append(groups[pl.Actor], pl)
		}
	}
	for _, name := range sorted(groups) {
		group := groups[name]
		var from, to ballot.Numbers
		for _, pl := range group {
			from, to = plus(from, pl.before.numbers), plus(to, pl.newest.numbers)
		}
		hidden := group[0].line != ""
		if moved(from, to) >= p.K && (!hidden || len(group) >= leastCities) {
			continue
		}
		var now ballot.Numbers
		for _, s := range d.used {
			now = plus(now, s.numbers)
		}
		if changesOutcome(swap(now, to, from), now) {
			continue
		}
		note := Note{Kind: "correction", Host: group[0].Host(), Ballots: moved(from, to)}
		if hidden {
			note.Host = ""
		}
		d.notes = append(d.notes, note)
		for _, pl := range group {
			d.used[pl.Actor] = pl.before
		}
	}
}

func (u *Union) publishDraft(ctx context.Context, tx *store.Tx, p *row, g *gathered, d *draft, decision string) error {
	stage := Preliminary
	if d.final {
		stage = Final
	}
	obj := map[string]any{
		"type": "PollResult", "attributedTo": u.Actor(), "to": []string{ap.Public}, "poll": p.URI, "pollDigest": p.Digest,
		"trustList": p.list.wire(), "stage": stage, "closedAt": ap.FormatTime(p.close), "verified": p.wire(d.whole),
		"members": p.wireShares(d.shares), "lines": p.wireLines(d.lines), "missing": wireAbsent(d.missing), "excluded": wireAbsent(d.excluded),
		"outstanding": d.outstanding,
	}
	// Guests' votes are told however few: they came over the open network, and
	// each guest may look whether the own one stands there.
	if d.open.Ballots > 0 {
		obj["open"] = p.wireOpen(d.open)
		if g.openHere.Ballots > 0 {
			obj["openAtCoordinator"] = p.wireOpen(g.openHere)
		}
	}
	if decision != "" {
		obj["reason"] = decision
	}
	content, err := contentOf(obj, d.notes)
	if err != nil {
		return err
	}
	if content == g.content {
		return u.settle(ctx, tx, p, d.final)
	}
	at := latest(seconds(tx.Now), p.close)
	for _, s := range d.used {
		at = latest(at, s.published)
	}
	if g.prev != nil {
		obj["supersedes"] = g.prev.uri
		at = latest(at, g.prev.at)
	}
	version := g.version + 1
	obj["id"], obj["version"], obj["published"] = fmt.Sprintf("%s/results/%d", p.URI, version), version, ap.FormatTime(at)
	raw, err := u.sign(obj, at)
	if err != nil {
		return fmt.Errorf("sign result: %w", err)
	}
	if err := u.storeResult(ctx, tx, p, raw, stage, version, at, content, d.notes, 0); err != nil {
		return err
	}
	for some := range slices.Chunk(sorted(d.used), 100) {
		insert, args := "insert into counted_statements (poll, version, author, sequence, line) values ", []any{}
		for i, actor := range some {
			if i > 0 {
				insert += ", "
			}
			insert += "(?, ?, ?, ?, ?)"
			args = append(args, p.PollID, version, actor, d.used[actor].sequence, d.lined[actor])
		}
		if _, err := tx.Exec(ctx, insert, args...); err != nil {
			return fmt.Errorf("store result: %w", err)
		}
	}
	if err := u.settle(ctx, tx, p, d.final); err != nil {
		return err
	}
	closed, err := u.closedPoll(p, &published{uri: obj["id"].(string), numbers: d.whole}, at)
	if err != nil {
		return err
	}
	if err := u.publishClosed(ctx, tx, p, closed); err != nil {
		return err
	}
	if err := u.sendEvidence(ctx, tx, p, g); err != nil {
		return err
	}
	u.Log.Info("result published", "poll", p.URI, "stage", stage, "version", version, "missing", len(d.missing))
	return u.tell(ctx, tx, p)
}

// settle notes whether the poll needs no further look by the clock.
func (u *Union) settle(ctx context.Context, tx *store.Tx, p *row, settled bool) error {
	if p.settled == settled && p.hindered == "" {
		return nil
	}
	_, err := tx.Exec(ctx, "update union_polls set settled = ?, hindered = '' where poll = ?", store.Flag(settled), p.PollID)
	return err
}

// tell hands the newest result to whoever shows it.
func (u *Union) tell(ctx context.Context, tx *store.Tx, p *row) error {
	if u.Options.Result == nil {
		return nil
	}
	v, found, err := u.resultOf(ctx, tx.Bound, p)
	if err != nil || !found {
		return err
	}
	return u.Options.Result(ctx, tx, p.PollID, v)
}

func (u *Union) storeResult(ctx context.Context, tx *store.Tx, p *row, raw []byte, stage string, version int, at time.Time, content string, notes []Note, own int) error {
	told, err := json.Marshal(notes)
	if err != nil {
		return err
	}
	_, err = tx.Exec(ctx, `
		insert into union_results (poll, version, stage, uri, raw, published, stored, content, notes, own)
		values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		p.PollID, version, stage, fmt.Sprintf("%s/results/%d", p.URI, version), raw, store.Millis(at), store.Millis(tx.Now), content, string(told), own)
	if err != nil {
		return fmt.Errorf("store result: %w", err)
	}
	return nil
}

func contentOf(obj map[string]any, notes []Note) (string, error) {
	raw, err := json.Marshal([]any{obj, notes}) // sorts the names
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(raw)
	return hex.EncodeToString(sum[:]), nil
}

func (p *Poll) wireShares(shares []Share) []any {
	out := []any{}
	for _, s := range shares {
		entry := p.wire(s.Numbers)
		entry["actor"], entry["territory"] = s.Actor, s.Territory
		entry["statement"] = map[string]any{"id": s.StatementURI, "stage": s.Stage, "sequence": s.Sequence, "digest": s.Digest}
		out = append(out, entry)
	}
	return out
}

func (p *Poll) wireLines(lines []Line) []any {
	out := []any{}
	for _, l := range lines {
		entry := p.wire(l.Numbers)
		var digests []any
		for _, d := range l.Digests {
			digests = append(digests, map[string]any{"digest": d})
		}
		entry["territory"], entry["memberCount"], entry["statements"] = l.Territory, l.Cities, digests
		out = append(out, entry)
	}
	return out
}

func wireAbsent(list []Absent) []any {
	out := []any{}
	for _, a := range list {
		entry := map[string]any{"actor": a.Actor, "register": a.Register}
		if a.Reason != "" {
			entry["reason"] = a.Reason
		}
		if a.EvidenceURI != "" {
			entry["evidence"] = map[string]any{"id": a.EvidenceURI, "digest": a.Evidence}
		}
		out = append(out, entry)
	}
	return out
}

// closedPoll signs the poll as it stands after the close: with the verified
// numbers of a result, or without any where they would show too few.
func (u *Union) closedPoll(p *row, r *published, at time.Time) ([]byte, error) {
	var obj map[string]any
	if err := p.signed.doc.Decode(&obj); err != nil {
		return nil, err
	}
	delete(obj, "proof")
	obj["closed"], obj["updated"] = ap.FormatTime(p.close), ap.FormatTime(at)
	if r != nil {
		obj["votersCount"], obj["result"] = r.numbers.Ballots, r.uri
		for _, name := range []string{"oneOf", "anyOf"} {
			options, _ := obj[name].([]any)
			for i, o := range options {
				o.(map[string]any)["replies"] = map[string]any{"type": "Collection", "totalItems": r.numbers.Questions[0].Counts[i]}
			}
		}
	}
	raw, err := u.sign(obj, at)
	if err != nil {
		return nil, fmt.Errorf("sign closed poll: %w", err)
	}
	return raw, nil
}

// publishClosed keeps the closed poll and tells the member cities, which then
// ask for the result: that of the whole country is too long for an inbox.
func (u *Union) publishClosed(ctx context.Context, tx *store.Tx, p *row, raw []byte) error {
	if _, err := tx.Exec(ctx, "update union_polls set latest = ? where poll = ?", raw, p.PollID); err != nil {
		return err
	}
	to, err := u.accepters(ctx, tx, p)
	if err != nil {
		return err
	}
	return u.deliver(ctx, tx, "Update", raw, to...)
}

// accepters are the cities that hold the poll.
func (u *Union) accepters(ctx context.Context, tx *store.Tx, p *row) (out []string, err error) {
	rows, err := tx.Query(ctx, "select member from invitations where poll = ? and register >= 0 order by member", p.PollID)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var actor string
		if err := rows.Scan(&actor); err != nil {
			return nil, err
		}
		out = append(out, actor)
	}
	return out, rows.Err()
}

// sendEvidence gives members the proof of who signed twice, after the close:
// it holds numbers.
func (u *Union) sendEvidence(ctx context.Context, tx *store.Tx, p *row, g *gathered) error {
	excluded := slices.ContainsFunc(g.places, func(pl *place) bool { return pl.excluded != nil && pl.excluded.Evidence != "" })
	if !excluded {
		return nil
	}
	rows, err := tx.Query(ctx, "select raw from exclusions where poll = ? and sent = 0 and raw is not null", p.PollID)
	if err != nil {
		return err
	}
	defer rows.Close()
	var list [][]byte
	for rows.Next() {
		var raw []byte
		if err := rows.Scan(&raw); err != nil {
			return err
		}
		list = append(list, raw)
	}
	if err := rows.Err(); err != nil {
		return err
	}
	to, err := u.accepters(ctx, tx, p)
	if err != nil {
		return err
	}
	for _, raw := range list {
		if err := u.deliver(ctx, tx, "Offer", raw, to...); err != nil {
			return err
		}
	}
	_, err = tx.Exec(ctx, "update exclusions set sent = 1 where poll = ?", p.PollID)
	return err
}

// publishInterim tells the members how the whole stands while the poll is
// open, when at least Step ballots have moved since the last time.
func (u *Union) publishInterim(ctx context.Context, tx *store.Tx, p *row) error {
	if p.Policy == AfterClose || !tx.Now.Before(p.close.Add(-quietBefore)) {
		return nil
	}
	g, err := u.gather(ctx, tx, p)
	if err != nil {
		return fmt.Errorf("interim result of %s: %w", p.URI, err)
	}
	at, whole := seconds(tx.Now), ballot.Numbers{}
	for _, pl := range g.places {
		if pl.newest != nil && pl.excluded == nil {
			whole, at = plus(whole, pl.newest.numbers), latest(at, pl.newest.published)
		}
	}
	before, err := u.newestResult(ctx, tx.Bound, p, false)
	if err != nil {
		return err
	}
	from := ballot.Numbers{}
	if before != nil {
		from = before.numbers
		if tx.Now.Before(before.at.Add(u.RenewEvery)) {
			return nil
		}
	}
	if len(whole.Questions) == 0 || moved(from, whole) < u.Step || !whole.Showable(p.K) {
		return nil
	}
	to, err := u.accepters(ctx, tx, p)
	if err != nil || len(to) == 0 {
		return err
	}
	version := g.version + 1
	raw, err := u.sign(map[string]any{
		"id": fmt.Sprintf("%s/results/%d", p.URI, version), "type": "PollResult", "attributedTo": u.Actor(), "to": to,
		"published": ap.FormatTime(at), "poll": p.URI, "pollDigest": p.Digest, "trustList": p.list.wire(), "stage": Interim, "version": version,
		"verified": p.wire(whole),
	}, at)
	if err != nil {
		return fmt.Errorf("sign interim result: %w", err)
	}
	if err := u.storeResult(ctx, tx, p, raw, Interim, version, at, "", nil, 0); err != nil {
		return err
	}
	if err := u.deliver(ctx, tx, "Create", raw, to...); err != nil {
		return err
	}
	return u.tell(ctx, tx, p)
}
