package polls

import "slices"

// A readyDraft is a ready draft to start from. It is in Ukrainian, as polls are.
type readyDraft struct {
	ID          string
	Title, Body string
	Questions   []newQuestion
}

var readyDrafts = []readyDraft{
	{
		ID: "decision", Title: "Чи підтримуєте ви …?",
		Body:      "Що пропонують, хто вирішує, коли і за які кошти. Що буде, якщо рішення не ухвалять.",
		Questions: []newQuestion{{Kind: AskOne, Options: "Підтримую\nРадше підтримую\nРадше не підтримую\nНе підтримую", Hard: true}},
	},
	{
		ID: "service", Title: "Як ви оцінюєте роботу …?",
		Body: "Про яку послугу йдеться і хто за неї відповідає. За результатами відповідь дасть її керівник.",
		Questions: []newQuestion{
			{Text: "Чи користувалися ви цією послугою за останній рік?", Kind: AskOne, Options: "Так\nНі", Hard: true},
			{Text: "Наскільки ви нею задоволені?", Kind: AskScale5, Low: "зовсім не задоволені", High: "цілком задоволені", Hard: true, When: "1:Так"},
			{Text: "Що варто покращити насамперед?", Kind: AskSeveral, Options: "Час очікування\nЯкість\nВвічливість\nДоступність будівлі\nІнформування", Max: "3", Hard: true, When: "1:Так"},
		},
	},
	{
		ID: "areas", Title: "Як ви оцінюєте стан справ у громаді?",
		Body:      "Оцініть кожен напрям окремо.",
		Questions: []newQuestion{{Kind: AskMatrix, Options: "Дороги\nГромадський транспорт\nВивезення сміття\nОсвітлення вулиць\nПарки й сквери", Low: "дуже погано", High: "дуже добре", Hard: true}},
	},
	{
		ID: "priorities", Title: "Що громаді робити насамперед?",
		Body:      "Розставте за важливістю. На що вистачить коштів, вирішать за цим порядком.",
		Questions: []newQuestion{{Kind: AskRanking, Options: "Ремонт доріг\nУкриття в школах\nНовий дитячий садок\nПарк біля озера", Hard: true}},
	},
}

// templateOf is the template of an id, nil if there is none.
func templateOf(id string) *readyDraft {
	if i := slices.IndexFunc(readyDrafts, func(t readyDraft) bool { return t.ID == id }); i >= 0 {
		return &readyDrafts[i]
	}
	return nil
}
