package civic

import (
	"encoding/json"
	"fmt"
	"net/http"

	"viche/internal/ballot"
	"viche/internal/union"
	"viche/modules/polls"
	"viche/web"
)

// tally are the ballots of one group and what they say.
type tally struct {
	Ballots int     `json:"ballots"`
	Counts  []count `json:"counts"`
}

type count struct {
	OptionID string `json:"optionId"`
	Count    int    `json:"count"`
}

// outcome is a poll's result, or where it stands so far.
type outcome struct {
	Final        bool    `json:"final"`
	TakenAt      string  `json:"takenAt"`
	Register     int     `json:"register"`
	Verified     tally   `json:"verified"`
	FirstAnswers []count `json:"firstAnswers"` // null where they may not be told
	Open         *tally  `json:"open"`
	Here         *tally  `json:"here"` // this city's part in a poll of many
	// Questions stand in place of the counts of a poll that is not one question
	// with choices.
	Questions []polls.Shown `json:"questions,omitempty"`

	*shares
}

// shares stand in the outcome of a closed poll of many cities.
type shares struct {
	Result      string          `json:"result"` // the PollResult's id
	Members     []member        `json:"members"`
	Lines       json.RawMessage `json:"lines"` // as they were signed
	Missing     []absent        `json:"missing"`
	Excluded    []absent        `json:"excluded"`
	Outstanding int             `json:"outstanding"` // ballots that may still come or change
}

type member struct {
	Actor     string `json:"actor"`
	Territory string `json:"territory"`
	Register  int    `json:"register"`
	tally
}

type absent struct {
	Actor    string `json:"actor"`
	Register int    `json:"register"`
	Reason   string `json:"reason,omitempty"`
	Evidence string `json:"evidence,omitempty"`
}

// results answers GET /polls/ID/results. Whether the caller may see a number is
// decided by polls.ResultsFor, which is the only door.
func (a *API) results(w http.ResponseWriter, r *http.Request) {
	poll, err := a.poll(r)
	if err != nil {
		a.fail(w, r, err)
		return
	}
	res, err := a.Polls.ResultsFor(r.Context(), poll, web.ViewerOf(r))
	switch {
	case err != nil:
		a.fail(w, r, hidden(poll, err))
		return
	case res.Waiting:
		write(w, http.StatusOK, map[string]bool{"pending": true, "final": false})
		return
	case res.TooFew:
		write(w, http.StatusOK, map[string]bool{"tooFew": true})
		return
	}
	out, err := outcomeOf(poll, res)
	if err != nil {
		a.fail(w, r, err)
		return
	}
	write(w, http.StatusOK, out)
}

func outcomeOf(poll *polls.Poll, res polls.Results) (outcome, error) {
	out := outcome{
		Final: res.Final, TakenAt: moment(res.TakenAt), Register: res.Total.Register,
		Verified: *tallyOf(poll, &res.Total), Open: tallyOf(poll, res.Guests), Here: tallyOf(poll, res.Here),
	}
	if !poll.Simple() {
		out.Questions = poll.Show(res.Total)
		out.Open = nil
	}
	// A sum of many cities lacks first answers where one of them may not tell.
	if first := res.Total.Questions[0].First; first != nil && poll.Simple() && res.Total.ShowFirst(poll.K) {
		out.FirstAnswers = countsOf(poll, first)
	}
	if !res.Closed || res.Result == nil {
		return out, nil
	}
	lines, err := linesOf(res.Result)
	if err != nil {
		return out, err
	}
	out.shares = &shares{
		Result: res.Result.URI, Members: []member{}, Lines: lines, Missing: absents(res.Result.Missing),
		Excluded: absents(res.Result.Excluded), Outstanding: res.Result.Outstanding,
	}
	for _, m := range res.Result.Members {
		out.Members = append(out.Members, member{m.Actor, m.Territory, m.Numbers.Register, *tallyOf(poll, &m.Numbers)})
	}
	return out, nil
}

func tallyOf(poll *polls.Poll, n *ballot.Numbers) *tally {
	if n == nil {
		return nil
	}
	if !poll.Simple() {
		return &tally{n.Ballots, []count{}} // they stand in questions, and in the PollResult
	}
	return &tally{n.Ballots, countsOf(poll, n.Questions[0].Counts)}
}

func countsOf(poll *polls.Poll, numbers []int) []count {
	out := make([]count, len(numbers))
	for i, o := range poll.Options() {
		out[i] = count{o.ID, numbers[i]}
	}
	return out
}

func absents(list []union.Absent) []absent {
	out := []absent{}
	for _, m := range list {
		out = append(out, absent{m.Actor, m.Register, m.Reason, m.EvidenceURI})
	}
	return out
}

// linesOf takes the lines of the joined small cities out of what was signed.
func linesOf(r *union.ResultView) (json.RawMessage, error) {
	var signed struct {
		Lines json.RawMessage `json:"lines"`
	}
	if err := json.Unmarshal(r.Raw, &signed); err != nil {
		return nil, fmt.Errorf("result %s: %w", r.URI, err)
	}
	if signed.Lines == nil {
		return json.RawMessage("[]"), nil
	}
	return signed.Lines, nil
}
