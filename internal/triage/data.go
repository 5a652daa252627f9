package triage

import (
	_ "embed"
	"strings"
	"sync"

	"vedette/internal/event"
	"vedette/internal/tsv"
)

// Operations that matter when who enumerates makes them. Sources: ATT&CK
// procedure examples of T1098, T1136, T1537, T1562.008, T1552 and T1578, and
// the incidents of internal/footprint.
//
//go:embed follow_on.tsv
var followOnTSV string

// Operations of which one call answers what many reads would. Source: the
// providers' API references.
//
//go:embed bulk.tsv
var bulkTSV string

//go:embed common_services.txt
var commonServices string

var common = sync.OnceValue(func() map[string]bool {
	m := map[string]bool{}
	for _, line := range strings.Split(commonServices, "\n") {
		if line != "" && line[0] != '#' {
			m[line] = true
		}
	}
	return m
})

var (
	followOn = sync.OnceValue(func() map[string]string { return table("follow_on.tsv", followOnTSV, "kind") })
	bulk     = sync.OnceValue(func() map[string]string { return table("bulk.tsv", bulkTSV, "answers") })
)

// table reads rows of cloud, service, operation and a value, by the first
// three with blanks between them.
func table(name, text, value string) map[string]string {
	m := map[string]string{}
	for _, f := range tsv.Must("triage/"+name, text, "cloud service operation "+value) {
		m[f[0]+" "+f[1]+" "+f[2]] = f[3]
	}
	return m
}

// Notable says of an API whether a call of it matters by itself.
func Notable(a *event.API) bool { return FollowOn(a) != "" }

// FollowOn says what a call that matters by itself is for: keys, policy,
// sharing, secrets, logging or compute; "" of any other API.
func FollowOn(a *event.API) string { return followOn()[apiName(a)] }

// Telling says what [FollowOn] says, and more: lists of keys at Azure hand out
// secrets and GetSessionToken hands out a key, which count as discovery and not
// as what followed, and which whoever looks into it must see.
func Telling(a *event.API) string {
	switch kind := FollowOn(a); {
	case kind != "":
		return kind
	case a.Cloud == event.Azure && listsKeys(a):
		return "secrets"
	case a.Service == "sts.amazonaws.com" && a.Name == "GetSessionToken":
		return "keys"
	}
	return ""
}
