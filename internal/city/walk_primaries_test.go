package city_test

import (
	"fmt"
	"net/http"
	"strings"
	"time"

	"viche/modules/primaries"
	"viche/web"
)

// assessed is a contest whose participants residents of kamianske grade while the
// walk goes on.
type assessed struct {
	contest *primaries.Contest
	people  []int64
	ids     map[string]int64 // of what routes name
}

// nominate brings a contest to its vote: two participants, a question of a
// resident.
func (w *world) nominate() {
	w.t.Helper()
	town, ctx, crowd, now := w.n.Town("kamianske"), w.t.Context(), w.crowd["kamianske"], w.n.Now()
	const day = 24 * time.Hour
	c, err := town.Primaries.Announce(ctx, primaries.NewContest{
		Office: "Староста", Competences: []string{"budget"}, Questions: []string{"Що зробите спершу?"}, Martial: true,
		Nomination: now, Programme: now.Add(day), Vote: now.Add(2 * day), Closes: now.Add(30 * day), By: "watch",
	})
	w.must(err)
	w.assessed = &assessed{contest: c, ids: map[string]int64{"{contest}": c.ID}}
	watch := crowd[9].Viewer()
	watch.Roles = []web.Role{{Name: "moderator"}}
	for _, r := range crowd[:2] {
		n, err := town.Primaries.Nominate(ctx, r.Viewer(), c.ID, "")
		w.must(err)
		w.must(town.Primaries.Agree(ctx, r.Viewer(), c.ID, primaries.Form{Name: "Зоряна " + r.Handle, Checks: primaries.Checks, Card: primaries.Card{CV: "Десять справ."}}))
		w.must(town.Primaries.Decide(ctx, watch, n.ID, true, "зразок"))
		w.assessed.people = append(w.assessed.people, n.ID)
	}
	w.assessed.ids["{nominee}"] = w.assessed.people[0]
	w.n.Advance(day)
	w.must(town.Primaries.Ask(ctx, crowd[2].Viewer(), c.ID, "Коли приймаєте?"))
	asked, err := town.Primaries.Enquiries(ctx, c.ID)
	w.must(err)
	w.assessed.ids["{question}"] = asked[0].ID
	w.n.Advance(day)
	w.must(town.Primaries.OpenDue(ctx))
}

// assess has those who vote send their sheets of grades too.
func (w *world) assess(turn int) {
	w.t.Helper()
	town := w.n.Town("kamianske")
	for i, r := range w.crowd["kamianske"] {
		grade := primaries.Grades[(choiceOf(voting["kamianske"], i)+turn)%3]
		marks := primaries.Marks{}
		for _, id := range w.assessed.people {
			marks[id] = map[string]string{primaries.Overall: grade, "budget": grade}
		}
		w.must(town.Primaries.Consent(w.t.Context(), r.Viewer(), w.assessed.contest.ID))
		if _, err := town.Primaries.Grade(w.t.Context(), r.Viewer(), w.assessed.contest.ID, marks); err != nil {
			w.t.Fatalf("%s grades participants: %v", r.Handle, err)
		}
	}
}

// checkPrimariesWalked holds that the walk went where the sheets of grades are.
func (w *world) checkPrimariesWalked(answers map[string]answer) {
	w.t.Helper()
	path := w.assessed.contest.Path()
	for key, want := range map[string]int{
		"nobody: GET " + path:             http.StatusOK,
		"nobody: GET " + path + "/ballot": http.StatusOK,
		"a resident: GET " + fmt.Sprintf("%s/participants/%d", path, w.assessed.people[0]): http.StatusOK,
		"a resident: POST " + path + "/ballot ← g1-overall=g1":                             http.StatusUnprocessableEntity,
		"a moderator: GET /desk" + path:                                                    http.StatusOK,
	} {
		got, asked := answers["kamianske.test to "+key]
		if !asked || got.status != want {
			w.t.Errorf("%s = %d, %v; want %d", key, got.status, asked, want)
		}
	}
	if sheet := answers["kamianske.test to a resident: GET "+path+"/ballot"].body; !strings.Contains(sheet, "не можу оцінити") {
		w.t.Error("a resident who has agreed sees no sheet of grades, so that page is not looked at")
	}
}
