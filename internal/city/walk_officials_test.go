package city_test

import (
	"net/http"
	"net/http/httptest"
	"strings"

	"viche/modules/officials"
)

// graded is somebody in an office whom residents of kamianske grade.
type graded struct {
	round      *officials.Round
	card, desk string
	ids        map[string]int64 // of what routes name
}

// rate puts somebody into an office, with a document, a complaint about it and a
// round of grades that its channel has told of.
func (w *world) rate() {
	w.t.Helper()
	town, ctx := w.n.Town("kamianske"), w.t.Context()
	check := func(err error) {
		w.t.Helper()
		if err != nil {
			w.t.Fatal(err)
		}
	}
	office, err := town.Officials.AddOffice(ctx, officials.NewOffice{Kind: "community-head", Territory: town.Config.Territory, Sphere: "government", Title: "міський голова", Reason: "зразок", By: "watch"})
	check(err)
	term, err := town.Officials.AddTerm(ctx, officials.NewTerm{Office: office.ID, Name: "Роман Гаданенко", From: "2025-01-01", Source: "зразок", Reason: "зразок", By: "watch"})
	check(err)
	indicator, err := town.Officials.AddIndicator(ctx, officials.NewIndicator{Term: term, Kind: "answers", Value: "71", Unit: "%", From: "2025-01-01", Until: "2025-06-30", Source: "зразок", Reason: "зразок", By: "watch"})
	check(err)
	reply, err := town.Officials.Say(ctx, officials.NewReply{Term: term, Kind: officials.Correction, Indicator: indicator, Body: "Має бути інше.", Document: "лист", Reason: "зразок", By: "watch"})
	check(err)
	round, err := town.Officials.OpenRound(ctx, term, "14", "зразок", "watch")
	check(err)
	check(town.Officials.TellDue(ctx))
	w.settle()
	card := (&officials.Term{ID: term}).Path()
	w.graded = &graded{round: round, card: card, desk: strings.Replace(card, "/officials/", "/officials/terms/", 1),
		ids: map[string]int64{"{office}": office.ID, "{term}": term, "{round}": round.ID, "{reply}": reply}}
}

// grade has those who vote grade too: 23, 11 and 6 of them alike in the end.
func (w *world) grade(turn int) {
	w.t.Helper()
	town := w.n.Town("kamianske")
	for i, r := range w.crowd["kamianske"] {
		grade := officials.Grades[(choiceOf(voting["kamianske"], i)+turn)%3]
		if _, err := town.Officials.Grade(w.t.Context(), r.Viewer(), w.graded.round.ID, map[string]string{officials.Overall: grade, "results": grade}); err != nil {
			w.t.Fatalf("%s grades: %v", r.Handle, err)
		}
	}
	if err := town.Officials.TellDue(w.t.Context()); err != nil {
		w.t.Fatal(err)
	}
}

// checkOfficialsWalked holds that the walk went where the grades are.
func (w *world) checkOfficialsWalked(answers map[string]answer) {
	w.t.Helper()
	for key, want := range map[string]int{
		"nobody: GET /officials":                                             http.StatusOK,
		"a resident: GET " + w.graded.round.Path():                           http.StatusOK,
		"a resident: POST " + w.graded.round.Path() + "/ballot ← overall=g9": http.StatusUnprocessableEntity,
		"a program: GET " + w.graded.card + "/card.json":                     http.StatusOK,
		"a moderator: GET /desk" + w.graded.desk + "?do=round":               http.StatusOK,
	} {
		if got, asked := answers["kamianske.test to "+key]; !asked || got.status != want {
			w.t.Errorf("%s = %d, %v; want %d", key, got.status, asked, want)
		}
	}
}

// checkGradersSee is the control: the numbers are there for whoever graded.
func (w *world) checkGradersSee() {
	w.t.Helper()
	voter := w.crowd["kamianske"][5]
	q := httptest.NewRequest(http.MethodGet, "https://kamianske.test"+w.graded.round.Path(), nil)
	w.signedIn("", voter).dress(q)
	page := httptest.NewRecorder()
	voter.Town.Handler().ServeHTTP(page, q)
	for _, number := range []string{"40", "23", "11"} {
		if page.Code != http.StatusOK || !numbersOf(page.Body.String())[number] {
			w.t.Errorf("the page of a round = %d without %s for whoever graded", page.Code, number)
		}
	}
}
