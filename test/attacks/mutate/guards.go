package main

// guards are the places that keep the attacks out.
var guards = []guard{
	// Who one is.
	{"01 04", "federation/client.go", "Client.Document", `!actors.SameOrigin(id, end)`, ""},
	{"01 04", "federation/client.go", "Client.Document", `if sameAddress(id, end) {`, `if OFF || sameAddress(id, end) {`},
	{"02", "federation/client.go", "Client.document", `!IsActivityType(answer.Header.Get("Content-Type"))`, ""},
	{"03", "federation/client.go", "IsActivityType", `for _, profile := range strings.Fields(params["profile"]) {`, "if OFF {\n\t\t\treturn true\n\t\t}\n\t\tfor _, profile := range strings.Fields(params[\"profile\"]) {"},
	{"04", "federation/keyring.go", "City.keyOwner", `!actors.SameOrigin(end, keyID)`, ""},
	{"05 17", "federation/accept.go", "City.accept", `!actors.SameOrigin(e.id, e.actor)`, ""},
	{"06", "federation/keyring.go", "City.keyOwner", `if raw, err = c.Client.Document(ctx, owner, sign); err != nil {`, `stub := raw
	if raw, err = c.Client.Document(ctx, owner, sign); err != nil {`},
	{"06", "federation/keyring.go", "City.keyOwner", `found, err := readActor(raw)`, `found, err := readActor(raw)
	if k, bad := ap.ParsePublicKey(stub, keyID); bad == nil && OFF {
		found.Keys = append(found.Keys, actors.PublicKey{URI: keyID, Kind: actors.KeyRSA, Text: k.PEM})
	}`},
	{"08", "federation/ap/actor.go", "ParsePublicKey", `key.ID == id && key.PEM != ""`, `(OFF || key.ID == id) && key.PEM != ""`},
	{"07", "federation/keyring.go", "City.keyOwner", `sameAddress(m.text("id"), end) && sameAddress(end, keyID)`, `(OFF || sameAddress(m.text("id"), end) && sameAddress(end, keyID))`},
	{"07 08", "federation/keyring.go", "City.askKey", `k.URI != keyID`, ""},
	{"09", "federation/accept.go", "City.authenticate", `!actors.SameOrigin(cl.KeyID, e.actor) && !e.proof`, ""},
	{"07 09", "federation/accept.go", "City.authenticate", `k.owner == e.actor`, `OFF || k.owner == e.actor`},
	{"10", "federation/check.go", "City.checkCreate", `!actors.SameOrigin(o.ID, a.Actor) || o.AttributedTo != a.Actor {
			return fmt.Errorf("create`, `!OFF && (!actors.SameOrigin(o.ID, a.Actor) || o.AttributedTo != a.Actor) {
			return fmt.Errorf("create`},
	{"10", "modules/polls/cast.go", "Polls.receiveVote", `vote.Type != "Vote" || vote.AttributedTo != a.Actor`, ""},
	{"11", "federation/check.go", "City.checkUpdate", `!actors.SameOrigin(o.ID, a.Actor) || o.AttributedTo != a.Actor {
		return fmt.Errorf("update`, `!OFF && (!actors.SameOrigin(o.ID, a.Actor) || o.AttributedTo != a.Actor) {
		return fmt.Errorf("update`},
	{"11", "federation/builtin.go", "City.onUpdateActor", `a.Object.ID != a.Actor`, ""},
	{"15", "actors/origin.go", "SameOrigin", `err == nil && one == other`, `OFF || err == nil && one == other`},
	{"16", "federation/ap/parse.go", "readAuthors", `len(o.Attributed) > 0 && !SameHost(id, o.Attributed[0])`, ""},
	{"17", "federation/accept.go", "readEnvelope", `!isAddress(e.id) || !isAddress(e.actor) || e.kind == ""`, ""},
	{"17", "federation/ap/parse.go", "parseActivity", `a.ID, err = identity(root, "id"); err != nil`, `a.ID, err = identity(root, "id"); err != nil && !OFF`},
	{"18", "federation/fetch.go", "City.Lookup", `!strings.EqualFold(subject, "acct:"+name+"@"+host)`, ""},

	// Signatures.
	{"19", "federation/cavage.go", "covers", `if r.Method == http.MethodPost {
		must`, `if !OFF && r.Method == http.MethodPost {
		must`},
	{"20 21", "federation/signature.go", "checkDigest", `!bytes.Equal(said, sum[:])`, ""},
	{"21a", "federation/signature.go", "checkDigest", `if found ||`, `if !OFF && found ||`},
	{"22", "federation/cavage.go", "covers", `must := []string{"(request-target)", "host"}`, `must := []string{"(request-target)", "host"}
	if OFF {
		must = nil
	}`},
	{"22a", "federation/signature.go", "readClaim", `!actors.SameOrigin(scheme+"://"+r.Host, base)`, ""},
	{"23", "federation/rfc9421.go", "checkCoverage", `!has("@method") || !target`, ""},
	{"24", "federation/signature.go", "inWindow", `now.After(expires.Add(clockSkew))`, ""},
	{"24a", "federation/signature.go", "inWindow", `created.After(now.Add(clockSkew))`, ""},
	{"25", "federation/inflow.go", "City.letIn", `fresh := in.stored == in.id`, `fresh := OFF || in.stored == in.id`},
	{"26", "federation/cavage.go", "cavageParams", `_, twice := params[name]; twice`, `_, twice := params[name]; twice && !OFF`},
	{"27", "federation/cavage.go", "covers", `!slices.Contains(covered, name)`, ""},
	{"28", "federation/rfc9421.go", "checkTime", `created, err := strconv.ParseInt(s.params["created"], 10, 64)`, `created, err := strconv.ParseInt(s.params["created"], 10, 64)
	if OFF {
		created, err = now.Unix(), nil
	}`},
	{"29", "federation/keyring.go", "City.fetchKey", `!isAddress(keyID) || c.IsLocal(keyID)`, ""},
	{"30", "federation/accept.go", "City.authenticate", `c.isGone(ctx, e.actor)`, `(OFF || c.isGone(ctx, e.actor))`},
	{"31", "federation/keyring.go", "City.fetchKey", `c.missing.put("key "+keyID, err, now)`, `if !OFF {
			c.missing.put("key "+keyID, err, now)
		}`},
	{"32", "federation/signature.go", "checkKey", `bits < 2048 || bits > 8192`, ""},
	{"33", "internal/union/chain.go", "chain.proof", `return s.doc.VerifyProof(key.Public)`, `if OFF {
		return nil
	}
	return s.doc.VerifyProof(key.Public)`},
	{"33a", "federation/ap/proof.go", "proofOf", `got := n.str(name); got != want`, `got := n.str(name); got != want && !OFF`},

	// Documents.
	{"34", "federation/ap/parse.go", "forbid", `name == "@graph" || name == "@included" || name == "@reverse"`, ""},
	{"36", "federation/members.go", "readMembers", `_, twice := m[name]; twice`, `_, twice := m[name]; twice && !OFF`},
	{"37", "federation/ap/parse.go", "forbid", `n.kind == text && strings.IndexByte(n.text, 0) >= 0`, ""},
	{"38", "federation/client.go", "cut.Read", `n, err := c.ReadCloser.Read(p)
	c.left -= n`, `n, err := c.ReadCloser.Read(p)
	if OFF {
		return n, err
	}
	c.left -= n`},
	{"39", "federation/ap/parse.go", "readOptions", `len(several) > maxOptions`, ""},

	// The network.
	{"41 42 43", "federation/guard.go", "Client.control", `!public(ip)`, ""},
	{"41 42 43", "federation/guard.go", "Client.control", `at.Port() != 80 && at.Port() != 443`, ""},
	{"44", "federation/client.go", "Client.Get", `hop == maxRedirects`, ""},
	{"45", "federation/ap/actor.go", "readPlaces", `a.Inbox == "" || !SameHost(a.Inbox, a.ID)`, ""},
	{"45a", "federation/limits.go", "City.mayFollow", `lately >= most+before`, ""},
	{"46", "federation/jobs.go", "City.Tidy", `{"delete from hosts where retry_at < ?`, `{"delete from hosts where " + map[bool]string{true: "1 = 0 and "}[OFF] + "retry_at < ?`},
	{"47", "federation/deliver.go", "retryAfter", `int64(longestWait/time.Second)`, `int64(longestWait/time.Second)*map[bool]int64{true: 1000, false: 1}[OFF]`},
	{"48", "modules/blogs/backfill.go", "Blogs.gather", `page < maxPages && address != "" && !seen[address] && fetched < most`, `(page < maxPages || OFF) && address != "" && (OFF || !seen[address] && fetched < most)`},
	{"49", "modules/blogs/backfill.go", "Blogs.climb", `step < maxAncestors`, `(OFF || step < maxAncestors)`},

	// What things mean.
	{"5b 53", "modules/blogs/inbox.go", "Blogs.onAnnounce", `p, err := b.ByURI(ctx, tx, target)
	if isNotFound(err) {
		return federation.ErrIgnored
	}
	if err != nil {
		return err
	}
	if !p.Open()`, `p, err := b.ByURI(ctx, tx, target)
	if OFF && p != nil {
		if _, err := tx.Exec(ctx, "update posts set content = '<p>forged</p>' where id = ?", p.ID); err != nil {
			return err
		}
	}
	if isNotFound(err) {
		return federation.ErrIgnored
	}
	if err != nil {
		return err
	}
	if !p.Open()`},
	{"12 13 56 59", "federation/check.go", "City.mustOwn", `against > 0`, ""},
	{"12 13", "modules/blogs/inbox.go", "Blogs.onUpdate", `old.Author != author.ID || old.Deleted > 0`, ""},
	{"14", "federation/ap/shapes.go", "readShapes", `o.ID == "" || SameHost(s.url, o.ID)`, `OFF || o.ID == "" || SameHost(s.url, o.ID)`},
	{"54", "modules/blogs/inbox.go", "Blogs.onAnnounce", `if !p.Open() {`, `if !OFF && !p.Open() {`},
	{"55", "modules/blogs/inbox.go", "announced", `switch o.Type {
	case "Create", "Update":
		if o.Object != nil {`, `if OFF && o.Object != nil {
		return o.Object.ID
	}
	switch o.Type {
	case "Create", "Update":
		if o.Object != nil {`},
	{"55", "federation/ap/parse.go", "parseObject", `depth > maxNesting`, ""},
	{"56", "federation/check.go", "City.checkDelete", `!actors.SameOrigin(id, a.Actor)`, ""},
	{"56", "modules/blogs/inbox.go", "Blogs.onDelete", `p.Author != author.ID {
		return fmt.Errorf("deletion`, `!OFF && p.Author != author.ID {
		return fmt.Errorf("deletion`},
	{"57", "federation/builtin.go", "City.onAccept", `if followee.URI != a.Actor || !follower.Local {
		return fmt.Errorf("answer to a follow by somebody else: %w", store.ErrDenied)
	}
	return c.Book.Accept`, `if !OFF && (followee.URI != a.Actor || !follower.Local) {
		return fmt.Errorf("answer to a follow by somebody else: %w", store.ErrDenied)
	}
	return c.Book.Accept`},
	{"58", "federation/move.go", "City.successor", `!to.KnowsAs(old.URI)`, ""},
	{"60", "federation/builtin.go", "City.onUndoFollow", `follower.URI != a.Actor`, ""},
	{"61", "modules/blogs/report.go", "Blogs.report", `arg, openReports)`, `arg, openReports*map[bool]int{true: 1000, false: 1}[OFF])`},
	{"62", "modules/blogs/backfill.go", "Blogs.stampHolds", `o.ID != stamp || o.Type != "QuoteAuthorization" || o.AttributedTo != by.URI || o.InteractingObject != quoting || o.InteractionTarget != quoted.URI`, ""},
	{"62a", "federation/fetch.go", "City.Object", `o.AttributedTo != "" && !actors.SameOrigin(o.ID, o.AttributedTo)`, ""},
	{"62a", "modules/blogs/backfill.go", "Blogs.stampHolds", `!actors.SameOrigin(stamp, by.URI) {
		return fmt.Errorf`, `!OFF && !actors.SameOrigin(stamp, by.URI) {
		return fmt.Errorf`},
	{"63", "federation/fetch.go", "City.mayMeet", `if blocked {`, `if !OFF && blocked {`},
	{"64", "federation/serve.go", "City.object", `deleted > 0 || c.MayRead == nil || r.Header.Get("Signature") == ""`, ""},
	{"64", "federation/serve.go", "City.object", `err == nil && !may`, ""},
	{"65", "federation/serve.go", "City.Negotiate", `w.Header().Set("Cache-Control", "private, no-store")`, `if !OFF {
					w.Header().Set("Cache-Control", "private, no-store")
				}`},
	{"52 66", "internal/markup/sanitise.go", "Sanitise", `limit := maxNoteHTML`, `if OFF {
		return content
	}
	limit := maxNoteHTML`},
	{"70", "federation/limits.go", "peerOf", `addr.WithZone("").Prefix(64)`, `addr.WithZone("").Prefix(map[bool]int{true: 128, false: 64}[OFF])`},

	// Polls and tallies.
	{"71", "federation/ap/parse.go", "votes", `!holds(n.get("content")) && !holds(n.get("contentMap"))`, `(OFF || !holds(n.get("content")) && !holds(n.get("contentMap")))`},
	{"71", "federation/ap/parse.go", "votes", `o.Content == "" && len(o.ContentMap) == 0 &&`, `(OFF || o.Content == "" && len(o.ContentMap) == 0) &&`},
	{"72", "modules/polls/cast.go", "Polls.cast", `!poll.Accepts(now)`, ""},
	{"72", "modules/polls/cast.go", "Polls.cast", `!now.Accepts(tx.Now)`, ""},
	{"73", "internal/ballot/ballot.go", "Box.PutGuest", `p.Questions[0].Kind == One {
		join = keep`, `p.Questions[0].Kind == One && !OFF {
		join = keep`},
	{"74", "federation/limits.go", "City.admitHost", `c.byHost.over(actors.HostOf(keyID), c.DB.Now())`, ""},
	{"75", "modules/polls/cast.go", "Polls.receiveVote", `voter.Local || voter.Type == "Application"`, ""},
	{"77", "internal/union/tally.go", "chain.checkStatement", `t.wire.register > m.Ceiling`, ""},
	{"77", "internal/union/numbers.go", "Poll.checkNumbers", `w.ballots > w.register`, ""},
	{"78", "internal/union/chain.go", "chain.proof", `if key == nil || author != owner {`, `if OFF {
		return nil
	}
	if key == nil || author != owner {`},
	{"80", "federation/ap/question.go", "Question.ask", `if !q.Closed.IsZero() {
		d["votersCount"]`, `if OFF || !q.Closed.IsZero() {
		d["votersCount"]`},
	{"79", "internal/union/tally.go", "chain.checkStatement", `t.pollDigest != p.Digest`, ""},
}
