package method

// Of so many residents one must support what is to be heard, and so many must
// in the smallest community.
const (
	supportShare = 100
	supportLeast = 10
)

// Supporters is how many a proposal of residents needs before the city takes it
// up, in a community of so many who may vote (R3.2, R3.4).
func Supporters(residents int) int {
	return max(supportLeast, (residents+supportShare-1)/supportShare)
}
