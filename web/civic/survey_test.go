package civic_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"viche/modules/polls"
)

func TestSurveyIsAnsweredAndToldQuestionByQuestion(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, c *client) {
		crowd := c.n.Crowd("kamianske", 34)
		p, err := c.n.Town("kamianske").Polls.OpenPoll(t.Context(), polls.Draft{
			Title: "Що з парком?", Sphere: "ecology", ClosesAt: c.n.Now().Add(24 * time.Hour),
			Questions: []polls.DraftQuestion{
				{Kind: polls.AskRanking, Options: []string{"Сцена", "Каток", "Сад"}},
				{Kind: polls.AskScale5, Text: "Чи чисто там?", Hard: true},
				{Kind: polls.AskOne, Text: "Чому ні?", Options: []string{"Сміття", "Пил"}, When: "2:1"},
			},
		})
		if err != nil {
			t.Fatal(err)
		}
		token := c.n.Bearer(&crowd[0])
		if a := c.get("kamianske", token, "/polls/"+p.PollID); a.status != http.StatusOK || !strings.Contains(string(a.raw), `"when":{"question":"q2","option":"o1"}`) {
			t.Errorf("the poll = %d %s", a.status, a.raw)
		}
		for body, field := range map[string]string{
			`{"answers":[["o1","o1"],[],[]]}`: "q1", `{"answers":[["o1"],["o1","o2"],[]]}`: "q2", `{"answers":[["o1"],["o2"],["o1"]]}`: "q3",
			`{"answers":[["o1"],["hard","o2"],[]]}`: "q2", `{"answers":[["o1"]]}`: "choices", `{"answers":[[],[],[]]}`: "choices", `{"choices":["o1"]}`: "choices",
			`{"answers":[["o1"],null,[]]}`: "answers", `{"answers":["o1"]}`: "answers", `{"answers":[],"answers":[]}`: "answers", `{"answers":[],"choices":[]}`: "choices",
		} {
			c.vote("kamianske", token, p.PollID, body).want(t, body, http.StatusUnprocessableEntity, "", field)
		}
		for i, r := range crowd {
			body := `{"answers":[["o2","o1"],["o4"],[]]}`
			if i%6 == 0 {
				body = `{"answers":[["o3"],["o1"],["o1"]]}`
			}
			c.vote("kamianske", c.n.Bearer(&r), p.PollID, body).want(t, body, http.StatusOK, "", "")
		}
		if a := c.get("kamianske", token, "/polls/"+p.PollID+"/ballot"); fmt.Sprint(a.body["answers"]) != "[[o3] [o1] [o1]]" {
			t.Errorf("the own ballot = %s", a.raw)
		}
		c.n.Advance(25 * time.Hour)
		c.n.Settle()
		a := c.get("kamianske", "", "/polls/"+p.PollID+"/results")
		for _, want := range []string{`"places":[["o2"],["o1"],["o3"]]`, `"median":["o4"]`, `{"id":"q3","kind":"one","tooFew":true}`, `{"optionId":"o2","over":"o1","count":28}`, `"runoff":[[`, `"counts":[],`, `"ballots":34`} {
			if !strings.Contains(strings.ReplaceAll(string(a.raw), `"counts":[]}`, `"counts":[],`), want) {
				t.Errorf("the results lack %s: %s", want, a.raw)
			}
		}
	}, "kamianske")
}
