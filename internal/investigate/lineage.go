package investigate

import (
	"cmp"
	"math"
	"slices"
	"strings"
	"time"

	"vedette/internal/codec/jsonscan"
	"vedette/internal/event"
	"vedette/internal/finding"
)

// grant is a call that handed out a credential, made a key, or began a
// session of the console.
type grant struct {
	call
	key     string // id of the credential
	session string // ARN of the session
	via     string // the call
	signIn  bool   // it hands out nothing that the log names: a sign-in
	before  *grant // that led to who called, once all grants are known
}

// grant reads what an event handed out.
func (k *keeper) grant(file string, record int, native []byte, ev *event.Event, how *issue) (grant, bool) {
	g := grant{key: text(ev.Grant.Key), session: text(ev.Grant.Session), via: ev.Grant.Via}
	if how != nil && ev.Outcome == event.OK {
		g.via = ev.API.Name
		if g.signIn = len(how.path) == 0; !g.signIn {
			id := text(jsonscan.GetText(native, how.path...))
			g.key = id[strings.LastIndexByte(id, '/')+1:]
		}
	}
	if g.key == "" && g.session == "" && !g.signIn {
		return g, false
	}
	g.call = k.call(file, record, native, ev)
	return g, true
}

// Lineage is how a caller got its credentials.
type Lineage struct {
	// Ways are the ways back, by the calls that were made with their
	// credentials, most first; at most 10.
	Ways      []Way `json:"ways"`
	WaysTotal int   `json:"ways_total"`
	Cited
}

// Way is one way back from credentials to who began it.
type Way struct {
	Calls   int      `json:"calls"` // made with these credentials in the time in question
	First   string   `json:"first"`
	Last    string   `json:"last"`
	Session string   `json:"session,omitempty"`
	Keys    []string `json:"keys"` // at most 5
	KeysAll int      `json:"keys_total"`
	Chain   []Link   `json:"chain"` // from the beginning on
	Root    Root     `json:"root"`
	chain   chain
	to      string // whom its last link led to
	last    int64
}

// Link is one observed step, with the record that shows it.
type Link struct {
	finding.Link
	FromKind string     `json:"from_kind"`
	IP       string     `json:"source_ip,omitempty"`
	At       finding.At `json:"at"`
}

// Root is where a way back ends.
type Root struct {
	Principal string `json:"principal"`
	Kind      string `json:"kind"`
	// By is what it held: "long_lived_key", "console_sign_in", "instance",
	// "delegation", "resource", "service", "temporary_key" whose issue is not
	// in the input, "session" of a sign-in that another log shows,
	// "service_account_key", "application" or "oauth_client" that the token was
	// issued to, or "nothing_logged". "chain_cut" is of a chain that is longer
	// than the 256 steps that are followed, and "chain_circle" of steps of one
	// time that led to one another: who began those is not shown.
	By string `json:"by"`
	ID string `json:"id,omitempty"` // of the key, the session or the thing behind it
	// Over are those between ID and Principal in a delegation, from ID on.
	Over []string `json:"over,omitempty"`
	// SignIn is the sign-in to the console that went before, where one is in the input.
	SignIn *finding.Evidence `json:"sign_in,omitempty"`

	signIn *call
}

// Limits on what is listed; totals stand beside.
const (
	maxWays = 10
	maxKeys = 5
)

// How long before its use a grant may lie that names a session and not a
// key: 36 hours for what STS hands out ("DurationSeconds", GetSessionToken and
// GetFederationToken, AWS STS API Reference), 12 hours for a sign-in to the
// console ("How long can I stay signed in", AWS Management Console docs).
const (
	maxSession = int64(36 * time.Hour)
	maxSignIn  = int64(12 * time.Hour)
)

// pedigree answers who stands behind a credential, as the engine's chains do.
type pedigree struct {
	byKey, bySession map[string][]*grant // in order of time
	signIns          map[string][]*grant // by principal
	grants           []grant
}

func newPedigree(grants []grant) *pedigree {
	p := &pedigree{byKey: map[string][]*grant{}, bySession: map[string][]*grant{}, signIns: map[string][]*grant{}, grants: grants}
	for i := range grants {
		g := &grants[i]
		if g.signIn {
			p.signIns[g.who.principal] = append(p.signIns[g.who.principal], g)
		}
		if g.key != "" {
			p.byKey[g.key] = append(p.byKey[g.key], g)
		}
		if g.session != "" {
			p.bySession[g.session] = append(p.bySession[g.session], g)
		}
	}
	for name, list := range p.bySession {
		// A name that several took leads nowhere.
		if slices.ContainsFunc(list, func(g *grant) bool { return g.who.principal != list[0].who.principal }) {
			delete(p.bySession, name)
		}
	}
	for i := range grants {
		g := &grants[i]
		g.before = p.step(g.who, g.time, g.time)
	}
	return p
}

// step is the grant that a credential came from, which was used between two
// times, or nil.
func (p *pedigree) step(c *caller, first, last int64) *grant {
	if c.key != "" {
		if g := nearest(p.byKey[c.key], math.MinInt64, first, last); g != nil {
			return g
		}
	}
	if c.session != "" {
		return nearest(p.bySession[c.session], first-maxSession, first, last)
	}
	return nil
}

// nearest is the last grant before the first use, else the first before the
// last.
func nearest(list []*grant, from, first, last int64) *grant {
	n, _ := slices.BinarySearchFunc(list, first, func(g *grant, t int64) int {
		if g.time <= t {
			return -1
		}
		return 1
	})
	if n > 0 && list[n-1].time >= from {
		return list[n-1]
	}
	if n < len(list) && list[n].time <= last {
		return list[n]
	}
	return nil
}

// chain is a way back over grants.
type chain struct {
	nearest *grant // the one that the rest follows from, or nil
	steps   int
	began   *caller
	at      int64  // when that was used
	ended   string // "chain_cut" or "chain_circle" where began is not who began it
}

// chain follows a credential back, to who began it and when.
func (p *pedigree) chain(c *caller, first, last int64) chain {
	way := chain{nearest: p.step(c, first, last), began: c, at: first}
	// Grants do not go forward in time: a circle is of one time.
	var same []*grant
	for g := way.nearest; g != nil; g = g.before {
		if way.steps == finding.MaxChain {
			way.ended = "chain_cut"
			break
		}
		if len(same) > 0 && same[0].time != g.time {
			same = same[:0]
		}
		if slices.Contains(same, g) {
			way.ended = "chain_circle"
			break
		}
		same = append(same, g)
		way.began, way.at = g.who, g.time
		way.steps++
	}
	return way
}

// grants are those of a way, the nearest first.
func (c *chain) grants() []*grant {
	list := make([]*grant, 0, c.steps)
	for g := c.nearest; len(list) < c.steps; g = g.before {
		list = append(list, g)
	}
	return list
}

// lineage finds the ways back of the credentials of calls.
func lineage(p *pedigree, calls []call, limit int) Lineage {
	type used struct {
		who         *caller
		n           int
		first, last int64
	}
	by := map[string]*used{}
	var order []*used
	for i := range calls {
		c := &calls[i]
		name := c.who.session + "\x00" + c.who.key + "\x00" + c.who.creator + "\x00" + c.who.delegates
		u := by[name]
		if u == nil {
			u = &used{who: c.who, first: c.time}
			by[name] = u
			order = append(order, u)
		}
		u.n, u.last = u.n+1, c.time
	}
	// Credentials with one way back, such as the hundred keys of a console
	// session, are one way.
	ways := map[string]*Way{}
	var list []*Way
	for _, u := range order {
		way := p.chain(u.who, u.first, u.last)
		root := p.root(way.began, way.at)
		if way.began.kind == event.AWSService && u.who.creator != "" {
			// A service handed it out to its own workload, which began it.
			root = p.root(u.who, u.first)
			root.Principal, root.Kind = u.who.creator, event.UnknownActor.String()
		}
		if way.ended != "" {
			root = Root{Principal: way.began.principal, Kind: way.began.kind.String(), By: way.ended, ID: way.began.key}
		}
		name := root.By + "\x00" + root.Principal
		switch root.By {
		case "long_lived_key", "service_account_key", "session", "delegation":
			name += "\x00" + root.ID + "\x00" + strings.Join(root.Over, "\n")
		}
		if way.nearest != nil {
			name += "\x00" + way.nearest.id // all before follows from it
		}
		w := ways[name]
		if w == nil {
			w = &Way{First: stamp(u.first), Session: u.who.session, Keys: []string{}, Chain: []Link{}, Root: root, chain: way, to: u.who.principal}
			ways[name] = w
			list = append(list, w)
		}
		w.Calls += u.n
		w.last = max(w.last, u.last)
		w.Last = stamp(w.last)
		if u.who.key != "" {
			if w.KeysAll++; len(w.Keys) < maxKeys {
				w.Keys = append(w.Keys, u.who.key)
			}
		}
	}
	slices.SortStableFunc(list, func(a, b *Way) int { return cmp.Compare(b.Calls, a.Calls) })
	l := Lineage{Ways: []Way{}, WaysTotal: len(list)}
	var cited []*call
	seen := map[*grant]bool{}
	for _, w := range list {
		if w.Root.signIn != nil {
			cited = append(cited, w.Root.signIn)
		}
		// What comes before a grant that another way has, that way has too.
		var own []*call
		for g, n := w.chain.nearest, 0; n < w.chain.steps && !seen[g]; g, n = g.before, n+1 {
			seen[g] = true
			own = append(own, &g.call)
		}
		slices.Reverse(own)
		cited = append(cited, own...)
		if len(l.Ways) < maxWays {
			w.links()
			l.Ways = append(l.Ways, *w)
		}
	}
	l.Cited = cite(distinct(cited), limit)
	return l
}

// links fills in the chain.
func (w *Way) links() {
	to := w.to
	for _, g := range w.chain.grants() {
		w.Chain = append(w.Chain, g.link(to))
		to = g.who.principal
	}
	slices.Reverse(w.Chain)
}

func (g *grant) link(to string) Link {
	return Link{
		Link:     finding.Link{From: g.who.principal, To: to, Via: g.via, Session: g.session, Key: g.key, FromKey: g.who.key, Time: stamp(g.time), EventID: g.id},
		FromKind: g.who.kind.String(), IP: g.from.address, At: finding.At{File: g.file, Record: g.record},
	}
}

// root says what who began a chain held.
func (p *pedigree) root(c *caller, at int64) Root {
	r := Root{Principal: c.principal, Kind: c.kind.String(), ID: c.key}
	scheme, thing, _ := strings.Cut(c.creator, ":")
	switch {
	case c.kind == event.AWSService:
		r.By = "service"
	case scheme == "instance" || scheme == "resource":
		r.By, r.ID = scheme, thing
	case c.creator != "" || c.delegates != "":
		r.By, r.ID = "delegation", c.creator
		if c.delegates != "" {
			r.Over = strings.Split(c.delegates, "\n")
			slices.Reverse(r.Over)
		}
		if r.ID == "" { // who began it has no name
			r.ID, r.Over = r.Over[0], r.Over[1:]
		}
	case c.cloud == event.AWS && strings.HasPrefix(c.key, "AKIA"):
		// "Unique identifiers", IAM User Guide: AKIA is an access key, ASIA a
		// temporary one of STS.
		r.By = "long_lived_key"
	case c.cloud == event.GCP && c.key != "" && c.kind == event.GCPServiceAccount:
		r.By = "service_account_key"
	case c.cloud == event.AWS:
		if g := nearest(p.signIns[c.principal], at-maxSignIn, at, at); g != nil {
			r.By = "console_sign_in"
			e := g.evidence()
			r.SignIn, r.signIn = &e, &g.call
			return r
		}
		if r.By = "nothing_logged"; c.key != "" {
			r.By = "temporary_key"
		}
	case c.session != "":
		r.By, r.ID = "session", c.session
	case c.cloud == event.Azure && c.key != "":
		r.By = "application"
	case c.cloud == event.GCP && c.key != "":
		r.By = "oauth_client"
	default:
		r.By = "nothing_logged"
	}
	return r
}

// maxRounds bounds how often the grants are gone through for credentials that
// were handed out with others: they are in order of time, so that more than one
// round is for those of one time.
const maxRounds = 16

// opened collects the credentials that the holders of some credentials handed
// out from a time on, and so on.
func (p *pedigree) opened(mine func(*caller) bool, from int64) map[string]int64 {
	since := map[string]int64{}
	holds := func(g *grant) bool {
		if mine(g.who) {
			return g.time >= from
		}
		for _, name := range []string{g.who.key, g.who.session} {
			if t, ok := since[name]; ok && name != "" && g.time >= t {
				return true
			}
		}
		return false
	}
	for range maxRounds {
		grew := false
		for i := range p.grants {
			g := &p.grants[i]
			if g.signIn || !holds(g) {
				continue
			}
			names := []string{g.key}
			if g.key == "" {
				names[0] = g.session // the id of a key is of one credential alone
				if p.bySession[g.session] == nil {
					continue
				}
			}
			for _, name := range names {
				if t, ok := since[name]; !ok || g.time < t {
					since[name], grew = g.time, true
				}
			}
		}
		if !grew {
			break
		}
	}
	return since
}
