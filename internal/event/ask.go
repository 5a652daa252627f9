package event

// AsksForAll reports whether a request, in the form of [Event.Target], asks
// for all that there is: it names no resource and filters nothing. AWS alone
// logs what was asked for in a form that tells; for other clouds the
// operation does, and AsksForAll is true.
//
// Sizes and tokens of pages are no filter, nor is asking for one's own
// ("self"), without which EC2 lists all public images and snapshots.
func AsksForAll(c Cloud, target []byte) bool {
	if c != AWS {
		return true
	}
	// Every value that is a text, a number or a truth must stand under a
	// member that sizes pages. Requests are small JSON objects; what is no
	// JSON asks for something.
	name := ""
	for i := 0; i < len(target); i++ {
		switch b := target[i]; {
		case b == '"':
			j := i + 1
			for j < len(target) && target[j] != '"' {
				if target[j] == '\\' {
					j++
				}
				j++
			}
			if j >= len(target) {
				return false
			}
			text := target[i+1 : j]
			i = j
			if k := skipBlanks(target, i+1); k < len(target) && target[k] == ':' {
				name = sized(text)
				i = k
				continue
			}
			if name == "" && string(text) != "self" {
				return false
			}
		case b >= '0' && b <= '9', b == '-', b == 't', b == 'f':
			if name == "" {
				return false
			}
			for i+1 < len(target) && target[i+1] != ',' && target[i+1] != '}' && target[i+1] != ']' {
				i++
			}
		}
	}
	return true
}

func skipBlanks(b []byte, i int) int {
	for i < len(b) && (b[i] == ' ' || b[i] == '\n' || b[i] == '\t' || b[i] == '\r') {
		i++
	}
	return i
}

// sized returns the name of a member where it sizes or turns pages, else "".
func sized(member []byte) string {
	switch string(member) {
	case "maxResults", "MaxResults", "maxRecords", "MaxRecords", "maxItems", "MaxItems", "limit", "Limit", "pageSize", "PageSize", "maxKeys", "max-keys",
		"nextToken", "NextToken", "marker", "Marker", "dryRun", "DryRun", "includeAllInstances", "allRegions", "includeShadowTrails", "encoding-type":
		return string(member)
	}
	return ""
}
