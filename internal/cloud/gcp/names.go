package gcp

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

// api resolves a service and a method as logged.
func (d *decoder) api(service, method []byte) *event.API {
	d.key = append(append(append(d.key[:0], service...), 0), method...)
	if a := d.apis[string(d.key)]; a != nil {
		return a
	}
	a := d.resolve(service, method)
	if len(d.key) > 2*maxName {
		return a
	}
	if len(d.apis) >= maxCached {
		clear(d.apis)
	}
	d.apis[string(d.key)] = a
	return a
}

func (d *decoder) resolve(service, method []byte) *event.API {
	service = bytes.ToLower(clip(service))
	name := clip(Canonical(method))
	if a := d.names.Lookup(service, name); a != nil {
		return a
	}
	if a := d.names.Lookup(service, method); a != nil {
		return a
	}
	if a := d.reg.Lookup(event.GCP, string(service), string(name)); a != nil {
		return a
	}
	return d.reg.Add(event.API{
		Cloud:   event.GCP,
		Service: string(service),
		Name:    string(name),
		Class:   catalog.Classify(string(verb(name))),
		Global:  d.names.Global(string(service)),
	})
}

// Canonical is the name of a method without its versions: the segments "v1",
// "v2beta3", "v1main" and the like wherever they stand, and a leading
// "alpha" or "beta". "v1.compute.instances.list",
// "beta.compute.instances.list" and "compute.instances.list" are one method.
// A name that is nothing but versions stays as it is.
func Canonical(method []byte) []byte {
	out := make([]byte, 0, len(method))
	for i, segment := range bytes.Split(method, []byte(".")) {
		if isVersion(segment) || i == 0 && (string(segment) == "alpha" || string(segment) == "beta") {
			continue
		}
		if len(out) > 0 {
			out = append(out, '.')
		}
		out = append(out, segment...)
	}
	if len(out) == 0 {
		return method
	}
	return out
}

// isVersion reports whether a segment is a version: v, digits, and then
// stages of release with their numbers ("v1", "v1p1beta1", "v1main").
func isVersion(s []byte) bool {
	if len(s) < 2 || s[0] != 'v' || !isDigit(s[1]) {
		return false
	}
	s = s[1:]
	for len(s) > 0 {
		if isDigit(s[0]) {
			s = s[1:]
			continue
		}
		rest := s
		for _, stage := range []string{"alpha", "beta", "main", "eap", "p"} {
			if bytes.HasPrefix(s, []byte(stage)) {
				rest = s[len(stage):]
				break
			}
		}
		if len(rest) == len(s) {
			return false
		}
		s = rest
	}
	return true
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

// verb is the last segment of a canonical name. Some services log the path
// of the call, "/package.Service/Method".
func verb(name []byte) []byte { return name[bytes.LastIndexAny(name, "./")+1:] }

// serviceOf is the service that was called. Entries that lack its name have
// it in the labels of their resource, or begin the method with it.
func serviceOf(d *decoder, p *payload, l *labels) []byte {
	switch {
	case len(p.service) > 0:
		return p.service
	case bytes.HasSuffix(l.service, []byte(".googleapis.com")):
		return l.service
	}
	rest := p.method
	for {
		segment, after, ok := bytes.Cut(rest, []byte("."))
		if !ok || string(segment) == "google" {
			return []byte("unknown")
		}
		if !isVersion(segment) && string(segment) != "alpha" && string(segment) != "beta" {
			return d.space.Join(segment, []byte(".googleapis.com"))
		}
		rest = after
	}
}

func clip(b []byte) []byte {
	if len(b) > maxName {
		return b[:maxName]
	}
	return b
}
