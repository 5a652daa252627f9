package jsonscan

// Object walks the members of a JSON object. The zero Object has none.
type Object struct {
	b     []byte
	pos   int
	ended bool // by the object's end or by err
	err   error
}

// Members returns a walk over the object that starts at b[0], which may be
// followed by other bytes.
func Members(b []byte) Object {
	var o Object
	o.Reset(b)
	return o
}

// Reset makes o a walk over the object that starts at b[0], as Members
// returns one. In a hot place it costs less than a copy does.
func (o *Object) Reset(b []byte) {
	o.b, o.pos, o.ended, o.err = b, 1, false, nil
	if len(b) == 0 {
		o.fail(ErrTruncated)
	} else if b[0] != '{' {
		o.fail(ErrSyntax)
	}
}

// Next returns the next member: its key without quotes, as it stands (an
// escaped key is not unescaped), and its value with its quotes or brackets.
// ok is false at the end of the object and at an error.
func (o *Object) Next() (key, val []byte, ok bool) {
	if o.ended {
		return nil, nil, false
	}
	b, pos := o.b, o.pos
	// Records are mostly written without white space: try that first.
	if pos+1 < len(b) && pos > 1 && b[pos] == ',' && b[pos+1] == '"' {
		pos++
	} else if pos = o.toKey(); pos < 0 {
		return nil, nil, false
	}
	end, err := skipString(b, pos)
	if err != nil {
		o.fail(err)
		return nil, nil, false
	}
	key = b[pos+1 : end-1]
	pos = end
	if pos >= len(b) || b[pos] != ':' {
		pos = Space(b, pos)
		if pos >= len(b) {
			o.fail(ErrTruncated)
			return nil, nil, false
		}
		if b[pos] != ':' {
			o.fail(ErrSyntax)
			return nil, nil, false
		}
	}
	pos++
	if pos < len(b) && b[pos] == '"' {
		end, err = skipString(b, pos)
	} else {
		pos = Space(b, pos)
		end, err = Skip(b, pos)
	}
	if err != nil {
		o.fail(err)
		return nil, nil, false
	}
	o.pos = end
	return key, b[pos:end], true
}

// toKey returns where the next key opens, or a negative number at the
// object's end and at an error.
func (o *Object) toKey() int {
	b := o.b
	pos := Space(b, o.pos)
	if pos >= len(b) {
		o.fail(ErrTruncated)
		return -1
	}
	if b[pos] != '}' && o.pos > 1 {
		if b[pos] != ',' {
			o.fail(ErrSyntax)
			return -1
		}
		// A comma before the closing brace is forgiven.
		if pos = Space(b, pos+1); pos >= len(b) {
			o.fail(ErrTruncated)
			return -1
		}
	}
	switch b[pos] {
	case '}':
		o.pos, o.ended = pos+1, true
		return -1
	case '"':
		return pos
	}
	o.fail(ErrSyntax)
	return -1
}

func (o *Object) fail(err error) { o.err, o.ended = err, true }

// Err returns the error that ended the walk, or nil at the object's end.
func (o *Object) Err() error { return o.err }

// End returns the position after the object once Next has returned false
// without error, and after the member handed out last before that.
func (o *Object) End() int { return o.pos }
