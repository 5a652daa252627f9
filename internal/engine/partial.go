package engine

import "vedette/internal/event"

// complete gives callers whose records leave out where their principal lives
// the principal that other records show, if they show just one of that name.
// It looks at all callers at once, so that the order of records decides
// nothing, and runs before calls are laid to principals.
func (e *Engine) complete() {
	type named struct {
		cloud event.Cloud
		name  string
	}
	whole := map[named]*caller{}
	var partial []*caller
	for i := range e.contexts.callers.len() {
		c := e.contexts.callers.at(uint32(i))
		if c.partial {
			partial = append(partial, c)
			// A nil entry is a name that is looked for.
			if n := (named{c.cloud, e.nameOf(c)}); n.name != "" {
				whole[n] = nil
			}
		}
	}
	if len(partial) == 0 {
		return
	}
	twice := map[named]bool{}
	for i := range e.contexts.callers.len() {
		c := e.contexts.callers.at(uint32(i))
		if c.partial {
			continue
		}
		n := named{c.cloud, e.nameOf(c)}
		known, wanted := whole[n]
		switch {
		case !wanted:
		case known == nil || e.moreTelling(c, known):
			twice[n] = twice[n] || known != nil && known.principal != c.principal
			whole[n] = c
		case known.principal != c.principal:
			twice[n] = true
		}
	}
	for _, c := range partial {
		n := named{c.cloud, e.nameOf(c)}
		of := whole[n]
		if of == nil || twice[n] {
			continue
		}
		// What is the end of the old principal is not that of the new one.
		name, label := e.nameOf(c), ""
		if c.label != 0 {
			label = e.textOf(c, c.label)
		}
		c.principal, c.kind = of.principal, of.kind
		c.name, c.label = e.symbols.intern([]byte(name)), 0
		if label != "" {
			c.label = e.symbols.intern([]byte(label))
		} else if of.label != 0 {
			c.label = e.symbols.intern([]byte(e.textOf(of, of.label)))
		}
	}
}

// moreTelling reports whether the first of two callers of one name says more
// of who it is, in an order that content alone decides.
func (e *Engine) moreTelling(a, b *caller) bool {
	if (a.kind == event.UnknownActor) != (b.kind == event.UnknownActor) {
		return b.kind == event.UnknownActor
	}
	if (a.label == 0) != (b.label == 0) {
		return b.label == 0
	}
	return e.compareContexts(context{a, &station{}}, context{b, &station{}}) < 0
}
