package azure

import (
	"bytes"

	"vedette/internal/cloud/catalog"
	"vedette/internal/event"
)

const (
	// maxCached bounds the cache that hostile input could otherwise grow.
	maxCached = 1 << 16
	// maxName bounds a name that no catalogue knows.
	maxName = 256
)

// api resolves a service and a name in the catalogue's form. cased is the
// name as logged, in which the words can still be told apart.
func (d *decoder) api(service, name, cased []byte) *event.API {
	service, name = clip(service), clip(name)
	d.key = append(append(append(d.key[:0], service...), 0), name...)
	if a := d.apis[string(d.key)]; a != nil {
		return a
	}
	a := d.resolve(service, name, clip(cased))
	if len(d.apis) >= maxCached {
		clear(d.apis)
	}
	d.apis[string(d.key)] = a
	return a
}

func (d *decoder) resolve(service, name, cased []byte) *event.API {
	if a := d.names.Lookup(service, name); a != nil {
		return a
	}
	if a := d.reg.Lookup(event.Azure, string(service), string(name)); a != nil {
		return a
	}
	class := catalog.Classify(string(cased))
	if class == event.ClassOther {
		class = catalog.Classify(string(lastVerb(cased)))
	}
	return d.reg.Add(event.API{
		Cloud:   event.Azure,
		Service: string(service),
		Name:    string(name),
		Class:   class,
		Global:  d.names.Global(string(service)),
	})
}

// lastVerb is where Key Vault's own names have their verb: behind the noun,
// as in SecretList and CertificatePolicyGet.
func lastVerb(name []byte) []byte {
	i := max(bytes.LastIndex(name, []byte("List")), bytes.LastIndex(name, []byte("Get")))
	if i < 0 {
		return nil
	}
	return name[i:]
}

func clip(b []byte) []byte {
	if len(b) > maxName {
		return b[:maxName]
	}
	return b
}

// graphService is the service of all Graph requests, whichever national cloud
// they went to.
var graphService = []byte("graph.microsoft.com")

// graphName puts the name of a Graph request into d.name: method and path,
// in lower case, with "{id}" for whatever names one object, and without host,
// version, query and $batch. It returns the method.
func (d *decoder) graphName(method, uri []byte) []byte {
	if len(method) > 16 {
		method = method[:16]
	}
	d.name = d.name[:0]
	for _, c := range method {
		if c >= 'a' && c <= 'z' {
			c -= 'a' - 'A'
		}
		d.name = append(d.name, c)
	}
	end := len(d.name)
	d.name = append(d.name, ' ')

	path := d.space.Lower(uri)
	if i := bytes.IndexAny(path, "?#"); i >= 0 {
		path = path[:i]
	}
	if i := bytes.Index(path, []byte("://")); i >= 0 {
		path = path[i+3:]
		if i = bytes.IndexByte(path, '/'); i < 0 {
			i = len(path) // a host alone
		}
		path = path[i:]
	}
	d.template(path)
	if len(d.name) == end+1 {
		d.name = append(d.name, '/')
	}
	return d.name[:end]
}

// template appends the folded segments of a Graph path to d.name.
func (d *decoder) template(path []byte) {
	atStart := true   // only a version may stand here
	afterSet := false // the segment before is a collection
	inKey := false    // inside a key whose text holds a slash
	for len(path) > 0 && len(d.name) <= maxName {
		var segment []byte
		segment, path, _ = bytes.Cut(path, []byte("/"))
		if inKey {
			inKey = bytes.IndexByte(segment, ')') < 0
			continue
		}
		if len(segment) == 0 || string(segment) == "$batch" && len(bytes.Trim(path, "/")) > 0 {
			continue
		}
		if atStart && isVersion(segment) {
			continue
		}
		atStart = false
		name, key, hasKey := bytes.Cut(segment, []byte("("))
		inKey = hasKey && bytes.IndexByte(key, ')') < 0
		kind := d.graph[string(name)]
		switch {
		case hasKey && (kind == "collection" || len(name) == 0):
			// users('ada@example.com') is users/ada@example.com.
			d.segment(name)
			d.name = append(d.name, "/{id}"...)
			afterSet = false
		case hasKey || isWord(name, kind) || !afterSet && !isID(name):
			d.segment(name)
			afterSet = kind == "collection"
		default:
			d.name = append(d.name, "/{id}"...)
			afterSet = false
		}
	}
}

func (d *decoder) segment(name []byte) {
	if len(name) > 0 {
		d.name = append(append(d.name, '/'), name...)
	}
}

func isVersion(s []byte) bool {
	return string(s) == "beta" || len(s) >= 2 && s[0] == 'v' && s[1] >= '0' && s[1] <= '9'
}

// isWord reports whether a segment is a word of the API also where an id may
// stand: a function, a cast to a type, or $count and its like.
func isWord(name []byte, kind string) bool {
	return kind == "function" || len(name) > 0 && name[0] == '$' ||
		bytes.HasPrefix(name, []byte("microsoft.graph.")) || bytes.HasPrefix(name, []byte("graph."))
}

// isID reports whether a segment names one object by its looks: a UUID, a
// number, a user principal name, or a long text with digits in it.
func isID(s []byte) bool {
	digits, letters := 0, 0
	for _, c := range s {
		switch {
		case c >= '0' && c <= '9':
			digits++
		case c >= 'a' && c <= 'z':
			letters++
		case c == '@' || c == '%' || c == '=' || c == ',' || c == '!' || c == ':' || c == '\'' || c >= 0x80:
			return true
		}
	}
	return digits > 0 && (letters == 0 || len(s) >= 24) || len(s) > 64
}
