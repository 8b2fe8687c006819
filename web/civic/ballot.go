package civic

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"

	"github.com/go-chi/chi/v5"

	"viche/internal/ballot"
	"viche/internal/store"
	"viche/web"
)

// ballotLimit bounds the body of a ballot.
const ballotLimit = 16 << 10

// cast answers PUT /polls/ID/ballot. The same request again changes nothing, so
// a program may repeat one whose answer got lost.
func (a *API) cast(w http.ResponseWriter, r *http.Request) {
	poll := chi.URLParam(r, "id")
	if err := a.Polls.WasOpened(r.Context(), poll); err != nil {
		a.fail(w, r, err)
		return
	}
	answer, err := readAnswer(http.MaxBytesReader(w, r.Body, ballotLimit))
	if err != nil {
		a.fail(w, r, err)
		return
	}
	receipt, err := a.Polls.CastAs(r.Context(), web.ViewerOf(r), callerOf(r).voter, poll, answer)
	if err != nil {
		a.fail(w, r, err)
		return
	}
	write(w, http.StatusOK, map[string]int{"changes": receipt.Changes})
}

// ownBallot answers GET /polls/ID/ballot.
func (a *API) ownBallot(w http.ResponseWriter, r *http.Request) {
	poll, err := a.poll(r)
	if err != nil {
		a.fail(w, r, err)
		return
	}
	stand, err := a.Polls.Stand(r.Context(), poll, web.ViewerOf(r))
	switch {
	case err != nil:
		a.fail(w, r, err)
	case stand.Hidden:
		a.fail(w, r, noAnswer{reasonReset})
	case stand.Gone && stand.Voted:
		a.fail(w, r, noAnswer{reasonDestroyed})
	case !stand.Voted:
		a.fail(w, r, noAnswer{reasonNotVoted})
	default:
		if poll.Simple() {
			write(w, http.StatusOK, map[string][]string{"choices": stand.Own})
			return
		}
		for i := range stand.Answer {
			if stand.Answer[i] == nil {
				stand.Answer[i] = []string{}
			}
		}
		write(w, http.StatusOK, map[string]ballot.Answer{"answers": stand.Answer})
	}
}

// readAnswer reads {"choices":["o1"]}, or {"answers":[["o1"],[]]} with a list for
// each question, and nothing else: a ballot is not to be guessed at. A member in
// another case, twice, or beside it is refused.
func readAnswer(body io.Reader) (ballot.Answer, error) {
	dec := json.NewDecoder(body)
	if t, err := dec.Token(); err != nil {
		return nil, malformed(err)
	} else if t != json.Delim('{') {
		return nil, store.Invalid("body", "civic.body.object")
	}
	var answer ballot.Answer
	seen := false
	for dec.More() {
		name, err := dec.Token()
		if err != nil {
			return nil, malformed(err)
		}
		if name != "choices" && name != "answers" {
			text, _ := name.(string) // the decoder lets nothing else stand here
			return nil, store.Invalid(short(text), "civic.body.unknown")
		}
		if seen {
			return nil, store.Invalid(name.(string), "civic.body.twice")
		}
		seen = true
		if name == "answers" {
			answer, err = readLists(dec)
		} else {
			answer = make(ballot.Answer, 1)
			answer[0], err = readList(dec)
		}
		if err != nil {
			return nil, err
		}
	}
	if _, err := dec.Token(); err != nil {
		return nil, malformed(err)
	}
	if !seen {
		return nil, store.Invalid("choices", "civic.choices.missing")
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		var tooBig *http.MaxBytesError
		if errors.As(err, &tooBig) {
			return nil, err
		}
		return nil, errMalformed
	}
	return answer, nil
}

// readLists reads one list of option ids for each question; an empty one leaves
// the question unanswered.
func readLists(dec *json.Decoder) (ballot.Answer, error) {
	var lists []*[]*string
	err := dec.Decode(&lists)
	var wrong *json.UnmarshalTypeError
	if err != nil && !errors.As(err, &wrong) {
		return nil, malformed(err)
	}
	if err != nil || lists == nil {
		return nil, store.Invalid("answers", "civic.choices.form")
	}
	out := make(ballot.Answer, len(lists))
	for i, list := range lists {
		if list == nil {
			return nil, store.Invalid("answers", "civic.choices.form")
		}
		for _, one := range *list {
			if one == nil {
				return nil, store.Invalid("answers", "civic.choices.form")
			}
			out[i] = append(out[i], *one)
		}
	}
	return out, nil
}

func readList(dec *json.Decoder) ([]string, error) {
	var list []*string
	err := dec.Decode(&list)
	var wrong *json.UnmarshalTypeError
	if err != nil && !errors.As(err, &wrong) {
		return nil, malformed(err)
	}
	if err != nil || list == nil {
		return nil, store.Invalid("choices", "civic.choices.form")
	}
	out := make([]string, len(list))
	for i, one := range list {
		if one == nil {
			return nil, store.Invalid("choices", "civic.choices.form")
		}
		out[i] = *one
	}
	return out, nil
}

// malformed tells a body that is too long or cut off from one that is no JSON.
func malformed(err error) error {
	var tooBig *http.MaxBytesError
	if errors.As(err, &tooBig) {
		return err
	}
	return errMalformed
}

// short keeps a name that somebody made up from filling the answer.
func short(name string) string {
	letters := []rune(name)
	if len(letters) > 40 {
		return string(letters[:40]) + "…"
	}
	return name
}
