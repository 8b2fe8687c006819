package ap

import "errors"

// Fault is a refusal that has a name: the code is one of the closed list that
// a city also puts into a Reject ("json", "number", "proof-form",
// "proof-context", "proof-invalid", …), the detail is for operators.
type Fault struct {
	Code   string
	Detail string
}

// Error gives code and detail. Nothing reads it but people; programs compare
// codes with errors.Is or Code.
func (f Fault) Error() string {
	if f.Detail == "" {
		return f.Code
	}
	return f.Code + ": " + f.Detail
}

// Is holds for a Fault of the same code, whatever its detail, so that
// errors.Is(err, ErrJSON) works.
func (f Fault) Is(target error) bool {
	want, ok := target.(Fault)
	return ok && want.Code == f.Code && (want.Detail == "" || want.Detail == f.Detail)
}

// The faults that this package finds by itself.
var (
	// ErrJSON: not JSON, or JSON that two readers could read differently.
	ErrJSON = Fault{Code: "json"}
	// ErrNumber: a number that is no whole one from 0 to 2^53-1.
	ErrNumber = Fault{Code: "number"}
	// ErrForm: sound JSON of a shape that we don't take.
	ErrForm = Fault{Code: "form"}
	// ErrProofForm: not exactly one proof of our kind.
	ErrProofForm = Fault{Code: "proof-form"}
	// ErrProofContext: the proof speaks of other words than the object.
	ErrProofContext = Fault{Code: "proof-context"}
	// ErrProofInvalid: the signature does not hold.
	ErrProofInvalid = Fault{Code: "proof-invalid"}
)

// FaultCode gives the code of the Fault inside err, or "" where there is none.
func FaultCode(err error) string {
	var f Fault
	if errors.As(err, &f) {
		return f.Code
	}
	return ""
}
