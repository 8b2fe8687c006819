package ballot

import "context"

// TagOf is open to the test of the published vector.
var TagOf = tagOf

// CountOnly is one pass over the box, for the benchmark.
func (b *Box) CountOnly(ctx context.Context, p Poll) error { _, err := b.count(ctx, p); return err }
