package demo

import "time"

const day = 24 * time.Hour

// The demo's calendar, from now. Every poll that has closed is counted and
// published within a day of its close, as in life.
const (
	begin    = -21 * day // the instances open, residents join
	firstAsk = -20 * day // polls open that have closed by now
	firstHalf, secondHalf,
	nextAsk = -17 * day, -12 * day, -8 * day // those vote; polls open that are open still
	nextHalf, lately = -6 * day, -1 * day
)

// state is where a sample poll stands now.
type state int

const (
	open      state = iota
	few             // open, with too few ballots to show
	closed          // with a published result
	gathering       // an initiative that wants supporters
)

const hard = "Важко відповісти"

// sample is one question of the sample content. weights say how often an option
// is chosen, before each city's own leaning.
type sample struct {
	number         int // in the list of sample content
	town           string
	region         string // KATOTTG code, for a poll of a region
	sphere         string
	title, english string
	options        []string
	weights        []float64
	most           int // choices; 1 if zero
	state          state
	closes         time.Duration // from now
	turnout        float64       // of those who may vote
}

var samples = []sample{
	{number: 2, town: "kamianske", sphere: "housing", state: closed, closes: -5 * day, turnout: .66,
		title: "Як ви оцінюєте опалення у вашому домі цього сезону?", english: "How do you rate heating in your home this season?",
		options: []string{"1 – холодно", "2", "3", "4", "5 – тепло, як треба", "маю індивідуальне опалення", hard}, weights: []float64{9, 15, 26, 22, 11, 14, 3}},
	{number: 5, town: "kamianske", sphere: "industry", most: 3, state: closed, closes: -3 * day, turnout: .71,
		title: "Які відомості про підприємства міста слід оприлюднити в першу чергу?", english: "What should local industry disclose first?",
		options: []string{"обсяги викидів щомісяця", "плани модернізації та строки", "результати перевірок", "кількість робочих місць", "сплачений екологічний податок", hard}, weights: []float64{34, 22, 19, 9, 13, 3}},
	{number: 7, town: "kamianske", sphere: "business", state: closed, closes: -7 * day, turnout: .52,
		title: "Чи купуєте ви місцеве, якщо воно дорожче до 5 %?", english: "Do you buy local if it costs up to 5 % more?",
		options: []string{"так, майже завжди", "так, якщо якість не гірша", "лише за тією ж ціною", "не звертаю уваги, звідки товар", hard}, weights: []float64{14, 38, 29, 15, 4}},
	{number: 9, town: "lviv", sphere: "ecology", most: 4, state: closed, closes: -5 * day, turnout: .63,
		title: "Що допомогло б вам відокремлювати харчові відходи?", english: "What would help you separate food waste?",
		options: []string{"контейнер у дворі", "безкоштовні відерця для дому", "приклад сусідів", "зрозуміла інструкція", "нижча плата", "уже відокремлюю", "не планую", hard}, weights: []float64{30, 16, 7, 13, 17, 9, 5, 3}},
	{number: 13, town: "lviv", sphere: "health", state: closed, closes: -7 * day, turnout: .58,
		title: "Скільки ви чекали на прийом сімейного лікаря востаннє?", english: "How long did you last wait for your family doctor?",
		options: []string{"того ж дня", "1–3 дні", "до тижня", "понад тиждень", "не звертаюся", hard}, weights: []float64{17, 36, 22, 11, 11, 3}},
	{number: 17, town: "kharkiv", sphere: "youth", most: 3, state: closed, closes: -3 * day, turnout: .69,
		title: "Що допомогло б молоді залишитися в місті або повернутися?", english: "What would help young people stay or return?",
		options: []string{"робота за фахом", "оренда з підтримкою", "безпечні місця для зустрічей", "навчання наживо", "участь у рішеннях", "культура", hard}, weights: []float64{31, 19, 20, 14, 7, 6, 3}},
	{number: 22, town: "ukraine", sphere: "rights", state: closed, closes: -5 * day, turnout: .67,
		title: "Чи відмовляли вам торік у послузі через довідку, яку держава вже має?", english: "Were you refused a service last year over a paper the state already holds?",
		options: []string{"ні", "так, один раз", "так, кілька разів", "не було нагоди звертатися", hard}, weights: []float64{27, 28, 22, 18, 5}},
	{number: 23, town: "ukraine", sphere: "social", most: 3, state: closed, closes: -3 * day, turnout: .61,
		title: "Чого найбільше бракує родинам ветеранів у вашій громаді?", english: "What do veterans’ families lack most in your community?",
		options: []string{"лікування й реабілітації", "роботи та перенавчання", "житла", "психологічної підтримки", "безбар’єрності", "спілкування з такими ж родинами", hard}, weights: []float64{24, 19, 15, 20, 12, 6, 4}},

	{number: 4, town: "kamianske", sphere: "osbb", state: few, closes: 26 * day,
		title: "Що найбільше заважає вашому будинку створити ОСББ або добре ним керувати?", english: "What hinders your building’s condominium association most?",
		options: []string{"немає людини, яка очолить", "сусіди не домовляються", "борги за внесками", "бракує юридичної допомоги", "стан будинку", "у нас усе гаразд", "не багатоквартирний будинок", hard}, weights: []float64{22, 21, 12, 11, 14, 9, 8, 3}},
	{number: 11, town: "lviv", sphere: "culture", state: few, closes: 19 * day,
		title: "Гучні події просто неба в середмісті: якої тиші ви хочете ввечері?", english: "Loud open-air events downtown: what evening quiet do you want?",
		options: []string{"без обмежень до 22:00", "до 21:00 у будні", "лише у вихідні", "перенести за межі середмістя", hard}, weights: []float64{24, 31, 19, 20, 6}},
	{number: 20, town: "ukraine", sphere: "government", state: few, closes: 33 * day,
		title: "Як вам найзручніше дізнаватися, що зробив народний депутат від вашого регіону?", english: "How would you like to learn what your region’s MP has done?",
		options: []string{"короткий звіт раз на квартал", "зустріч наживо чи онлайн", "картка голосувань", "розсилка за моїми сферами", "не стежу", hard}, weights: []float64{27, 18, 23, 17, 11, 4}},
	{number: 24, town: "ukraine", sphere: "agriculture", most: 5, state: few, closes: 29 * day,
		title: "Які відомості про землю громади мають бути відкритими?", english: "Which facts about communal land should be open?",
		options: []string{"хто й на яких умовах орендує", "ціна оренди", "строки договорів", "вільні ділянки на карті", "результати торгів", hard}, weights: []float64{29, 22, 13, 16, 17, 3}},

	{number: 1, town: "kamianske", sphere: "ecology", most: 3, state: open, closes: 12 * day, turnout: .48,
		title: "Які відомості про повітря ви хочете отримувати щодня?", english: "Which air-quality information do you want every day?",
		options: []string{"показники найближчої станції", "попередження про перевищення", "поради, що робити вдома", "хто й що викидає", "мені це не потрібно", hard}, weights: []float64{24, 31, 13, 24, 5, 3}},
	{number: 3, town: "kamianske", sphere: "transport", state: open, closes: 4 * day, turnout: .41,
		title: "Що насамперед заохотило б вас частіше їздити трамваєм?", english: "What would make you take the tram more often?",
		options: []string{"коротший інтервал", "точний розклад у телефоні", "тепліші й тихіші вагони", "один квиток із пересадкою", "я й так їжджу щодня", "не їздитиму", hard}, weights: []float64{28, 19, 14, 16, 13, 7, 3}},
	{number: 10, town: "lviv", sphere: "transport", state: open, closes: 9 * day, turnout: .46,
		title: "На вулиці, яку ремонтують, місця на все не вистачить. Що залишити в першу чергу?", english: "A street under repair has no room for all: what first?",
		options: []string{"ширші тротуари", "смугу для громадського транспорту", "велосмугу", "паркування", "дерева", hard}, weights: []float64{24, 27, 14, 11, 20, 4}},
	{number: 14, town: "kharkiv", sphere: "education", state: open, closes: 15 * day, turnout: .5,
		title: "Яким ви бачите навчання своєї дитини наступного року?", english: "How do you see your child’s schooling next year?",
		options: []string{"підземна школа або клас у метро", "змішане", "онлайн", "звичайна школа з укриттям", "ще вирішуємо", "не маю дітей шкільного віку"}, weights: []float64{19, 17, 11, 13, 8, 32}},
	{number: 0, town: "ukraine", region: "UA12000000000090473", sphere: "sport", state: open, closes: 17 * day, turnout: .37,
		title: "Що допомогло б вам більше рухатися щодня?", english: "What would help you move more every day?",
		options: []string{"майданчик поруч із домом", "безпечні тротуари й велодоріжки", "групи для старших", "басейн за доступною ціною", "більше часу", hard}, weights: []float64{23, 26, 12, 18, 17, 4}},
	{number: 25, town: "ukraine", sphere: "energy", state: open, closes: 21 * day, turnout: .39,
		title: "Чи вклалися б ви разом із сусідами в утеплення будинку чи сонячні панелі?", english: "Would you invest with neighbours in insulation or solar?",
		options: []string{"уже вклалися", "так, якщо держава додасть половину", "так, якщо окупиться за п’ять років", "ні, немає коштів", "ні, не довіряю", hard}, weights: []float64{7, 33, 21, 23, 11, 5}},
	{number: 21, town: "ukraine", sphere: "civil", state: open, closes: 25 * day, turnout: .43,
		title: "Який спосіб участі в рішеннях громади для вас найзручніший?", english: "Which way of taking part suits you best?",
		options: []string{"опитування в телефоні", "громадські слухання", "петиція", "бюджет участі", "робота в клубі чи раді", "не маю часу", hard}, weights: []float64{37, 12, 14, 16, 8, 10, 3}},
	{number: 19, town: "ukraine", sphere: "ecology", state: open, closes: 14 * day, turnout: .57,
		title: "Що має бути першим кроком до чистішого повітря в промислових містах?", english: "What should be the first step to cleaner air in industrial cities?",
		options: []string{"більше станцій спостереження з відкритими даними", "план дій кожного міста з відповідальними", "суворіша плата за викиди", "підтримка модернізації", "зелені смуги", hard}, weights: []float64{23, 19, 24, 17, 12, 5}},

	{number: 8, town: "kamianske", sphere: "culture", most: 3, state: gathering, closes: 14 * day,
		title: "Яким ви хочете бачити вечір вихідного дня на набережній?", english: "A weekend evening on the embankment: what should it be?",
		options: []string{"концерти просто неба", "ярмарок місцевих майстрів", "читання й лекції", "танці для старших", "тиша й лавки", hard}},
	{number: 18, town: "kharkiv", sphere: "investment", state: gathering, closes: 21 * day,
		title: "Що для вас найважливіше в новій роботі?", english: "What matters most to you in a new job?",
		options: []string{"стабільна оплата", "безпека й укриття", "гнучкий графік", "навчання новому", "близько до дому", hard}},
}

// The two polls that the demo points at.
const (
	openNational   = 19
	closedNational = 22
)

// numbered finds a sample by its number.
func numbered(number int) sample {
	for _, s := range samples {
		if s.number == number {
			return s
		}
	}
	panic("demo: no such sample") // a mistake in the content
}
