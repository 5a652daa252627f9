package investigate

import (
	"cmp"
	"fmt"
	"strconv"
	"strings"
	"text/template"
	"time"

	"vedette/internal/finding"
)

// words are the functions that the templates of a guide may call.
var words = template.FuncMap{
	"count":    count,
	"plural":   plural,
	"when":     clock,
	"between":  lasting,
	"name":     shortName,
	"quote":    shellQuote,
	"kind":     kindName,
	"joined":   joined,
	"services": func(list []string) string { return joined(strings.Split(shortServices(list), ", ")) },
	"lacked":   shortPermission,
	"names":    names,
	"newNames": newNames,
	"refused":  refused,
	"held":     held,
}

// count writes a number with its thousands set apart.
func count(n int) string {
	s := strconv.Itoa(n)
	for i := len(s) - 3; i > 0 && s[i-1] != '-'; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// plural is a count with its noun; the plural is the noun with an s unless it
// is given.
func plural(n int, noun string, many ...string) string {
	if n != 1 {
		if noun += "s"; len(many) > 0 {
			noun = many[0]
		}
	}
	return count(n) + " " + noun
}

// clock is an RFC 3339 time to the second.
func clock(s string) string {
	t, err := time.Parse(time.RFC3339Nano, s)
	if err != nil {
		return s
	}
	return t.UTC().Format("2006-01-02 15:04:05")
}

// lasting is the time between two instants, in its largest unit that is no
// fraction.
func lasting(first, last string) string {
	a, errA := time.Parse(time.RFC3339Nano, first)
	b, errB := time.Parse(time.RFC3339Nano, last)
	if errA != nil || errB != nil {
		return "an unknown time"
	}
	d := b.Sub(a)
	switch {
	case d < time.Minute:
		return plural(int(d/time.Second), "second")
	case d < 2*time.Hour:
		return plural(int(d/time.Minute), "minute")
	case d < 48*time.Hour:
		return plural(int(d/time.Hour), "hour")
	}
	return plural(int(d/(24*time.Hour)), "day")
}

// kindName is the name of a kind of principal, in words.
func kindName(kind string) string {
	words := strings.Split(kind, "_")
	for i, w := range words {
		switch w {
		case "aws", "iam", "sso", "saml":
			words[i] = strings.ToUpper(w)
		case "google", "entra":
			words[i] = strings.ToUpper(w[:1]) + w[1:]
		}
	}
	text := strings.Join(words, " ")
	switch kind {
	case "unknown", "anonymous", "redacted":
		return text + " caller"
	}
	return text
}

// shortName is what an ARN or a typed key ends with: "user/ada", "role/x".
func shortName(uid string) string {
	if parts := strings.SplitN(uid, ":", 6); len(parts) == 6 && parts[0] == "arn" {
		return parts[5]
	}
	return uid
}

func shortNames(uids []string) []string {
	short := make([]string, len(uids))
	for i, s := range uids {
		short[i] = shortName(s)
	}
	return short
}

// shortService drops what all names of a provider's services end with.
func shortService(name string) string {
	for _, end := range []string{".amazonaws.com", ".googleapis.com"} {
		if s, ok := strings.CutSuffix(name, end); ok && s != "" {
			return s
		}
	}
	return name
}

func shortServices(list []string) string {
	short := make([]string, len(list))
	for i, s := range list {
		short[i] = shortService(s)
	}
	return strings.Join(short, ", ")
}

// shortPermission is the provider's word, or service and operation.
func shortPermission(p string) string {
	service, rest, ok := strings.Cut(p, ":")
	if !ok {
		return p
	}
	return shortService(service) + ":" + rest
}

// shellQuote makes a text one word of a POSIX shell.
func shellQuote(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }

// joined lists texts: "a, b and c"; of more than five the first four and how
// many there are besides.
func joined(list []string) string { return listed(list, len(list)) }

// listed is joined for a list of which there are more than it holds.
func listed(list []string, total int) string {
	if total > len(list) || total > 5 {
		list = list[:min(len(list), 4)]
		list = append(append([]string{}, list...), count(total-len(list))+" more")
	}
	switch n := len(list); n {
	case 0:
		return ""
	case 1:
		return list[0]
	default:
		return strings.Join(list[:n-1], ", ") + " and " + list[n-1]
	}
}

// names lists counts with their numbers.
func names(list []Count) string {
	texts := make([]string, len(list))
	for i, c := range list {
		texts[i] = strings.ReplaceAll(cmp.Or(c.Name, "of no kind"), "_", " ") + " " + count(c.Calls)
	}
	return joined(texts)
}

// newNames lists what is new on one side.
func newNames(d Dimension) string {
	texts := make([]string, len(d.New))
	for i, c := range d.New {
		texts[i] = c.Name
	}
	return listed(texts, d.Total)
}

// refusals says what refused, in words. Its keys are the names of
// event.Reason.
var refusals = map[string]string{
	"unknown":              "a policy that the log does not name",
	"identity_policy":      "no policy of the identity allows it",
	"resource_policy":      "the policy of the resource",
	"permissions_boundary": "a permissions boundary",
	"session_policy":       "the policy of the session",
	"organization_policy":  "a policy of the organisation",
	"endpoint_policy":      "the policy of the VPC endpoint",
}

func refused(reason string) string { return cmp.Or(refusals[reason], reason) }

// held says in words what the root of a way held.
func held(r Root) string {
	id := func(format string) string { return fmt.Sprintf(format, r.ID) }
	switch r.By {
	case "long_lived_key":
		return id("with the long-lived access key %s")
	case "service_account_key":
		return id("with the service account's key %s")
	case "console_sign_in":
		return fmt.Sprintf("by signing in to the console at %s from %s", clock(r.SignIn.Time), cmp.Or(r.SignIn.IP, "an address that is not logged"))
	case "instance":
		return id("with the credentials that AWS delivered to the instance %s")
	case "resource":
		return id("as the managed identity of %s")
	case "delegation":
		if len(r.Over) > 0 {
			return id("on behalf of %s") + ", through " + joined(r.Over) + ", as the provider itself wrote"
		}
		return id("on behalf of %s, as the provider itself wrote")
	case "service":
		return "as a service of the provider"
	case "temporary_key":
		return id("with the temporary key %s, which no call in this input handed out")
	case "session":
		return id("in the sign-in session or with the token %s, whose beginning the sign-in log shows")
	case "application":
		return id("with a token of the application %s")
	case "oauth_client":
		return id("with a token of the OAuth client %s")
	}
	switch r.By {
	case "chain_cut":
		return fmt.Sprintf("no sooner than the chain was followed: it is longer than %s, and goes on before", plural(finding.MaxChain, "step"))
	case "chain_circle":
		return "nothing that the log tells: its steps, of one time, lead to one another"
	}
	return "with a credential that the record does not name"
}
