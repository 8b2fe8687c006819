package polls_test

import (
	"context"

	"viche/internal/store"
)

type (
	ctx = context.Context
	tx  = store.Tx
)
