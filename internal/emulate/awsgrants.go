package emulate

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
)

// grant follows a call of IAM that succeeded and says what a user or a role may
// do. Groups, and new versions of policies that are attached already, are not
// followed: who makes such a call is told so by a fault, since later calls
// would be refused that the provider answers.
func (a *AWS) grant(ctx context.Context, c awsCall, who userIdentity) {
	param := func(name string) string { s, _ := c.params[name].(string); return s }
	kind, name := "user", param("userName")
	if name == "" {
		kind, name = "role", param("roleName")
	}
	var policy string
	var actions []string
	var err error
	switch c.event {
	case "PutUserPolicy", "PutRolePolicy":
		policy = "inline/" + param("policyName")
		actions, err = allowedBy(param("policyDocument"))
	case "AttachUserPolicy", "AttachRolePolicy":
		policy = param("policyArn")
		actions, err = a.managed(ctx, who.AccessKeyID, policy)
	case "DeleteUserPolicy", "DeleteRolePolicy":
		policy = "inline/" + param("policyName")
	case "DetachUserPolicy", "DetachRolePolicy":
		policy = param("policyArn")
	case "PutGroupPolicy", "AttachGroupPolicy", "AddUserToGroup", "CreatePolicyVersion", "SetDefaultPolicyVersion":
		a.fault(c.name() + ": what it grants is not followed")
		return
	default:
		return
	}
	if err != nil {
		a.fault(c.name() + ": " + err.Error())
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	principal := "arn:aws:iam::" + who.AccountID + ":" + kind + "/" + name
	if a.granted == nil {
		a.granted = map[string]map[string][]string{}
	}
	if a.granted[principal] == nil {
		a.granted[principal] = map[string][]string{}
	}
	delete(a.granted[principal], policy)
	if actions != nil {
		a.granted[principal][policy] = actions
	}
}

// grants reports whether a policy that was put on a principal meanwhile allows
// an action.
func (a *AWS) grants(principal, action string) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, actions := range a.granted[withoutPath(principal)] {
		if matchesAny(actions, action) {
			return true
		}
	}
	return false
}

// withoutPath is an ARN as a call that names a user or role alone implies it:
// names are unique in an account, whatever the path before them.
func withoutPath(arn string) string {
	kind, name, _ := strings.Cut(arn, "/")
	return kind + "/" + name[strings.LastIndexByte(name, '/')+1:]
}

// managed is what the default version of a managed policy allows.
func (a *AWS) managed(ctx context.Context, key, arn string) ([]string, error) {
	var version, document string
	form := url.Values{"Action": {"GetPolicy"}, "Version": {"2010-05-08"}, "PolicyArn": {arn}}
	err := a.ask(ctx, key, "iam", form.Encode(), map[string]*string{"DefaultVersionId": &version})
	if err != nil {
		return nil, fmt.Errorf("policy %s: %w", arn, err)
	}
	if version == "" {
		return nil, fmt.Errorf("policy %s: no default version", arn)
	}
	form.Set("Action", "GetPolicyVersion")
	form.Set("VersionId", version)
	if err := a.ask(ctx, key, "iam", form.Encode(), map[string]*string{"Document": &document}); err != nil {
		return nil, fmt.Errorf("policy %s: %w", arn, err)
	}
	if text, err := url.QueryUnescape(document); err == nil {
		document = text // IAM answers with an escaped document
	}
	return allowedBy(document)
}

// allowedBy returns the actions that a policy document allows. A Policy knows
// actions alone: a document that says more is an error.
func allowedBy(document string) ([]string, error) {
	var doc struct {
		Statement oneOrMore[struct {
			Effect    string
			Action    oneOrMore[string]
			Resource  oneOrMore[string]
			Condition map[string]any
		}]
	}
	if err := json.Unmarshal([]byte(document), &doc); err != nil {
		return nil, fmt.Errorf("policy document: %w", err)
	}
	actions := []string{}
	for _, s := range doc.Statement {
		if s.Effect != "Allow" || len(s.Action) == 0 || len(s.Resource) != 1 || s.Resource[0] != "*" || len(s.Condition) > 0 {
			return nil, fmt.Errorf("a statement that does more than allow actions on everything is not followed")
		}
		actions = append(actions, s.Action...)
	}
	return actions, nil
}

// oneOrMore is a value of a policy document that may stand without its list.
type oneOrMore[T any] []T

// UnmarshalJSON implements [json.Unmarshaler].
func (l *oneOrMore[T]) UnmarshalJSON(text []byte) error {
	if len(text) > 0 && text[0] == '[' {
		return json.Unmarshal(text, (*[]T)(l))
	}
	*l = make([]T, 1)
	return json.Unmarshal(text, &(*l)[0])
}
