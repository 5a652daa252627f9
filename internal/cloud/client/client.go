// Package client names the family of software that a user agent speaks of:
// terraform, aws-cli, console. Anyone can set a user agent, so a family is a
// label and one half of a slice's key, and decides nothing else.
package client

import (
	"bytes"
	_ "embed"
	"fmt"
	"strings"
	"sync"

	"vedette/internal/tsv"
)

// clients.tsv lists the rules; the first that holds wins. A tool that names
// itself stands before the SDK it was written with.
//
//go:embed clients.tsv
var clientsTSV string

// Unknown is the family of a user agent that is missing or says nothing.
const Unknown = "unknown"

// maxRead bounds how much of a user agent is looked at, in bytes. CloudTrail
// cuts it at 1,024.
const maxRead = 1024

// maxFamily bounds the name of a family that no rule knows, in bytes.
const maxFamily = 32

type rule struct {
	family string
	match  string // exact, prefix, suffix or contains
	text   []byte // lower case
}

func (r *rule) holds(agent []byte) bool {
	switch r.match {
	case "exact":
		return bytes.Equal(agent, r.text)
	case "prefix":
		return bytes.HasPrefix(agent, r.text)
	case "suffix":
		return bytes.HasSuffix(agent, r.text)
	default:
		return bytes.Contains(agent, r.text)
	}
}

var rules = sync.OnceValue(func() []rule {
	list, err := parse(clientsTSV)
	if err != nil {
		panic(err) // the file is part of the program; a test reads it
	}
	return list
})

func parse(text string) ([]rule, error) {
	rows, err := tsv.Rows("client/clients.tsv", text, "family match text source")
	if err != nil {
		return nil, err
	}
	var list []rule
	for _, r := range rows {
		f := r.Fields
		if f[0] == "" || f[2] == "" || f[3] == "" {
			return nil, fmt.Errorf("client/clients.tsv:%d: want family, match, text and source", r.Line)
		}
		if f[2] != strings.ToLower(f[2]) {
			return nil, fmt.Errorf("client/clients.tsv:%d: %q is not in lower case", r.Line, f[2])
		}
		switch f[1] {
		case "exact", "prefix", "suffix", "contains":
		default:
			return nil, fmt.Errorf("client/clients.tsv:%d: unknown match %q", r.Line, f[1])
		}
		list = append(list, rule{f[0], f[1], []byte(f[2])})
	}
	return list, nil
}

// Family returns the family of a user agent. Letter case does not matter, nor
// do the brackets that S3 puts around it. For a client that no rule knows it
// is the first product's name in lower case, at most 32 bytes of it, or
// [Unknown]. A family of the rules costs no allocation.
func Family(userAgent []byte) string {
	var stack [maxRead]byte
	n := min(len(userAgent), maxRead)
	agent := stack[:n]
	for i, c := range userAgent[:n] {
		if 'A' <= c && c <= 'Z' {
			c += 'a' - 'A'
		}
		agent[i] = c
	}
	agent = bytes.TrimSpace(agent)
	agent = bytes.TrimPrefix(agent, []byte("["))
	agent = bytes.TrimSpace(bytes.TrimSuffix(agent, []byte("]")))
	list := rules()
	for i := range list {
		if list[i].holds(agent) {
			return list[i].family
		}
	}
	return product(agent)
}

// product returns the name of the first product, kept to the characters that
// such names have.
func product(agent []byte) string {
	end := 0
	for end < len(agent) && end < maxFamily && isName(agent[end]) {
		end++
	}
	name := bytes.Trim(agent[:end], "._-")
	if len(name) == 0 {
		return Unknown
	}
	return string(name)
}

func isName(c byte) bool {
	return 'a' <= c && c <= 'z' || '0' <= c && c <= '9' || c == '.' || c == '_' || c == '-'
}
