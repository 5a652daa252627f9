package emulate

import (
	_ "embed"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
)

// queryParams writes the form of a query call as CloudTrail does: names with a
// small first letter, "X.member.1" as a list, numbers and booleans as such.
func queryParams(form url.Values) map[string]any {
	out := map[string]any{}
	for _, k := range sortedKeys(form) {
		if k == "Action" || k == "Version" || masked(k) {
			continue
		}
		name, rest, nested := strings.Cut(k, ".")
		v := form.Get(k)
		if !nested {
			out[lowerFirst(name)] = scalar(v)
			continue
		}
		if strings.HasPrefix(rest, "member.") {
			list, _ := out[lowerFirst(name)].([]any)
			out[lowerFirst(name)] = append(list, scalar(v))
		}
	}
	return out
}

// ec2Sets are the names that EC2's lists of identifiers have in CloudTrail.
var ec2Sets = map[string]string{
	"InstanceId": "instancesSet", "GroupId": "securityGroupIdSet", "VolumeId": "volumeSet",
	"SnapshotId": "snapshotSet", "ImageId": "imagesSet", "Owner": "ownersSet", "VpcId": "vpcSet",
	"SubnetId": "subnetSet", "ResourceId": "resourcesSet",
}

// ec2Empty are the sets that EC2 writes even when the caller gave none.
var ec2Empty = map[string][]string{
	"DescribeInstances":      {"instancesSet", "filterSet"},
	"DescribeSecurityGroups": {"securityGroupSet", "securityGroupIdSet", "filterSet"},
	"DescribeVolumes":        {"volumeSet", "filterSet"},
	"DescribeSnapshots":      {"snapshotSet", "ownersSet", "sharedUsersSet", "filterSet"},
	"DescribeImages":         {"executableBySet", "filterSet", "imagesSet", "ownersSet"},
	"DescribeVpcs":           {"vpcSet", "filterSet"},
	"DescribeSubnets":        {"subnetSet", "filterSet"},
	"DescribeKeyPairs":       {"keySet", "filterSet"},
}

//go:embed ec2wrapped.txt
var ec2WrappedTXT string

var ec2Wrapped = sync.OnceValue(func() map[string]bool {
	out := map[string]bool{}
	for line := range strings.Lines(ec2WrappedTXT) {
		if line = strings.TrimSpace(line); line != "" && line[0] != '#' {
			out[line] = true
		}
	}
	return out
})

// wrappedParams writes the form of one of EC2's later calls:
//
//	{"DescribeFlowLogsRequest": {"Filter": {"Name": "x", "Value": {"tag": 1, "content": "y"}, "tag": 1}}}
func wrappedParams(form url.Values) map[string]any {
	in := map[string]any{}
	for _, k := range sortedKeys(form) {
		if k == "Action" || k == "Version" || masked(k) {
			continue
		}
		into := in
		part := strings.Split(k, ".")
		for i := 0; i < len(part); i++ {
			name := part[i]
			if i+1 == len(part) {
				into[name] = scalar(form.Get(k))
				break
			}
			n, err := strconv.Atoi(part[i+1])
			if err != nil {
				next, _ := into[name].(map[string]any)
				if next == nil {
					next = map[string]any{}
					into[name] = next
				}
				into = next
				continue
			}
			i++ // the number
			into = tagged(into, name, n)
			if i+1 == len(part) {
				into["content"] = scalar(form.Get(k))
			}
		}
	}
	return map[string]any{form.Get("Action") + "Request": in}
}

// tagged returns element n of a list: a list of one is the element itself.
func tagged(in map[string]any, name string, n int) map[string]any {
	element := map[string]any{"tag": n}
	switch was := in[name].(type) {
	case map[string]any:
		if was["tag"] == n {
			return was
		}
		in[name] = []any{was, element}
	case []any:
		if last, _ := was[len(was)-1].(map[string]any); last["tag"] == n {
			return last
		}
		in[name] = append(was, element)
	default:
		in[name] = element
	}
	return element
}

// ec2Params writes the form of an EC2 call as CloudTrail does, with its lists
// as sets of items.
func ec2Params(form url.Values) map[string]any {
	switch action := form.Get("Action"); {
	case ec2Wrapped()[action]:
		return wrappedParams(form)
	case action == "ModifySnapshotAttribute":
		return snapshotParams(form)
	}
	out := map[string]any{}
	for _, name := range ec2Empty[form.Get("Action")] {
		out[name] = map[string]any{}
	}
	filters := map[string]map[string]any{}
	var order []string
	addItem := func(set string, item map[string]any) {
		m, _ := out[set].(map[string]any)
		if m == nil {
			m = map[string]any{}
			out[set] = m
		}
		items, _ := m["items"].([]any)
		m["items"] = append(items, item)
	}
	for _, k := range sortedKeys(form) {
		if k == "Action" || k == "Version" || masked(k) {
			continue
		}
		v := form.Get(k)
		part := strings.Split(k, ".")
		switch {
		case len(part) == 1:
			out[lowerFirst(k)] = scalar(v)
		case (part[0] == "Filter" || part[0] == "Tag") && len(part) >= 3:
			id := part[0] + part[1]
			f := filters[id]
			if f == nil {
				f = map[string]any{}
				filters[id] = f
				order = append(order, id)
			}
			if part[2] == "Value" && part[0] == "Filter" {
				set, _ := f["valueSet"].(map[string]any)
				if set == nil {
					set = map[string]any{}
					f["valueSet"] = set
				}
				items, _ := set["items"].([]any)
				set["items"] = append(items, map[string]any{"value": v})
			} else {
				f[lowerFirst(part[2])] = v
			}
		case len(part) == 2:
			set := ec2Sets[part[0]]
			if set == "" {
				set = lowerFirst(part[0]) + "Set"
			}
			addItem(set, map[string]any{lowerFirst(part[0]): v})
		}
	}
	for _, id := range order {
		if strings.HasPrefix(id, "Filter") {
			addItem("filterSet", filters[id])
		} else {
			addItem("tagSet", filters[id])
		}
	}
	return out
}

// snapshotParams writes who a snapshot is shared with, and who no longer, as
// captured calls of ModifySnapshotAttribute have it. The API takes both as a
// list of one operation (OperationType, UserId.1, UserGroup.1) and as lists by
// operation (CreateVolumePermission.Add.1.UserId); the record has one form.
func snapshotParams(form url.Values) map[string]any {
	out := map[string]any{"snapshotId": form.Get("SnapshotId"), "attributeType": "CREATE_VOLUME_PERMISSION"}
	who := map[string]any{}
	add := func(operation, field, value string) {
		operation = strings.ToLower(operation)
		set, _ := who[operation].(map[string]any)
		if set == nil {
			set = map[string]any{"items": []any{}}
			who[operation] = set
		}
		set["items"] = append(set["items"].([]any), map[string]any{field: value})
	}
	for _, k := range sortedKeys(form) {
		switch part := strings.Split(k, "."); {
		case len(part) == 2 && part[0] == "UserId":
			add(form.Get("OperationType"), "userId", form.Get(k))
		case len(part) == 2 && part[0] == "UserGroup":
			add(form.Get("OperationType"), "group", form.Get(k))
		case len(part) == 4 && part[0] == "CreateVolumePermission":
			add(part[1], lowerFirst(part[3]), form.Get(k))
		}
	}
	if len(who) > 0 {
		out["createVolumePermission"] = who
	}
	return out
}

// sortedKeys returns a form's keys with their numbers in order, so that
// "InstanceId.10" follows "InstanceId.9".
func sortedKeys(form url.Values) []string {
	keys := make([]string, 0, len(form))
	for k := range form {
		keys = append(keys, k)
	}
	slices.SortFunc(keys, func(a, b string) int {
		as, bs := strings.Split(a, "."), strings.Split(b, ".")
		for i := range min(len(as), len(bs)) {
			an, aerr := strconv.Atoi(as[i])
			bn, berr := strconv.Atoi(bs[i])
			if aerr == nil && berr == nil {
				if an != bn {
					return an - bn
				}
				continue
			}
			if c := strings.Compare(as[i], bs[i]); c != 0 {
				return c
			}
		}
		return len(as) - len(bs)
	})
	return keys
}

func scalar(v string) any {
	switch v {
	case "true":
		return true
	case "false":
		return false
	}
	if n, err := strconv.ParseInt(v, 10, 32); err == nil && strconv.FormatInt(n, 10) == v {
		return n
	}
	return v
}
