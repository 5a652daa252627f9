package emulate

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"
)

// Rules are what a policy file says of who calls and what they may do.
//
//	identities:
//	  - arn: arn:aws:iam::123456789012:user/intern
//	    keys: [test]                     # access key ids; may be left out
//	    allow: [ec2:Describe*]           # left out: everything
//	    boundary:
//	      deny: [iam:*]                  # by a permissions boundary
//	  - arn: "*"                         # all others
//	    allow: [sts:*]
//	service_control:
//	  deny: [organizations:*]            # to everyone in the account
//
// Azure's and Google Cloud's callers have "principal" (an object id, an
// e-mail) in place of "arn", and neither keys nor boundary.
type Rules struct {
	Identities     []Identity // those of which the file names keys
	Policy         Policy     // nil where no identity has "allow"
	Boundary       Policy     // denied actions by ARN
	ServiceControl []string   // denied actions
}

// maxRules bounds a policy file, in bytes.
const maxRules = 1 << 20

// ParseRules reads a policy file. name is the file's, for errors, which are
// all told: one a line, "name:line:column: what is wrong".
func ParseRules(name string, text []byte) (*Rules, error) {
	p := rulesParser{name: name}
	if len(text) > maxRules {
		return nil, fmt.Errorf("%s: the file has %d bytes, and at most %d are read", name, len(text), maxRules)
	}
	loader, err := yaml.NewLoader(bytes.NewReader(text))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	var doc, second yaml.Node
	if err := loader.Load(&doc); err != nil && err != io.EOF {
		if at := new(yaml.LoadError); errors.As(err, &at) && at.Mark.Line > 0 {
			return nil, fmt.Errorf("%s:%d:%d: not YAML: %s", name, at.Mark.Line, max(at.Mark.Column, 1), at.Message)
		}
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	if len(doc.Content) != 1 {
		return nil, fmt.Errorf("%s:1:1: the file is empty", name)
	}
	if loader.Load(&second) != io.EOF {
		return nil, fmt.Errorf("%s:1:1: the file has more than one document", name)
	}
	rules := p.rules(doc.Content[0])
	if err := errors.Join(p.wrong...); err != nil {
		return nil, err
	}
	return rules, nil
}

type rulesParser struct {
	name  string
	wrong []error
}

func (p *rulesParser) fail(n *yaml.Node, format string, args ...any) {
	p.wrong = append(p.wrong, fmt.Errorf("%s:%d:%d: %s", p.name, n.Line, n.Column, fmt.Sprintf(format, args...)))
}

func (p *rulesParser) rules(n *yaml.Node) *Rules {
	out := &Rules{}
	open := map[string][]string{} // those who may do everything
	seen := map[string]bool{}
	keys := map[string]bool{}
	top := p.mapping(n, "a policy file", "identities", "service_control")
	if sc := top["service_control"]; sc != nil {
		out.ServiceControl = p.patterns(p.mapping(sc, "service_control", "deny")["deny"])
	}
	if top["identities"] == nil {
		return out
	}
	for _, item := range p.list(top["identities"], "identities") {
		f := p.mapping(item, "an identity", "arn", "principal", "keys", "allow", "boundary")
		named := f["arn"]
		if named == nil {
			named = f["principal"]
		}
		if named == nil || f["arn"] != nil && f["principal"] != nil {
			p.fail(item, "an identity has either an arn or a principal")
			continue
		}
		who := p.text(named, "the identity's name")
		if seen[who] {
			p.fail(named, "%s stands here twice", who)
		}
		seen[who] = true
		if f["arn"] != nil && who != "*" && !strings.HasPrefix(who, "arn:aws:iam::") {
			p.fail(named, "an arn is that of a user or role, as arn:aws:iam::123456789012:user/name")
		}
		if f["keys"] != nil {
			id := Identity{ARN: who}
			for _, k := range p.list(f["keys"], "keys") {
				key := p.text(k, "a key")
				if keys[key] {
					p.fail(k, "key %s stands here twice", key)
				}
				keys[key] = true
				id.Keys = append(id.Keys, key)
			}
			if _, err := identityOf(who, "", ""); err != nil {
				p.fail(f["keys"], "long-lived keys belong to a user or to the root user, not to %s", who)
			}
			out.Identities = append(out.Identities, id)
		}
		if f["boundary"] != nil {
			if out.Boundary == nil {
				out.Boundary = Policy{}
			}
			out.Boundary[who] = p.patterns(p.mapping(f["boundary"], "a boundary", "deny")["deny"])
		}
		if f["allow"] == nil {
			open[who] = []string{"*"}
			continue
		}
		if out.Policy == nil {
			out.Policy = Policy{}
		}
		out.Policy[who] = p.patterns(f["allow"])
	}
	if out.Policy != nil {
		for who, all := range open {
			out.Policy[who] = all
		}
	}
	return out
}

// actionPattern is an action of AWS, Azure or Google Cloud with * and ?.
var actionPattern = regexp.MustCompile(`^[A-Za-z0-9*?:._/-]+$`)

func (p *rulesParser) patterns(n *yaml.Node) []string {
	if n == nil {
		return nil
	}
	out := []string{}
	for _, item := range p.list(n, "a list of actions") {
		a := p.text(item, "an action")
		if a != "" && !actionPattern.MatchString(a) {
			p.fail(item, "%q is no action, as ec2:Describe*", a)
		}
		out = append(out, a)
	}
	return out
}

func (p *rulesParser) mapping(n *yaml.Node, what string, known ...string) map[string]*yaml.Node {
	out := map[string]*yaml.Node{}
	if n.Kind != yaml.MappingNode {
		p.fail(n, "%s is a mapping with %s", what, strings.Join(known, ", "))
		return out
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		k := n.Content[i]
		switch {
		case !slices.Contains(known, k.Value):
			p.fail(k, "%s has no %q; it has %s", what, k.Value, strings.Join(known, ", "))
		case out[k.Value] != nil:
			p.fail(k, "%q stands here twice", k.Value)
		default:
			out[k.Value] = n.Content[i+1]
		}
	}
	return out
}

func (p *rulesParser) list(n *yaml.Node, what string) []*yaml.Node {
	if n.Kind != yaml.SequenceNode {
		p.fail(n, "%s is a list", what)
		return nil
	}
	return n.Content
}

func (p *rulesParser) text(n *yaml.Node, what string) string {
	if n.Kind != yaml.ScalarNode || strings.TrimSpace(n.Value) == "" {
		p.fail(n, "%s is a text", what)
		return ""
	}
	return n.Value
}
