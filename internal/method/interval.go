package method

import "math"

// Wilson is the lower bound of the 95 % score interval of Wilson for a share
// ("Probable inference", JASA 22, 1927): what list orders go by, so that three
// supporters of three do not stand above ninety of a hundred. It is 0 without
// anybody.
func Wilson(yes, n int) float64 {
	if n == 0 {
		return 0
	}
	const z = 1.959963984540054
	p, m := float64(yes)/float64(n), float64(n)
	return max(0, (p+z*z/(2*m)-z*math.Sqrt(p*(1-p)/m+z*z/(4*m*m)))/(1+z*z/m))
}

// Prior is what is supposed of a share before anybody is asked, as if so many
// had said yes and so many no.
type Prior struct{ Yes, No float64 }

// Uniform supposes nothing: every share is as likely.
var Uniform = Prior{1, 1}

// Alike supposes what was found among comparable others (yes of n), at the
// weight of so many grades. Without others it is Uniform.
func Alike(yes, n int, weight float64) Prior {
	if n == 0 || weight <= 0 {
		return Uniform
	}
	// One of each is added so that nobody is supposed to be certain.
	share := float64(yes+1) / float64(n+2)
	return Prior{weight * share, weight * (1 - share)}
}

// Credible is the 95 % interval of a share, such as that of "good and better"
// grades, by a Dirichlet–multinomial model: with a Dirichlet prior over the
// grades, what is then believed of a sum of grades' shares is a Beta, and the
// interval leaves 2.5 % of it out on either side; where nobody or everybody said
// yes it reaches to the end, so that what was found always lies in it (Brown, Cai
// and DasGupta, Statistical Science 16, 2001, section 4.1). It is a model's
// interval: those who answered chose to do so.
func Credible(yes, n int, prior Prior) (low, high float64) {
	a, b := prior.Yes+float64(yes), prior.No+float64(n-yes)
	low, high = BetaQuantile(0.025, a, b), BetaQuantile(0.975, a, b)
	if n > 0 && yes == 0 {
		low = 0
	}
	if n > 0 && yes == n {
		high = 1
	}
	return low, high
}

// BetaQuantile is the value that a Beta(a, b) variable stays below with
// probability p.
func BetaQuantile(p, a, b float64) float64 {
	low, high := 0.0, 1.0
	for range 200 {
		middle := (low + high) / 2
		if middle == low || middle == high {
			break
		}
		if betaBelow(middle, a, b) < p {
			low = middle
		} else {
			high = middle
		}
	}
	return (low + high) / 2
}

// betaBelow is the regularized incomplete beta function, by its continued
// fraction (DLMF 8.17.22) in Lentz's way. The fraction is quick below the mean;
// above it the other tail is taken.
func betaBelow(x, a, b float64) float64 {
	if x <= 0 {
		return 0
	}
	if x >= 1 {
		return 1
	}
	if x > (a+1)/(a+b+2) {
		return 1 - betaBelow(1-x, b, a)
	}
	both, _ := math.Lgamma(a + b)
	one, _ := math.Lgamma(a)
	other, _ := math.Lgamma(b)
	front := math.Exp(both-one-other+a*math.Log(x)+b*math.Log1p(-x)) / a

	const tiny = 1e-300
	away := func(v float64) float64 { // from a division by zero
		if math.Abs(v) < tiny {
			return tiny
		}
		return v
	}
	c, d := 1.0, 1/away(1-(a+b)*x/(a+1))
	f := d
	// It takes about the root of the larger of a and b; a city has fewer than 10⁸.
	for i := 1; i < 100_000; i++ {
		m := float64(i)
		even := m * (b - m) * x / ((a + 2*m - 1) * (a + 2*m))
		d, c = 1/away(1+even*d), away(1+even/c)
		f *= d * c
		odd := -(a + m) * (a + b + m) * x / ((a + 2*m) * (a + 2*m + 1))
		d, c = 1/away(1+odd*d), away(1+odd/c)
		f *= d * c
		if math.Abs(d*c-1) < 1e-15 {
			break
		}
	}
	return front * f
}
